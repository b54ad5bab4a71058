//! Encrypted datasets, altered where a pointer leads elsewhere than into a tree of blocks: holes, spill blocks, second
//! copies.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::each;
use common::forge::{DNODE_HEAD, set_word};
use common::forge_encrypted::word;
use common::site::Site;
use zfsp::verify::Depth;
use zfsp_grammar::blkptr::BLKPTR_SIZE;

const DATA: &str = "the MAC of the encrypted block is wrong";
const DNODES: &str = "the MAC of the dnodes is wrong";
const MAC_AT: usize = 112;

/// A hole is authenticated as one, whatever its pointer says beside its place: other data of the dataset, with their
/// right MACs, cannot be put there.
#[test]
fn a_hole_stays_one() {
    let sites = [
        ("encryption-formats", "lab/raw"),
        ("encryption-mixed", "lab/checksummed"),
        ("encryption-suites", "lab/aes-192-gcm"),
    ];
    each(sites.to_vec(), |(fixture, dataset)| {
        let mut site = Site::of(fixture, dataset);
        let before = site.sound_lines();
        let text = site.forge.object(site.set, site.number("/text"));
        let mut raw = site.forge.raw(&text, 1, 0);
        // the first copy becomes the second
        let (first, second) = (word(&raw, 0), word(&raw, 8));
        raw[..16].fill(0);
        set_word(&mut raw, 16, first);
        set_word(&mut raw, 24, second);
        let hole = site.number("/hole");
        site.forge.dnode(site.set, hole, |dnode| {
            assert!(dnode[DNODE_HEAD..DNODE_HEAD + 16].iter().all(|byte| *byte == 0), "no hole");
            dnode[DNODE_HEAD..DNODE_HEAD + BLKPTR_SIZE].copy_from_slice(&raw);
        });
        assert_eq!(site.findings(Depth::AllCopies), [vec![], vec![]] as [Vec<String>; 2]);
        assert_eq!(site.sound_lines(), before);
        let run = site.run(&["cat", &format!("{dataset}:/hole")]);
        assert!(run.code == 0 && run.out.bytes().all(|byte| byte == 0) && run.out.len() == 300_000);
        Ok(())
    });
}

/// Blocks beside the tree of a dnode.
#[test]
fn spill_blocks() {
    for path in ["/link-long", "/xattr/spill"] {
        let mut site = Site::of("encryption-pool", "lab");
        let before = site.sound_lines();
        let number = site.number(path);
        site.forge.spill(site.set, number, |_, stored| stored[10] ^= 1);
        let place = format!("dataset {} object {number} spill block: {DATA}", site.set);
        assert_eq!(site.findings(Depth::AllCopies), [vec![place.clone()], vec![]]);
        let run = site.run(&["stat", &format!("lab:{path}")]);
        assert!(run.code == 3 && run.errors.contains(&place), "{}", run.errors);
        let after = site.sound_lines();
        assert!(
            after.is_subset(&before) && after.len() + 1 == before.len(),
            "{}",
            before.len() - after.len()
        );

        let mut site = Site::of("encryption-pool", "lab");
        site.forge.spill(site.set, number, |raw, _| raw[MAC_AT] ^= 1);
        let per_block = 32;
        let place = format!("dataset {} object 0 block {}: {DNODES}", site.set, number / per_block);
        assert_eq!(site.findings(Depth::OneCopy), [vec![place], vec![]]);
        assert!(site.sound_lines().is_subset(&before));
    }
}

/// A copy that is altered has the right checksum, for fletcher4 is no secret: its MAC tells it, and the other copy is
/// taken.
#[test]
fn another_copy_is_taken() {
    let site = Site::of("encryption-mixed", "lab/parent/own-key");
    let before = site.sound_lines();
    let text = site.forge.object(site.set, site.number("/text"));
    let raw = site.forge.raw(&text, 0, 1);
    assert!(word(&raw, 16) != 0, "one copy");
    site.forge.collide(&raw, 0, 64);
    let [found, locked] = site.findings(Depth::OneCopy);
    assert!(
        matches!(&found[..], [one] if one.ends_with(&format!("object {} block 1: repaired: copy 1", text.at.object))),
        "{found:?}"
    );
    assert_eq!(locked, [""; 0]);
    // the copy that was altered is to blame, not the other one
    assert_eq!(site.findings(Depth::AllCopies)[0], found);
    assert_eq!(site.sound_lines(), before);
    let run = site.run(&["cat", "lab/parent/own-key:/text"]);
    assert_eq!((run.code, run.out.len()), (0, 200_000));

    // all copies: that which is not needed is proven as well
    let site = Site::of("encryption-mixed", "lab/parent/own-key");
    site.forge.collide(&raw, 1, 64);
    assert_eq!(site.findings(Depth::OneCopy)[0], [""; 0]);
    let [found, _] = site.findings(Depth::AllCopies);
    assert!(matches!(&found[..], [one] if one.ends_with("block 1: repaired: its first copy")), "{found:?}");

    // both
    site.forge.collide(&raw, 0, 64);
    let [found, locked] = site.findings(Depth::OneCopy);
    assert!(matches!(&found[..], [one] if one.ends_with(&format!("block 1: {DATA}"))), "{found:?}");
    assert_eq!(locked, [""; 0]);
    let run = site.run(&["cat", "lab/parent/own-key:/text"]);
    assert!(run.code == 3 && run.errors.contains(DATA) && run.out.len() == 131_072, "{}", run.errors);
}
