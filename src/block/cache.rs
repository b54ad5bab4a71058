//! Blocks that are asked for again and again: indirect blocks, dnodes, tables. Bounded in bytes.

use std::sync::Arc;

use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use zfsp_grammar::blkptr::{Blkptr, Pointer};

use super::{Block, Lost};

/// Bytes that are kept.
const ROOM: u64 = 64 << 20;
/// Room of a part of a cache for blocks of any size.
const LEAST: u64 = 32 << 20;
/// Parts of a cache: what threads do not wait for each other in.
const MOST_PARTS: usize = 64;
/// Blocks that are kept, about: metadata is 4 KiB to 128 KiB large.
const BLOCKS: usize = 4096;

/// A bounded cache of blocks by what their pointers say.
pub struct Cache(QuickCache<Key, Arc<Block>, Bytes>);

/// What tells blocks apart: place, birth, sizes and checksum, and what opened them. A pointer that names the same bytes
/// is the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    dva: [u64; 2],
    prop: u64,
    birth: u64,
    cksum: [u64; 4],
    /// MOS object of the key that it was read with; 0: none.
    opened_by: u64,
}

impl Key {
    fn of(b: &Blkptr, opened_by: u64) -> Self {
        let [dva, ..] = b.dva;
        let dva = [dva.extent.0, dva.place.0];
        Self { dva, prop: b.prop.0, birth: b.written().0, cksum: b.cksum.0, opened_by }
    }
}

/// Counts the memory of blocks, which may have been used for larger ones.
#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Block>> for Bytes {
    fn weight(&self, _: &Key, block: &Arc<Block>) -> u64 {
        u64::try_from(block.bytes.capacity()).unwrap_or(u64::MAX).max(1)
    }
}

impl Cache {
    /// The block of `pointer`, with the key `opened_by`: kept from before, or from `read`, and kept then. What is lost is
    /// not kept.
    pub(crate) fn get_or(
        &self,
        pointer: &Pointer,
        opened_by: u64,
        read: impl FnOnce() -> Result<Block, Lost>,
    ) -> Result<Arc<Block>, Lost> {
        match pointer.stored() {
            Some(b) => self.0.get_or_insert_with(&Key::of(&b, opened_by), || read().map(Arc::new)),
            None => read().map(Arc::new),
        }
    }
}

impl Cache {
    /// Keeps so many bytes of blocks of any size: 32 MiB are the least, two of the largest blocks.
    #[must_use]
    pub fn with_room(room: u64) -> Self {
        let room = room.max(LEAST);
        // a block that does not fit into its part of the cache is not kept: each part has room for the largest
        let parts = usize::try_from(room.checked_div(LEAST).unwrap_or(1)).unwrap_or(usize::MAX);
        let blocks = usize::try_from(room >> 17).unwrap_or(usize::MAX);
        let options = OptionsBuilder::new()
            .shards(1usize.checked_shl(parts.clamp(1, MOST_PARTS).ilog2()).unwrap_or(1))
            .estimated_items_capacity(blocks)
            .weight_capacity(room)
            .build();
        match options {
            Ok(options) => Self(QuickCache::with_options(
                options,
                Bytes,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            )),
            // only if a capacity were not given
            Err(_) => Self(QuickCache::with_weighter(blocks, room, Bytes)),
        }
    }

    /// Forgets the block of `pointer`, with the key `opened_by`.
    pub(crate) fn forget(&self, pointer: &Pointer, opened_by: u64) {
        if let Some(b) = pointer.stored() {
            self.0.remove(&Key::of(&b, opened_by));
        }
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self(QuickCache::with_weighter(BLOCKS, ROOM, Bytes))
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache of {} blocks", self.0.len())
    }
}
