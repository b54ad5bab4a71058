//! The objects of two object sets whose dnodes differ.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.2 and 6.4.

use std::collections::BTreeMap;

use rayon::prelude::*;
use zfsp_grammar::blkptr::Pointer;

use super::change::{Lost, Side};
use super::pairs::{Pair, Pairs};
use crate::block::Why;
use crate::object::{Loss, Object};
use crate::objset::ObjectSet;

/// An object that is not the same in both sets.
#[derive(Debug)]
pub(super) struct Changed {
    pub(super) number: u64,
    pub(super) a: Option<Object>,
    pub(super) b: Option<Object>,
}

/// Blocks of dnodes that are compared at once.
const AT_ONCE: usize = 64;

/// Gives what `look` makes of each object that is not the same, by number, and what is lost of the dnodes.
pub(super) fn changed<T: Send>(
    a: &ObjectSet,
    b: &ObjectSet,
    look: impl Fn(Changed) -> Option<T> + Sync,
) -> (Vec<T>, Vec<Lost>) {
    let (mut all, mut losses) = (Vec::new(), Vec::new());
    let Some(mut pairs) = Pairs::of(&a.meta_dnode, &b.meta_dnode) else {
        let what = "its dnodes are in blocks of other sizes than those of the other state";
        let loss = Loss::new(b.meta_dnode.at.block(0, 0), Why::Unsupported(what.into()));
        return (all, vec![Side::B.lost(loss)]);
    };
    loop {
        let batch: Vec<_> = pairs.by_ref().take(AT_ONCE).collect();
        if batch.is_empty() {
            return (all, losses);
        }
        let looked: Vec<_> = batch.into_par_iter().map(|pair| of_pair(a, b, pair, &look)).collect();
        for (found, lost) in looked {
            all.extend(found);
            losses.extend(lost);
        }
    }
}

fn of_pair<T: Send>(
    a: &ObjectSet,
    b: &ObjectSet,
    pair: Result<Pair, Lost>,
    look: &(impl Fn(Changed) -> Option<T> + Sync),
) -> (Vec<T>, Vec<Lost>) {
    let pair = match pair {
        Ok(pair) => pair,
        Err(lost) => return (Vec::new(), vec![lost]),
    };
    let (mut found, mut losses) = (BTreeMap::<i64, (Option<_>, Option<_>)>::new(), Vec::new());
    let sides = [(Side::A, a, &pair.a), (Side::B, b, &pair.b)];
    let blocks =
        sides.map(|(side, set, pointer)| dnodes(set, pair.blkid, pointer).map_err(|loss| side.lost(loss)));
    let (all_a, all_b) = match blocks {
        [Ok(a), Ok(b)] => (a, b),
        lost => {
            losses.extend(lost.into_iter().filter_map(Result::err));
            return (Vec::new(), losses);
        }
    };
    let all_a = all_a.into_iter().map(|object| (Side::A, object));
    for (side, object) in all_a.chain(all_b.into_iter().map(|object| (Side::B, object))) {
        let number = object.as_ref().map_or_else(|loss| loss.at.at.object, |object| object.at.object);
        let (a, b) = found.entry(number).or_default();
        let state: &mut Option<Result<Object, ()>> = if side == Side::A { a } else { b };
        *state = Some(object.map_err(|loss| losses.push(side.lost(loss))));
    }
    let all: Vec<Changed> = found
        .into_iter()
        .filter_map(|(number, (a, b))| {
            let number = u64::try_from(number).ok()?;
            // what one side has lost is not known to be another
            let (a, b) = (a.transpose().ok()?, b.transpose().ok()?);
            let is_same = a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.dnode_bytes() == b.dnode_bytes());
            (!is_same).then_some(Changed { number, a, b })
        })
        .collect();
    (all.into_par_iter().filter_map(look).collect(), losses)
}

/// The objects in a block of dnodes.
fn dnodes(set: &ObjectSet, blkid: u64, pointer: &Pointer) -> Result<Vec<Result<Object, Loss>>, Loss> {
    if pointer.is_hole() {
        return Ok(Vec::new());
    }
    let meta = &set.meta_dnode;
    let block = meta.store().metadata(pointer).map_err(|lost| Loss { at: meta.at.block(0, blkid), lost })?;
    Ok(set.objects_in(blkid, &block).collect())
}
