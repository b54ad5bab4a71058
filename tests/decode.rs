//! Transcripts of `zfsp-decode`: a command line and all that it says.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use common::fixture;
use common::transcript::transcript;

transcripts! {
    label: "zfsp-decode label fixtures/simple/d1.img.zst";
    label_of_a_big_endian_host: "zfsp-decode label fixtures/bigendian-mirror/ztest.0a.img.zst --at 256K";
    label_with_4k_slots_as_values: "zfsp-decode label fixtures/ashift12/d1.img.zst --values";
    label_of_a_spare: "zfsp-decode label fixtures/log-cache-spare/d4.img.zst";
    uberblock: "zfsp-decode uberblock fixtures/simple/d1.img.zst --at 0x2c400";
    uberblock_in_full: "zfsp-decode uberblock fixtures/simple/d1.img.zst --at 0x2c400 --full";
    uberblock_as_json: "zfsp-decode uberblock fixtures/multihost/d1.img.zst --at 0x3fc00 --json";
    uberblock_where_there_is_none: "zfsp-decode uberblock fixtures/simple/d1.img.zst --at 4M";
    label_where_there_is_none: "zfsp-decode label fixtures/simple/d1.img.zst --at 1M";
    nvlist_as_json: "zfsp-decode nvlist --hex 0101000000000000000000010000002000000020000000037478670000000008000000010000000000000004000000200000002000000004 6e616d650000000900000001000000047461 6e6b0000004000000030000000016600000000000013000000010000000000000001000000180000001800000002 6f6e0000000000010000000000000000000000000000000000000000 --json";
    blkptr_from_words: "zfsp-decode blkptr 0000000000000001:0000000000000816:0000000000000001:00000000000086f3:0000000000000001:00000000000103e4:800b070f00000007:0000000000000000:0000000000000000:0000000000000000:0000000000000032:000000000000005a:0000000986e641fd:000003edbb9d0a44:0000d2e0e83e745a:001dfa577f4df87c";
    blkptr_embedded: "zfsp-decode blkptr 0100212f0d000000:0000000050e7ff00:0:0:0:0:8013008f200001ff:0:0:0:11:0:0:0:0:0";
    dva: "zfsp-decode dva --hex '0800000001000000 1080010000000000'";
    dnodes: "zfsp-decode dnode fixtures/simple/d1.img.zst --at 0x4fe600 --length 0x800 --decompress lz4:0x4000";
    indirect: "zfsp-decode indirect fixtures/simple/d1.img.zst --at 0x4fee00 --length 0x400 --decompress lz4:0x20000";
    objset: "zfsp-decode objset fixtures/simple/d1.img.zst --at 0x4ff200 --length 0x200 --decompress lz4:0x1000";
    wrong_algorithm: "zfsp-decode objset fixtures/simple/d1.img.zst --at 0x4ff200 --length 0x200 --decompress lzjb:0x1000";
    no_such_structure: "zfsp-decode dnodes";
    no_such_file: "zfsp-decode label nowhere.img";
    nothing_said: "zfsp-decode";
    bad_number: "zfsp-decode label fixtures/simple/d1.img.zst --at 12Q";
    spec_of_uberblock: "zfsp-decode --spec uberblock";
    spec_of_dnode: "zfsp-decode --spec dnode";
    help: "zfsp-decode --help";
}

/// The first label of the fixture `simple`.
fn first_label() -> Vec<u8> {
    let image = &fixture("simple").images()[0];
    zfsp::device::Device::open(image).unwrap().read(0, 256 << 10).unwrap()
}

#[test]
fn cut_short() {
    let label = first_label();
    let bytes = &label[0x4000..0x4000 + 700];
    insta::assert_snapshot!("cut_short", transcript("zfsp-decode nvlist -", Some(bytes)));
}

#[test]
fn damaged_configuration() {
    let mut label = first_label();
    label[0x4041..0x4044].fill(0xff);
    insta::assert_snapshot!("damaged_configuration", transcript("zfsp-decode label -", Some(&label)));
}

#[test]
fn auto_on_an_uberblock() {
    let label = first_label();
    let slot = &label[0x2c400..0x2c800];
    insta::assert_snapshot!(
        "auto_on_an_uberblock",
        transcript("zfsp-decode auto --base 0x2c400", Some(slot))
    );
}

#[test]
fn nonsense() {
    let bytes: Vec<u8> = (0..600u32).map(|n| u8::try_from(n * n * 31 % 251).unwrap() | 0x80).collect();
    insta::assert_snapshot!("nonsense", transcript("zfsp-decode auto", Some(&bytes)));
    insta::assert_snapshot!("nonsense_as_label", transcript("zfsp-decode label", Some(&bytes)));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let out = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!(
            "{} label fixtures/simple/d1.img.zst | head -1; echo \"${{PIPESTATUS:-}}\"",
            env!("CARGO_BIN_EXE_zfsp-decode")
        ))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
}
