//! All that a pool knows of its datasets, each thing read when it is first asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::objset::ObjsetType;
use zfsp_grammar::quantity::ObjectId;

use super::attributes::Attributes;
use super::{Dataset, Datasets, Dir, Kind};
use crate::object::{Loss, Object};
use crate::objset::ObjectSet;
use crate::pool::PoolRef;

/// The dataset and snapshot layer of a pool.
#[derive(Debug)]
pub struct Dsl<'p> {
    /// Whose it is.
    pub pool: PoolRef<'p>,
    /// The datasets that names lead to.
    pub datasets: Datasets,
    names: HashMap<u64, String>,
    zaps: Mutex<HashMap<(u64, u64), Arc<Attributes>>>,
    sets: Mutex<HashMap<u64, Arc<Result<ObjectSet, Loss>>>>,
}

impl<'p> Dsl<'p> {
    /// Of this pool.
    #[must_use]
    pub fn of(pool: impl Into<PoolRef<'p>>) -> Self {
        let pool = pool.into();
        let datasets = Datasets::of(&pool);
        let sets = datasets.all.iter().map(|set| (set.object, set.name.clone()));
        let names = datasets.dirs.iter().map(|dir| (dir.object, dir.name.clone())).chain(sets).collect();
        Self { pool, datasets, names, zaps: Mutex::default(), sets: Mutex::default() }
    }

    /// The name of a directory or dataset, by its MOS object.
    #[must_use]
    pub fn name(&self, object: u64) -> Option<&str> {
        self.names.get(&object).map(String::as_str)
    }

    /// The snapshot that a clone was made of, by its MOS object; `None` for what is no clone.
    #[must_use]
    pub fn origin(&self, dir: &Dir) -> Option<u64> {
        dir.phys.is_clone(self.nothing()).then_some(dir.phys.origin_obj.0)
    }

    /// The directories of the clones of a snapshot, without those of receives that are not finished.
    pub fn clones(&self, snapshot: &Dataset) -> impl Iterator<Item = &Dir> {
        let is_clone = |dir: &&Dir| !dir.is_hidden && dir.phys.origin_obj.0 == snapshot.object;
        self.datasets.dirs.iter().map(AsRef::as_ref).filter(is_clone)
    }

    /// The empty snapshot that is the origin of all that are no clones; 0 in pools that do not have it.
    fn nothing(&self) -> ObjectId {
        let mut sets = self.datasets.all.iter();
        let named = sets.find(|set| set.is_snapshot() && set.name.ends_with("/$ORIGIN@$ORIGIN"));
        // if it is lost, the root is most likely no clone
        let root = || self.datasets.dirs.first().map_or(ObjectId(0), |root| root.phys.origin_obj);
        named.map_or_else(root, |set| ObjectId(set.object))
    }

    /// The attributes of a ZAP in the MOS; 0 stands for none.
    pub(super) fn zap(&self, object: u64) -> Arc<Attributes> {
        if object == 0 {
            return Arc::default();
        }
        self.kept((0, object), || self.pool.mos.object(object))
    }

    /// What a directory or dataset remembers beyond its fixed structure (11.4).
    pub(super) fn extension(&self, object: u64) -> Arc<Attributes> {
        let found = self.pool.mos.object(object);
        if found.as_ref().is_ok_and(|found| found.r#type != ZAPIFIED) {
            return Arc::default();
        }
        self.kept((0, object), || found)
    }

    /// The attributes of a ZAP of a dataset.
    pub(super) fn zap_of(&self, set: &Dataset, object: u64) -> Arc<Attributes> {
        self.kept((set.object, object), || self.objset(set)?.object(object))
    }

    fn kept(&self, key: (u64, u64), object: impl FnOnce() -> Result<Object, Loss>) -> Arc<Attributes> {
        let known = |of: &Mutex<HashMap<_, Arc<Attributes>>>| {
            of.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned()
        };
        known(&self.zaps).unwrap_or_else(|| {
            let read = Arc::new(Attributes::of(object()));
            self.zaps.lock().unwrap_or_else(PoisonError::into_inner).insert(key, read.clone());
            read
        })
    }

    /// The objects of a dataset.
    ///
    /// # Errors
    /// [`Loss`], if its object set cannot be had.
    pub fn objset(&self, set: &Dataset) -> Result<ObjectSet, Loss> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let read = sets.entry(set.object).or_insert_with(|| Arc::new(set.objset(&self.pool)));
        Result::clone(read)
    }

    /// What a dataset is. The objects of a snapshot are not looked at.
    ///
    /// # Errors
    /// [`Loss`], if its object set cannot be had.
    pub fn kind(&self, set: &Dataset) -> Result<Kind, Loss> {
        if set.is_snapshot() {
            return Ok(Kind::Snapshot);
        }
        Ok(match self.objset_type(set)? {
            Some(ObjsetType::ZVOL) => Kind::Volume,
            _ => Kind::FileSystem,
        })
    }

    /// What kind of objects a dataset has; `None` if it was never written.
    ///
    /// # Errors
    /// [`Loss`], if its object set cannot be had.
    pub fn objset_type(&self, set: &Dataset) -> Result<Option<ObjsetType>, Loss> {
        if set.phys.bp.is_hole() {
            return Ok(None);
        }
        Ok(Some(self.objset(set)?.r#type))
    }
}

/// Type of directories and datasets that are ZAPs as well.
const ZAPIFIED: ObjectType = ObjectType(0xc4);
