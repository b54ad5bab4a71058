//! Blocks of real pools, at the places and with the checksums that zdb tells.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(missing_docs, clippy::as_conversions)]

mod common;

use std::collections::BTreeMap;

use common::{fixture, unpacked};
use zfsp::checksum::{Checker, Verdict};
use zfsp::device::Device;
use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::{Blkptr, Dva, Extent, Place, Prop};
use zfsp_grammar::input::Order;
use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::{Cksum, Txg};

/// A pool whose first device has all of it.
struct Pool {
    /// what zdb says
    text: String,
    device: Device,
    checker: Checker,
}

impl Pool {
    fn open(name: &str, text: &str) -> Self {
        let fixture = fixture(name);
        let text = fixture.text(text).unwrap();
        let salt = text.lines().find_map(|line| line.trim().strip_prefix("org.illumos:checksum_salt = "));
        let byte = |salt: &str, n: usize| u8::try_from(hex(&salt[2 * n..2 * n + 2])).unwrap();
        let salt = salt.map(|salt| std::array::from_fn(|n| byte(salt, n)));
        let device = Device::open(&unpacked(&fixture.images()[0])).unwrap();
        Pool { text, device, checker: Checker::new(salt) }
    }
    fn read(&self, offset: u64, size: u64) -> Vec<u8> {
        self.device.read(DATA_AT + offset, size as usize).unwrap()
    }
    /// What becomes of the blocks of the pointers that are told in full: their kinds, and how many.
    fn check(&self) -> String {
        let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
        for pointer in self.text.lines().filter_map(pointer) {
            let prop = pointer.prop;
            let bytes = self.read(pointer.dva[0].offset(), prop.psize().bytes());
            let verdict = match self.checker.verify(&pointer, &bytes).unwrap() {
                Verdict::Verified => "verified",
                Verdict::Unchecked => "unchecked",
                Verdict::Wrong { .. } => "wrong",
            };
            let order = if prop.little_endian() { "LE" } else { "BE" };
            let mac = if prop.encrypted() { " with MAC" } else { "" };
            *kinds.entry(format!("{} {order}{mac} {verdict}", prop.checksum())).or_default() += 1;
        }
        listed(kinds)
    }
}

fn listed(counts: BTreeMap<String, usize>) -> String {
    let lines: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind}: {count}")).collect();
    lines.join(", ")
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).unwrap()
}

fn cksum(text: &str) -> Cksum {
    let words: Vec<u64> = text.split(':').map(hex).collect();
    Cksum(words.try_into().unwrap())
}

/// The text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    Some(text.split_once(before)?.1.split_once(after)?.0)
}

/// A pointer in zdb's notation: what of it is needed to check the block.
fn pointer(line: &str) -> Option<Blkptr> {
    let place: Vec<u64> = between(line, "DVA[0]=<", ">")?.split(':').map(hex).collect();
    let dva = Dva { extent: Extent((place[0] << 32) | (place[2] / 512)), place: Place(place[1] / 512) };
    let (level, kind) = between(line, "[L", "]")?.split_once(' ')?;
    let (_, how) = line.split_once(&format!("{kind}] "))?;
    let how: Vec<&str> = how.split_whitespace().collect();
    let checksum = (0..15).map(Checksum).find(|c| c.name() == Some(how[0])).unwrap();
    let kind = (0..54).map(ObjectType).find(|t| t.name() == Some(kind)).unwrap();
    let (size, logical) = (between(line, "L/", "P birth")?, between(line, "birth=", "L/")?);
    let prop = ((hex(size) / 512 - 1) << 16)
        | u64::from(checksum.0) << 40
        | u64::from(kind.0) << 48
        | level.parse::<u64>().unwrap() << 56
        | u64::from(how[2] != "unencrypted") << 61
        | u64::from(how[3] == "LE") << 63;
    let cksum = cksum(line.split_once("cksum=")?.1.split_whitespace().next()?);
    let logical_birth = Txg(logical.parse().unwrap());
    Some(Blkptr {
        dva: [dva, Dva::default(), Dva::default()],
        prop: Prop(prop),
        logical_birth,
        cksum,
        ..Blkptr::default()
    })
}

/// Only logs have pointers to what was never written.
#[test]
fn pointers_hold_for_their_blocks() {
    for (name, text, expected) in [
        (
            "checksum-all",
            "zdb/pool.txt",
            "blake3 LE verified: 4, edonr LE verified: 4, fletcher4 LE verified: 24, sha256 LE verified: 4, sha512 LE verified: 4, skein LE verified: 4",
        ),
        (
            "bigendian-mirror",
            "zdb/pool.txt",
            "fletcher4 BE verified: 5, sha256 BE verified: 2, sha256 BE with MAC verified: 4, zilog2 BE with MAC wrong: 1, zilog2 BE wrong: 2",
        ),
        (
            "unclean-zil",
            "zdb/intent-log.txt",
            "fletcher4 LE verified: 12, zilog2 LE verified: 39, zilog2 LE wrong: 2",
        ),
        (
            "unclean-zil-encrypted",
            "zdb/intent-log.txt",
            "fletcher4 LE verified: 3, fletcher4 LE with MAC verified: 7, zilog2 LE with MAC verified: 36",
        ),
    ] {
        assert_eq!(Pool::open(name, text).check(), expected, "{name}");
    }
}

/// In a list of an object's blocks zdb does not tell the algorithm: one must fit.
#[test]
fn every_listed_block_is_proven() {
    let pool = Pool::open("checksum-all", "zdb/pool.txt");
    let mut proven: BTreeMap<String, usize> = BTreeMap::new();
    for line in pool.text.lines().filter(|line| line.contains("P F=") && line.contains("cksum=")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let offset = hex(words[2].split(':').nth(1).unwrap());
        let bytes = pool.read(offset, hex(between(line, "L/", "P").unwrap()));
        let said = cksum(words[6].strip_prefix("cksum=").unwrap());
        let fits = |algorithm: &Checksum| match pool.checker.sum(*algorithm, Order::Little, &bytes).unwrap() {
            Some(sum) => sum == said,
            None => said == Cksum::default(),
        };
        let all = [2, 6, 7, 8, 11, 12, 13, 14].map(Checksum);
        let algorithm = all.iter().find(|a| fits(a)).unwrap_or_else(|| panic!("none fits: {line}"));
        *proven.entry(algorithm.to_string()).or_default() += 1;
    }
    let expected =
        "blake3: 25, edonr: 25, fletcher2: 5, fletcher4: 192, off: 10, sha256: 25, sha512: 25, skein: 25";
    assert_eq!(listed(proven), expected);
}
