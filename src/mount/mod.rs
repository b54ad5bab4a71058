//! A pool as one tree of numbered nodes: what an operating system asks of a file system, for all datasets at once.
//!
//! Datasets stand where their names say; each has `.zfs/snapshot/NAME`, and `.zfs/volumes/NAME` for the volumes right
//! below it, which no listing shows. What cannot be read is still named. Handbook: `docs/format/11-dsl.md`, 11.11, and
//! `docs/format/12-zpl.md`.
//!
//! ```
//! # use std::sync::Arc;
//! # use zfsp::{device, namespace::Namespace, pool::{Gathering, Options, Pool}};
//! use zfsp::mount::Tree;
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let tree = Tree::of(Namespace::of(Arc::new(pool)), None)?;
//! let mut at = tree.root();
//! for name in ["n1", ".zfs", "snapshot", "s1"] {
//!     at = tree.lookup(at, name.as_bytes())?;
//! }
//! assert!(!tree.list(at)?.entries.is_empty());
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod node;
mod number;
mod tree;

pub use node::{Node, Stat};
pub use number::{Made, Named, Number};
pub use tree::{Entry, Listing, Tree};
