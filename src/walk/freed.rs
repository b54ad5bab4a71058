//! Blocks that are still allocated, but belong to no tree any more: lists of what is being freed.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.9 and 11.10.

use std::collections::HashSet;

use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::bpobj::{Entry, Livelist};
use zfsp_grammar::dsl::bptree::{BptreeEntry, ENTRY_SIZE};
use zfsp_grammar::input::{Input, Parse, filling};

use super::{POINTER, Root, Seen, Visitor, Walk};
use crate::block::Why;
use crate::object::{DNODE, Loss, Object};
use crate::pool::Pool;
use crate::zap::Zap;

/// Lists of pointers that the pool directory names.
const LISTS: [&str; 2] = ["sync_bplist", "free_bpobj"];
/// Bytes of a livelist that are looked at: its entries cancel each other, so it is needed whole.
const MOST_LIVELIST: u64 = 256 << 20;
/// Bytes of a list of destroyed datasets.
const MOST_BPTREE: u64 = 64 << 20;

/// Tells the visitor of all that is being freed.
pub(super) fn visit(pool: &Pool, visitor: &dyn Visitor, walk: &Walk<'_>) {
    let mut lists = Lists { pool, visitor, seen: HashSet::new() };
    let named = |key: &str| pool.directory_number(key).ok().flatten().filter(|object| *object != 0);
    for object in LISTS.into_iter().filter_map(named) {
        lists.bpobj(object);
    }
    if let Some(object) = named("bptree_obj") {
        lists.keep(bptree(pool, object, walk));
    }
    if let Some(object) = named("com.delphix:deleted_clones") {
        lists.deleted_clones(object);
    }
}

struct Lists<'w> {
    pool: &'w Pool,
    visitor: &'w dyn Visitor,
    /// Lists that were met: they may contain each other.
    seen: HashSet<u64>,
}

impl Lists<'_> {
    fn keep<T>(&self, read: Result<T, Loss>) -> Option<T> {
        read.map_err(|loss| self.visitor.loss(loss)).ok()
    }

    /// A list of pointers, and the lists in it.
    fn bpobj(&mut self, first: u64) {
        let mut left = vec![first];
        while let Some(number) = left.pop() {
            if !self.seen.insert(number) || self.visitor.is_over() {
                continue;
            }
            let Some(object) = self.keep(self.pool.mos.object(number)) else { continue };
            let Some(Bonus::Bpobj(header)) = object.dnode().map(|dnode| dnode.bonus) else { continue };
            self.entries(&object, header.num_blkptrs);
            let inside = header.subobjs.map_or(0, |object| object.0);
            if let (true, Some(count)) = (inside != 0, header.num_subobjs)
                && let Some(object) = self.keep(self.pool.mos.object(inside))
            {
                left.extend(self.numbers(&object, count));
            }
        }
    }

    fn entries(&self, object: &Object, count: u64) {
        let per_block = object.block_size.checked_div(POINTER).unwrap_or_default();
        // each block of the list is written once: the same one again and again would be a list without end
        let blocks = Seen::default();
        for found in object.blocks(0) {
            let first = found.as_ref().map_or(0, |(blkid, _)| blkid.saturating_mul(per_block));
            if first >= count || self.visitor.is_over() {
                return;
            }
            if let Ok((blkid, pointer)) = &found
                && !blocks.insert(&self.pool.store, pointer)
            {
                let again = Why::Corrupt("is the same block as an earlier one".into());
                return self.visitor.loss(Loss::new(object.at.block(0, *blkid), again));
            }
            let read = found.and_then(|(blkid, pointer)| {
                object.store().read(&pointer).map_err(|lost| Loss { at: object.at.block(0, blkid), lost })
            });
            let Some(block) = self.keep(read) else { continue };
            let entries = block.bytes.chunks_exact(BLKPTR_SIZE).zip(first..count);
            for (bytes, _) in entries {
                if let Ok((_, entry)) = Entry::parse(Input::new(bytes, block.order))
                    && !entry.blkptr.is_hole()
                {
                    self.visitor.freed(&entry.blkptr);
                }
            }
        }
    }

    fn numbers(&self, object: &Object, count: u64) -> Vec<u64> {
        let content = object.content(count.saturating_mul(8).min(MOST_BPTREE));
        content.losses.into_iter().for_each(|loss| self.visitor.loss(loss));
        let words = content.bytes.chunks_exact(8);
        words.map(|word| zfsp_grammar::quantity::integer(word, content.order)).collect()
    }

    /// What the livelists of destroyed clones have not freed yet.
    fn deleted_clones(&mut self, object: u64) {
        for livelist in self.keys(object) {
            for (_, list) in self.pairs(livelist) {
                if !self.seen.insert(list) {
                    continue;
                }
                let Some(object) = self.keep(self.pool.mos.object(list)) else { continue };
                let Some(Bonus::Bpobj(header)) = object.dnode().map(|dnode| dnode.bonus) else { continue };
                let length = header.num_blkptrs.saturating_mul(POINTER);
                if length > MOST_LIVELIST {
                    let what = format!("a livelist of {length:#x} bytes");
                    self.visitor.loss(Loss::new(object.at.block(0, DNODE), Why::Unsupported(what)));
                    continue;
                }
                let Some((bytes, order)) = self.keep(object.content(length).whole()) else { continue };
                if let Ok((_, list)) = Livelist::parse(Input::new(&bytes, order)) {
                    list.live().for_each(|entry| self.visitor.freed(&entry.blkptr));
                }
            }
        }
    }

    /// The keys of a set of numbers in hex.
    fn keys(&self, object: u64) -> Vec<u64> {
        self.pairs(object).into_iter().filter_map(|(key, _)| u64::from_str_radix(&key, 16).ok()).collect()
    }

    fn pairs(&self, object: u64) -> Vec<(String, u64)> {
        let Some(object) = self.keep(self.pool.mos.object(object)) else { return Vec::new() };
        let Some(zap) = self.keep(Zap::of(&object)) else { return Vec::new() };
        let entries = zap.entries().filter_map(|entry| self.keep(entry));
        entries.filter_map(|entry| Some((entry.key.to_string(), entry.value.first()?))).collect()
    }
}

/// Datasets that are being destroyed: what is left of their trees.
fn bptree(pool: &Pool, object: u64, walk: &Walk<'_>) -> Result<(), Loss> {
    let object = pool.mos.object(object)?;
    let Some(Bonus::Bptree(header)) = object.dnode().map(|dnode| dnode.bonus) else {
        return Err(Loss::new(
            object.at.block(0, DNODE),
            Why::Corrupt("no list of destroyed datasets".into()),
        ));
    };
    let (bytes, order) = object.content(MOST_BPTREE).whole()?;
    let entries = filling(ENTRY_SIZE, BptreeEntry::parse)(Input::new(&bytes, order));
    let entries = entries.map(|(_, entries)| entries).unwrap_or_default();
    let first = usize::try_from(header.begin).unwrap_or(usize::MAX);
    let count = usize::try_from(header.left()).unwrap_or(usize::MAX);
    for entry in entries.iter().skip(first).take(count).filter(|entry| !entry.is_done()) {
        // whose keys are gone
        let (store, after) = (&pool.store, entry.birth_txg.0);
        walk.object_set(&Root { store, objset: 0, pointer: entry.bp, after });
    }
    Ok(())
}
