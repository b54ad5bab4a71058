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
//! # By topic
//!
//! Each name decodes bytes with `zfsp-decode NAME` and prints its table with `zfsp-decode --spec NAME`.
//! Words that have no name of their own are parts of the structures named here.
//!
//! | topic | module | handbook | names |
//! |---|---|---|---|
//! | labels and the configuration | [`label`], [`config`] | [01](handbook::labels) | `label`, `vdev-phys` |
//! | uberblocks, the checkpoint | [`uberblock`], [`checkpoint`] | [01](handbook::labels), [13](handbook::space) | `uberblock`, `checkpoint` |
//! | what proves itself | [`eck`] | [01](handbook::labels), [04](handbook::checksums) | |
//! | boot environment | [`bootenv`] | [01](handbook::labels) | `bootenv` |
//! | cache devices | [`l2arc`] | [01](handbook::labels) | `l2arc-header`, `l2arc-log-block` |
//! | name-value lists | [`nvlist`] | [02](handbook::nvlist) | `nvlist` |
//! | block pointers, gang blocks | [`blkptr`], [`gang`], [`notation`] | [03](handbook::blkptr) | `blkptr`, `dva`, `indirect`, `gang` |
//! | numbers of algorithms | [`algorithms`] | [04](handbook::checksums), [05](handbook::compression) | |
//! | objects and their types | [`dnode`], [`bonus`], [`object_type`] | [06](handbook::dnode_objset) | `dnode`, `object-array` |
//! | object sets | [`objset`] | [06](handbook::dnode_objset) | `objset` |
//! | ZAPs | [`zap`] | [10](handbook::zap) | `zap`, `microzap`, `zap-header`, `zap-leaf` |
//! | the pool directory, feature flags | [`dsl::pool_directory`], [`dsl::feature`] | [11](handbook::dsl), [07](handbook::feature_flags) | `removing`, `condensing`, `txg-log-time` |
//! | directories and datasets | [`dsl::dir`], [`dsl::dataset`], [`dsl::property`] | [11](handbook::dsl) | `dsl-dir`, `dsl-dataset` |
//! | holds, delegated permissions, keys | [`dsl::hold`], [`dsl::delegation`], [`dsl::crypto_key`] | [11](handbook::dsl), [22](handbook::encryption) | |
//! | bookmarks, redaction | [`dsl::bookmark`] | [06](handbook::dnode_objset), [11](handbook::dsl) | `zbookmark`, `bookmark`, `redaction-list-header`, `redaction-list` |
//! | dead blocks | [`dsl::deadlist`], [`dsl::bpobj`], [`dsl::bptree`] | [11](handbook::dsl) | `deadlist-header`, `bpobj-header`, `bpobj`, `bptree-header`, `bptree` |
//! | history, errors, scrubs | [`dsl::history`], [`dsl::error_log`], [`dsl::scan`], [`dsl::vdev_zap`] | [11](handbook::dsl) | `history-header`, `history`, `scan`, `error-scrub`, `vdev-rebuild` |
//! | a file system's own objects | [`master_node`], [`accounting`], [`dirent`] | [12](handbook::zpl) | `dirent` |
//! | attributes of files | [`sa`], [`layout`], [`znode`], [`mode`], [`device`] | [12](handbook::zpl) | `sa`, `sa-registration`, `sa-layout`, `znode`, `symlink` |
//! | who may do what | [`acl`], [`posix_acl`], [`fuid`] | [12](handbook::zpl) | `acl`, `acl-v0`, `znode-acl`, `posix-acl`, `fuid`, `fuid-table`, `fuid-size` |
//! | extended attributes | [`xattr`] | [12](handbook::zpl) | `dxattr` |
//! | free space | [`space_map`] | [13](handbook::space) | `space-map-header`, `space-map`, `log-space-map`, `dtl` |
//! | removed vdevs | [`indirect_mapping`] | [13](handbook::space) | `indirect-mapping-header`, `indirect-mapping`, `indirect-births`, `obsolete-counts` |
//! | dedup tables | [`ddt`] | [13](handbook::space) | `ddt-key`, `ddt-value`, `ddt-flat`, `ddt-legacy`, `ddt-log-header`, `ddt-log`, `ddt-histogram` |
//! | shared blocks | [`brt`] | [13](handbook::space) | `brt-vdev`, `brt-counts` |
//! | the intent log | [`zil`] | [13](handbook::space) | `zil-header`, `zil-block`, `zil-record` |
//!
//! What all of them are made of: [`input`] (bytes and parsers), [`quantity`] (numbers with a meaning),
//! [`record!`], [`bits!`], [`symbols!`] and [`one_of!`] (declarations). [`catalogue`] finds structures by name.
//! The whole [`handbook`] is here too.
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
#[cfg(all(doc, not(doctest)))]
pub mod handbook;
pub mod indirect_mapping;
pub mod l2arc;
pub mod label;
pub mod layout;
pub mod master_node;
pub mod mode;
pub mod notation;
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
