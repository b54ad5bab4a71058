//! The intent log: what was promised to applications before it was in the tree.
//!
//! `fsync` may not wait for the next txg, so what was done since the last one is written to a chain of
//! blocks beside the tree, one chain per file system or volume. After a clean export it is empty; after a
//! crash, an import replays it.
//!
//! | part | file |
//! |---|---|
//! | where the chain starts: [`ZilHeader`](header::ZilHeader), a part of the object set | `header.rs` |
//! | a block, its proof and the pointer to the next: [`ZilBlock`](chain::ZilBlock) | `chain.rs` |
//! | what was done: [`Record`](record::Record), with the bodies of its 24 types | `record.rs` |
//! | new objects | `create.rs` |
//! | names that come, go and move | `name.rs` |
//! | contents | `write.rs` |
//! | attributes and ACLs | `attribute.rs`, `acl.rs` |
//! | all of this before it is decrypted | `encrypted.rs` |
//!
//! Handbook: [`docs/format/13-space.md`], 13.8.
//!
//! ```
//! let record = zfsp_grammar::catalogue::find("zil-record").expect("a structure");
//! assert!(matches!((record.parts)(), zfsp_grammar::spec::Parts::Record(_)));
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

pub mod acl;
pub mod attribute;
pub mod chain;
pub mod create;
pub mod encrypted;
pub mod header;
pub mod name;
pub mod record;
pub mod write;

use crate::catalogue::{Structure, structure};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!(
        "zil-header",
        "start of an intent log, in its object set",
        "13-space.md 13.8",
        header::ZilHeader
    ),
    structure!('a: "zil-block", "block of an intent log, whole", "13-space.md 13.8", chain::ZilBlock<'a>),
    structure!('a: "zil-record", "record of an intent log", "13-space.md 13.8", record::Record<'a>),
];
