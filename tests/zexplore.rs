//! Transcripts of `zexplore`: a command line and all that it says.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods)] // copies of evidence are damaged here
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::transcript::transcript_in;
use common::{fixture, unpacked};

transcripts! {
    help: "zexplore --help";
    help_of_label: "zexplore label --help";
    no_paths: "zexplore label";
    no_such_path: "zexplore -p nowhere.img";
    no_such_label: "zexplore label 4 -p fixtures/simple";
    no_such_pool: "zexplore config --pool tank -p fixtures/simple";
    no_pool: "zexplore uberblocks -p fixtures/simple/zdb/raw";
    several_pools: "zexplore config -p fixtures/split-new fixtures/split-destroyed";
    label_of_an_older_state: "zexplore label -T 7 -p fixtures/simple";
    summary_of_no_such_state: "zexplore -T 1 -p fixtures/simple";
    summary_without_a_checkpoint: "zexplore --checkpoint -p fixtures/simple";
    config_with_too_many_missing: "zexplore config -p fixtures/raidz1-3/d1.img.zst";
    txg_and_checkpoint: "zexplore -T 7 --checkpoint -p fixtures/checkpoint";
    no_such_txg: "zexplore config -T 3 -p fixtures/pool-version-1";

    label_of_a_mirror: "zexplore label -p fixtures/mirror2";
    label_of_spares_and_caches: "zexplore -p fixtures/log-cache-spare label";
    label_of_a_big_endian_host: "zexplore label -p fixtures/bigendian-mirror/ztest.0a.img.zst";
    label_of_version_1: "zexplore label -p fixtures/pool-version-1";
    label_of_a_replacement: "zexplore label -p fixtures/replacing/d3.img.zst";
    label_of_two_pools: "zexplore label 0 -p fixtures/split-new fixtures/split-destroyed";
    label_of_one_of_two_pools: "zexplore label 0 --pool spl -p fixtures/split-new fixtures/split-destroyed";
    label_in_full: "zexplore label 2 -v -p fixtures/log-cache-spare/d4.img.zst";
    label_as_json: "zexplore label 0 --json -p fixtures/hole-vdev/h1.img.zst";

    uberblocks_of_a_mirror: "zexplore uberblocks -p fixtures/mirror2";
    uberblocks_with_heartbeats: "zexplore uberblocks -p fixtures/multihost";
    uberblocks_of_an_expansion: "zexplore uberblocks -p fixtures/raidz-expanding";
    uberblocks_of_many_devices: "zexplore uberblocks -p fixtures/raidz3-7";
    uberblocks_and_a_spare: "zexplore uberblocks -p fixtures/log-cache-spare";
    uberblocks_with_pointers_and_empty_slots: "zexplore uberblocks -v --all -T 20 -p fixtures/split-new";
    uberblocks_of_a_checkpoint: "zexplore uberblocks --checkpoint -p fixtures/checkpoint";

    config_of_a_mirror: "zexplore config -p fixtures/mirror2";
    config_of_a_log_a_cache_and_a_spare: "zexplore config -p fixtures/log-cache-spare";
    config_of_special_and_dedup: "zexplore config -p fixtures/special-dedup";
    config_of_a_spare_in_use: "zexplore config -p fixtures/spare-in-use";
    config_of_a_replacement: "zexplore config -p fixtures/replacing";
    config_of_a_removed_vdev: "zexplore config -p fixtures/removed";
    config_of_a_hole: "zexplore config -p fixtures/hole-vdev";
    config_of_version_1: "zexplore config -p fixtures/pool-version-1";
    config_of_a_big_endian_host: "zexplore config -p fixtures/bigendian-mirror";
    config_of_a_distributed_spare: "zexplore config -p fixtures/draid-spare-active";
    config_of_a_stale_device: "zexplore config -p fixtures/raidz1-stale";
    config_in_full: "zexplore config -v -p fixtures/checkpoint -T 37";
    config_as_json: "zexplore config --json -p fixtures/hole-vdev";

    summary: "zexplore -p fixtures/simple";
    summary_of_a_mirror: "zexplore summary -p fixtures/mirror2";
    summary_of_spares_and_caches: "zexplore -p fixtures/log-cache-spare";
    summary_of_special_and_dedup: "zexplore -p fixtures/special-dedup";
    summary_of_a_removed_vdev: "zexplore -p fixtures/removed";
    summary_of_a_hole: "zexplore -p fixtures/hole-vdev";
    summary_of_a_replacement: "zexplore -p fixtures/replacing";
    summary_of_a_spare_in_use: "zexplore -p fixtures/spare-in-use";
    summary_of_version_1: "zexplore -p fixtures/pool-version-1";
    summary_of_a_big_endian_host: "zexplore -p fixtures/bigendian-mirror";
    summary_of_two_pools: "zexplore -p fixtures/split-destroyed fixtures/split-new";
    summary_with_a_checkpoint: "zexplore -p fixtures/checkpoint";
    summary_at_a_checkpoint: "zexplore --checkpoint -p fixtures/checkpoint";
    summary_of_an_older_state: "zexplore -T 37 -p fixtures/checkpoint";
    summary_of_an_encrypted_pool: "zexplore -p fixtures/encryption-pool";
    summary_with_unreplayed_logs: "zexplore -p fixtures/unclean-zil";
    summary_with_a_missing_device: "zexplore -p fixtures/mirror2/d2.img.zst";
    summary_with_too_many_missing: "zexplore -p fixtures/raidz1-3/d1.img.zst";
    summary_of_only_a_spare: "zexplore -p fixtures/log-cache-spare/d4.img.zst";
    summary_as_json: "zexplore --json -p fixtures/log-cache-spare";
    config_with_a_missing_device: "zexplore config -p fixtures/raidz1-3/d1.img.zst fixtures/raidz1-3/d3.img.zst";
    config_with_a_missing_top: "zexplore config -p fixtures/stripe2/d1.img.zst";
}

