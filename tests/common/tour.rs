//! What a pool consists of, block by block.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use zfsp::block::{Block, Store};
use zfsp::object::{Bookmark, Loss};
use zfsp::pool::Pool;
use zfsp::walk::{Seen, Visitor, Walk};
use zfsp_grammar::blkptr::{Blkptr, Pointer};

/// A block of a tree, as a walk found it.
#[derive(Clone)]
pub(crate) struct Visited {
    pub(crate) pointer: Pointer,
    /// Of its stored bytes; `None` if it is lost.
    pub(crate) hash: Option<u64>,
}

/// All blocks of all trees, by name; a name has several blocks where a list of freed ones has it too.
#[derive(Default)]
pub(crate) struct Tour {
    pub(crate) blocks: BTreeMap<Bookmark, Vec<Visited>>,
    pub(crate) losses: Vec<Loss>,
}

/// Goes through the whole pool.
pub(crate) fn tour(pool: &Pool) -> Tour {
    let guide = Guide { pool, tour: Mutex::default() };
    Walk::new(pool, &Seen::default(), &guide).run();
    guide.tour.into_inner().unwrap()
}

struct Guide<'p> {
    pool: &'p Pool,
    tour: Mutex<Tour>,
}

impl Visitor for Guide<'_> {
    fn block(&self, store: &Store, at: &Bookmark, pointer: &Pointer, is_needed: bool) -> Option<Block> {
        let stored = store.stored(pointer).ok();
        let hash = stored.as_ref().map(|stored| {
            let mut hasher = DefaultHasher::new();
            stored.bytes.hash(&mut hasher);
            hasher.finish()
        });
        let seen = Visited { pointer: *pointer, hash };
        self.tour.lock().unwrap().blocks.entry(*at).or_default().push(seen);
        store.unpack(pointer, stored.filter(|_| is_needed)?.bytes).ok()
    }
    fn log_block(&self, store: &Store, _: &Bookmark, pointer: &Blkptr, _: bool) -> Option<Vec<u8>> {
        store.stored_block(pointer).ok().map(|stored| stored.bytes)
    }
    fn freed(&self, _: &Pointer) {}
    fn loss(&self, loss: Loss) {
        self.tour.lock().unwrap().losses.push(loss);
    }
    fn is_over(&self) -> bool {
        false
    }
}
