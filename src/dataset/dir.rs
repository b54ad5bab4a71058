//! Directories: what all states of a dataset share, and where it stands in the tree.
//!
//! Quotas, used space, properties, permissions and keys belong to the directory; the live dataset and its snapshots hang
//! from it. Handbook: `docs/format/11-dsl.md`, 11.2 and 11.4.

use std::sync::Arc;

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::dataset::DslDataset;
use zfsp_grammar::dsl::dir::DslDir;
use zfsp_grammar::object_type::ObjectType;

use crate::block::Why;
use crate::object::{DNODE, Loss, Object};

/// A directory that names lead to.
#[derive(Clone, Debug)]
pub struct Dir {
    /// `pool/a/b`: the name of its live dataset.
    pub name: String,
    /// MOS object.
    pub object: u64,
    /// What the MOS says of it.
    pub phys: DslDir,
    /// The directory above; the root has none.
    pub parent: Option<Arc<Dir>>,
    /// The pool's own, or below one of these.
    pub is_hidden: bool,
}

impl Dir {
    /// It, the one above, and so on up to the root.
    pub fn upwards(&self) -> impl Iterator<Item = &Dir> {
        std::iter::successors(Some(self), |dir| dir.parent.as_deref())
    }
}

/// The directory that is this object of the MOS.
pub(super) fn phys(object: &Object) -> Result<DslDir, Loss> {
    match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::DslDir(dir)) if object.bonustype == ObjectType::DSL_DIR => Ok(dir),
        _ => Err(Loss::new(object.at.block(0, DNODE), Why::Corrupt("no DSL directory".into()))),
    }
}

/// The dataset that is this object of the MOS.
pub(crate) fn dataset(object: &Object) -> Result<DslDataset, Loss> {
    match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::DslDataset(dataset)) => Ok(dataset),
        _ => Err(Loss::new(object.at.block(0, DNODE), Why::Corrupt("no dataset".into()))),
    }
}
