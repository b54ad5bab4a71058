//! What is lost is said, even where what is left looks whole.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::fixture;
use common::image::{Image, Saved};
use common::pools::{open, verify};
use zfsp::object::Bookmark;
use zfsp::pool::{SlotContent, Trouble};
use zfsp::verify::{Depth, Outcome};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::label::DATA_AT;

/// Overwrites every copy of a block on a single disk.
fn lose(image: &mut Image, pointer: &Pointer) {
    for dva in pointer.stored().unwrap().copies() {
        image.write(DATA_AT + dva.offset(), &[0xa5; 512]);
    }
}

/// Snapshots have what was born before them visited; if they are lost, their successors must.
#[test]
fn lost_snapshots_do_not_hide_what_others_share_with_them() {
    let whole = fixture("simple").pool();
    let (before, _) = verify(&whole, Depth::OneCopy);
    let mut images = fixture("simple").copies();
    // all snapshots of the pool have their dnodes in this block
    lose(&mut images[0], &whole.mos.meta_dnode.pointer(3).unwrap());
    let shared = whole.objset(54).unwrap().object(8).unwrap().pointer(0).unwrap();
    lose(&mut images[0], &shared);
    let pool = open(Saved::new(&images).devices()).unwrap();
    let (report, findings) = verify(&pool, Depth::OneCopy);
    let lost: Vec<Bookmark> = findings.iter().map(|finding| finding.at).collect();
    assert!(lost.iter().any(|at| at.at.objset > 0 && at.at.object == 8), "{lost:?}");
    assert!(report.total.blocks * 10 > before.total.blocks * 7, "{} blocks", report.total.blocks);
}

#[test]
fn a_lost_checkpoint_is_a_finding() {
    let mut images = fixture("checkpoint").copies();
    let uberblock = fixture("checkpoint").pool().checkpoint_uberblock().unwrap().unwrap();
    lose(&mut images[0], &uberblock.rootbp);
    let pool = open(Saved::new(&images).devices()).unwrap();
    let (report, findings) = verify(&pool, Depth::OneCopy);
    assert_eq!(report.errors, 1);
    assert!(findings[0].is_of_checkpoint && matches!(findings[0].outcome, Outcome::Lost(_)));
}

#[test]
fn newer_uberblocks_that_are_lost_are_missed() {
    let mut images = fixture("simple").copies();
    let pool = fixture("simple").pool();
    for slot in pool.members[0].labels.iter().flat_map(|label| &label.ring) {
        if matches!(&slot.content, SlotContent::Valid(uberblock) if uberblock.txg.0 == 49) {
            images[0].write(slot.at, &[0xa5; 1024]);
        }
    }
    let pool = open(Saved::new(&images).devices()).unwrap();
    let said = Trouble::UberblockLost { label: 49, newest: pool.uberblock.txg.0 };
    assert!(pool.uberblock.txg.0 < 49 && pool.troubles.contains(&said), "{:?}", pool.troubles);
}
