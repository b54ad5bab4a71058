//! Devices whose labels are gone, or lie in a partition: the pool opens all the same.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::fixture;
use common::image::{Image, Saved};
use common::pools::{open, verify};
use common::program::zexplore;
use zfsp::pool::Trouble;
use zfsp::verify::Depth;
use zfsp_grammar::label::{RING_AT, RING_SIZE, VDEV_PHYS_AT, places};

/// Overwrites the configurations of these labels.
fn lose(image: &mut Image, labels: &[usize]) {
    for label in labels {
        image.write(places(image.len)[*label].unwrap() + VDEV_PHYS_AT as u64, &[0xff; 1000]);
    }
}

#[test]
fn any_label_will_do() {
    for kept in 0..4 {
        let mut images = fixture("simple").copies();
        let lost: Vec<usize> = (0..4).filter(|label| *label != kept).collect();
        lose(&mut images[0], &lost);
        let pool = open(Saved::new(&images).devices()).unwrap();
        assert_eq!((pool.uberblock.txg.0, pool.troubles.len()), (49, 0), "label {kept}");
    }
}

#[test]
fn a_device_without_configuration_is_known_by_its_uberblocks() {
    for name in ["stripe2", "raidz1-3", "mirror2"] {
        let mut images = fixture(name).copies();
        lose(&mut images[1], &[0, 1, 2, 3]);
        let pool = open(Saved::new(&images).devices()).unwrap();
        assert!(matches!(pool.troubles.as_slice(), [Trouble::NoLabel(_)]), "{name}: {:?}", pool.troubles);
        let (report, findings) = verify(&pool, Depth::AllCopies);
        assert_eq!((report.errors, findings.len()), (0, 0), "{name}");
    }
}

#[test]
fn without_any_configuration_there_is_no_pool() {
    let mut images = fixture("simple").copies();
    lose(&mut images[0], &[0, 1, 2, 3]);
    let error = open(Saved::new(&images).devices()).unwrap_err().to_string();
    assert!(error.contains("no pool found"), "{error}");
}

/// A disk with an MBR, whose second partition is the image.
fn partitioned(image: &Image) -> Image {
    const START: u64 = 1 << 20;
    let mut disk = image.clone();
    disk.len = START + image.len + (1 << 20);
    for at in image.used() {
        disk.write(at, &[0; 4096]);
    }
    for at in image.used() {
        disk.write(START + at, &image.read(at, 4096));
    }
    let mut entry = [0; 16];
    entry[4] = 0xbf;
    entry[8..12].copy_from_slice(&((START / 512) as u32).to_le_bytes());
    entry[12..].copy_from_slice(&((image.len / 512) as u32).to_le_bytes());
    disk.write(446 + 16, &entry);
    disk.write(510, &[0x55, 0xaa]);
    disk
}

#[test]
fn a_pool_in_a_partition_is_found() {
    let mut images = fixture("mirror2").copies();
    let whole = partitioned(&images[0]);
    images[0] = whole.clone();
    let saved = Saved::new(&images);
    let pool = open(saved.devices()).unwrap();
    assert_eq!(pool.troubles, []);
    assert!(pool.members[0].device.name().ends_with("partition 2"), "{}", pool.members[0].device.name());
    let (report, findings) = verify(&pool, Depth::AllCopies);
    assert_eq!((report.errors, findings.len()), (0, 0));
}

/// Before it was partitioned, the disk was used whole by another pool: two of its labels are left at the end.
#[test]
fn labels_at_the_end_of_the_disk_do_not_hide_the_partition() {
    let mut disk = partitioned(&fixture("mirror2").copies()[0]);
    let old = &fixture("simple").copies()[0];
    // the checksum of a label knows its place, so the old disk was as long as this one
    disk.len = old.len;
    let small = partitioned_to_fit(&disk, old);
    let pool = open(Saved::new([&small]).devices()).unwrap();
    assert_eq!(pool.guid, fixture("mirror2").pool().guid);
}

/// The disk, cut to the length of `old`, with the labels that `old` has at its end. What is cut off of the partition
/// are labels too.
fn partitioned_to_fit(disk: &Image, old: &Image) -> Image {
    let mut cut = old.clone();
    for at in old.used().into_iter().filter(|at| *at < places(old.len)[2].unwrap()) {
        cut.write(at, &[0; 4096]);
    }
    for at in disk.used().into_iter().filter(|at| *at < places(old.len)[2].unwrap()) {
        cut.write(at, &disk.read(at, 4096));
    }
    cut
}

/// Without any uberblock there is no state of the pool, but the labels still say where blocks lie.
#[test]
fn blocks_are_found_without_uberblocks() {
    let root = fixture("simple").pool().uberblock.rootbp;
    let mut images = fixture("simple").copies();
    for label in places(images[0].len).into_iter().flatten() {
        images[0].write(label + RING_AT as u64, &vec![0xa5; RING_SIZE]);
    }
    let saved = Saved::new(&images);
    assert!(open(saved.devices()).is_err());
    let run = zexplore(&["bp", &root.to_string()], &saved.paths).unwrap();
    assert_eq!(run.code, 3, "{}", run.out);
    assert!(run.out.contains("meta_dnode"), "{}", run.out);
}
