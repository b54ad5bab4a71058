//! The on-disk format of ZFS as a grammar: the specification reads as code.
//!
//! One declaration of a structure gives its typed value in both byte orders, the annotated tree of
//! its fields ([`tree`]), and the table of its specification ([`spec`]).
//!
//! ```
//! use zfsp_grammar::{input::{Input, Order, Parse}, blkptr::Dva};
//!
//! let bytes = [0x08, 0, 0, 0, 1, 0, 0, 0, 0x10, 0x80, 0x01, 0, 0, 0, 0, 0];
//! let (_, dva) = Dva::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(dva.to_string(), "<1:3002000:1000>");
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! # Contract
//!
//! Every parser is safe on untrusted bytes: it never panics, always ends, recurses at most
//! [`input::DEEPEST`] levels, and allocates at most a small multiple of its input.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod input;
pub mod spec;
pub mod tree;
#[macro_use]
mod words;
pub mod accounting;
pub mod acl;
pub mod algorithms;
pub mod blkptr;
pub mod bonus;
pub mod bootenv;
pub mod brt;
pub mod catalogue;
pub mod checkpoint;
pub mod config;
pub mod ddt;
pub mod device;
pub mod dirent;
pub mod dnode;
pub mod dsl;
pub mod eck;
pub mod fuid;
pub mod gang;
pub mod indirect_mapping;
pub mod l2arc;
pub mod label;
pub mod layout;
pub mod master_node;
pub mod mode;
pub mod nvlist;
pub mod object_type;
pub mod objset;
pub mod posix_acl;
pub mod quantity;
pub mod sa;
pub mod space_map;
pub mod uberblock;
pub mod xattr;
pub mod zap;
pub mod zil;
pub mod znode;
