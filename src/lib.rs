//! zfsp reads ZFS without ZFS: from the bytes alone, whatever state the pool is in.
//!
//! From the devices up, each layer stands on those before it:
//!
//! | module | from | to |
//! |---|---|---|
//! | [`device`] | paths | devices, partitions, packed images; read only |
//! | [`vdev`] | an offset on a top-level vdev | bytes, by every way there is: mirrors, parity, spares, mappings |
//! | [`checksum`], [`compress`] | bytes | bytes |
//! | [`crypt`] | keys, ciphertext | bytes, authenticated |
//! | [`block`] | a block pointer | the block, proven |
//! | [`object`], [`objset`], [`zap`] | a dnode | blocks, holes, names and values |
//! | [`pool`] | devices | labels, vdevs, uberblock, meta object set |
//! | [`dataset`] | names | object sets; properties, holds, permissions, space by user |
//! | [`keyring`] | keys of users | encrypted datasets, opened |
//! | [`mod@file`], [`fs`], [`volume`] | object sets | directories, files, their attributes and bytes |
//! | [`namespace`] | names across datasets | what they lead to |
//! | [`mount`] | a pool | one tree of numbered nodes, for operating systems |
//! | [`manifest`] | datasets | a line for each object: what the kernel would show |
//! | [`diff`] | two states of a dataset | what changed |
//! | [`history`], [`error_log`], [`zil`] | a pool, an object set | what was done, what is damaged, what is pending |
//! | [`walk`], [`verify`], [`stats`] | a pool | every block once, checked and counted |
//! | [`decode`], [`view`] | any bytes | every field with its place and meaning |
//!
//! ```
//! use zfsp::{dataset::Datasets, device, pool::{Gathering, Options, Pool}};
//!
//! let found = device::find(&["fixtures/simple".into()]);
//! let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! assert_eq!((pool.name.as_str(), pool.uberblock.txg.0), ("lab", 49));
//!
//! let datasets = Datasets::of(&pool);
//! let files = datasets.find("lab/n1@s1")?.objset(&pool)?;
//! for object in files.objects() {
//!     let object = object?; // what is lost is an error, and the next one follows
//!     println!("{}: {}, {} bytes", object.at, object.r#type, object.size());
//! }
//! # Ok::<(), zfsp::error::Error>(())
//! ```

pub mod block;
pub mod checksum;
pub mod compress;
pub mod crypt;
pub mod dataset;
pub mod decode;
pub mod device;
pub mod diff;
pub mod dump;
pub mod error;
pub mod error_log;
pub mod file;
pub mod fs;
pub mod history;
pub mod keyring;
pub mod manifest;
mod memory;
pub mod mount;
pub mod namespace;
pub mod object;
pub mod objset;
mod per_thread;
pub mod pool;
pub mod stats;
pub mod vdev;
pub mod verify;
pub mod view;
pub mod volume;
pub mod walk;
pub mod zap;
pub mod zil;