/// Bytes of a label.
const LABEL: usize = 256 << 10;

/// Copies of both devices of a mirror in a folder of their own.
fn mirror(damage: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let images = fixture("mirror2").images();
    let mut bytes: Vec<Vec<u8>> = images.iter().map(|image| fs::read(unpacked(image)).unwrap()).collect();
    let [first, second] = bytes.as_mut_slice() else { panic!("no mirror of two") };
    damage(first, second);
    for (name, bytes) in ["d1.img", "d2.img"].into_iter().zip(&bytes) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// What all commands say in that folder.
fn all(folder: &Path) -> String {
    let lines = ["zexplore -p .", "zexplore label -p .", "zexplore uberblocks -p .", "zexplore config -p ."];
    lines.map(|line| transcript_in(folder, line, None)).join("\n")
}

#[test]
fn an_image_that_is_cut_short() {
    let folder = mirror(|_, second| second.truncate(9 << 20));
    insta::assert_snapshot!("an_image_that_is_cut_short", all(folder.path()));
}

#[test]
fn labels_that_are_lost() {
    let folder = mirror(|first, second| {
        // all of the one; of the other a configuration and a slot of the ring
        let end = first.len();
        first[..LABEL * 2].fill(0);
        first[end - LABEL * 2..].fill(0);
        second[0x4100..0x4108].fill(0xff);
        second[0x20000 + 49 * 1024 + 40] ^= 1;
    });
    insta::assert_snapshot!("labels_that_are_lost", all(folder.path()));
}

#[test]
fn labels_that_disagree() {
    let folder = mirror(|first, _| {
        // a label proves itself by its place: that of another pool at the same place is as good
        let other = fs::read(unpacked(&fixture("simple").images()[0])).unwrap();
        first[LABEL..LABEL * 2].copy_from_slice(&other[LABEL..LABEL * 2]);
    });
    insta::assert_snapshot!("labels_that_disagree", all(folder.path()));
}

#[test]
fn a_pool_without_a_meta_object_set() {
    let folder = mirror(|first, second| {
        for image in [first, second] {
            let end = image.len() - LABEL * 2;
            image[4 << 20..end].fill(0);
        }
    });
    insta::assert_snapshot!("a_pool_without_a_meta_object_set", all(folder.path()));
}

#[test]
fn uberblocks_without_a_configuration() {
    let folder = mirror(|first, second| {
        for image in [first, second] {
            let end = image.len();
            for at in [0, LABEL, end - LABEL * 2, end - LABEL] {
                image[at + 0x4000..at + 0x20000].fill(0);
            }
        }
    });
    insta::assert_snapshot!("uberblocks_without_a_configuration", all(folder.path()));
}

#[test]
fn an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!("an_empty_folder", transcript_in(folder.path(), "zexplore -p .", None));
}

#[test]
fn names_cannot_play_with_the_terminal() {
    let folder = mirror(|_, second| second[0x4100..0x4108].fill(0xff));
    fs::rename(folder.path().join("d2.img"), folder.path().join("d\u{1b}[31m.img")).unwrap();
    for command in ["label", "uberblocks", "config", "summary", "config --pool x", "config -T 1"] {
        let said = transcript_in(folder.path(), &format!("zexplore {command} --color always -p ."), None);
        assert!(!said.contains("\u{1b}[31m.img"), "{said}");
    }
}

#[test]
fn completions_and_manual_pages() {
    for words in [&["completions", "bash"][..], &["completions", "fish"], &["man"], &["man", "label"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_zexplore")).args(words).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("zexplore"), "{words:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let command = concat!(env!("CARGO_BIN_EXE_zexplore"), " uberblocks -p fixtures/uberblock-ring");
    let line = format!("set -o pipefail; {command} | head -1");
    let output = Command::new("bash").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
