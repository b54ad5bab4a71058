//! What opens blocks whose dataset is not known: of a pointer that was given as text, any key may be the right one.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.6.

use std::sync::Arc;

use zfsp::block::Store;
use zfsp::dataset::Dsl;
use zfsp::pool::Pool;
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::object_type::ObjectType;

/// What blocks are read with: without a key, or with one of those that were given.
#[derive(Debug)]
pub(crate) struct Opener {
    plain: Arc<Store>,
    keyed: Vec<Keyed>,
}

/// What the blocks of a dataset are read with.
#[derive(Debug)]
struct Keyed {
    dataset: String,
    store: Arc<Store>,
}

impl Opener {
    /// Without any key.
    pub(crate) fn plain(plain: Arc<Store>) -> Self {
        Self { plain, keyed: Vec::new() }
    }

    /// With the keys that are on the keyring of the pool.
    pub(crate) fn of(pool: &Pool) -> Self {
        let mut opener = Self::plain(pool.store.clone());
        if pool.keyring.is_empty() {
            return opener;
        }
        // clones share the key of their origin, which comes first
        for dir in &Dsl::of(pool).datasets.dirs {
            let Some(store) = pool.keyring.store(dir.object) else { continue };
            if !opener.keyed.iter().any(|keyed| Arc::ptr_eq(&keyed.store, store)) {
                opener.keyed.push(Keyed { dataset: dir.name.clone(), store: store.clone() });
            }
        }
        opener
    }

    /// How many keys there are to try.
    pub(crate) fn count(&self) -> usize {
        self.keyed.len()
    }

    /// What reads any block, as far as that takes no key.
    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.plain
    }

    /// What reads that block, and the dataset whose key it is: its MAC decides.
    pub(crate) fn choose(&self, pointer: &Pointer) -> (&Arc<Store>, Option<&str>) {
        // the MACs of pointers and of object sets are not in the pointer
        let is_under_key =
            pointer.is_under_mac() && pointer.level() == 0 && pointer.r#type() != ObjectType::OBJSET;
        // any copy will do
        let opens = |keyed: &&Keyed| is_under_key && keyed.store.authentic(pointer).is_ok();
        match self.keyed.iter().find(opens) {
            Some(Keyed { dataset, store }) => (store, Some(dataset)),
            None => (&self.plain, None),
        }
    }
}
