//! What an independent writer seals the reader opens, in every suite, version and byte order; and whatever an enemy
//! changes of it is noticed by the MAC that proves it.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::image::Random;
use common::seal::{self, Params, Sealed, Writer};
use common::seal_parts::{Dnode, Record, any_pointer, pointer, prop};
use proptest::prelude::*;
use zfsp::crypt::{CryptoKey, DataKey, Flaw, Mac, WrappingKey, indirect_mac_holds};
use zfsp_grammar::blkptr::{Authenticated, Encrypted, Pointer};
use zfsp_grammar::dsl::crypto_key::{KEYS, KeyFormat, KeyVersion};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::zap::value::Integers;

/// One way to write: suite, version, byte order of the block and of the block that holds the pointer to it.
#[derive(Clone, Copy, Debug)]
struct Way {
    suite: u64,
    version: u64,
    block: Order,
    holder: Order,
    seed: u64,
}

fn ways() -> impl Strategy<Value = Way> {
    let order = || prop_oneof![Just(Order::Little), Just(Order::Big)];
    (3..=8u64, 0..=1u64, order(), order(), 1..u64::MAX)
        .prop_map(|(suite, version, block, holder, seed)| Way { suite, version, block, holder, seed })
}

impl Way {
    fn begin(self) -> (Random, Writer, DataKey) {
        let mut random = Random::new(self.seed);
        let writer = Writer::new(self.suite, self.version, &mut random);
        let reader = writer.reader(&mut random);
        (random, writer, reader)
    }

    /// The pointer to a block of that type, as it stands in its holder.
    fn raw(self, kind: u8, level: u8, params: &Params, random: &mut Random) -> Vec<u8> {
        let prop = prop(kind, level, true, self.block, random);
        pointer(self.holder, prop, params, random)
    }

    fn encrypted(self, raw: &[u8]) -> Encrypted {
        match Pointer::parse(Input::new(raw, self.holder)).unwrap().1 {
            Pointer::Encrypted(b) => b,
            other => panic!("{other:?}"),
        }
    }

    fn authenticated(self, raw: &[u8]) -> Authenticated {
        match Pointer::parse(Input::new(raw, self.holder)).unwrap().1 {
            Pointer::Authenticated(b) => b,
            other => panic!("{other:?}"),
        }
    }
}

/// Every bit of salt, IV and MAC, where they stand in a pointer of that order.
fn bits_of_seal(holder: Order, has_mac: bool) -> Vec<(usize, u8)> {
    // the upper half of the fill word
    let tail = if holder == Order::Little { 92..96 } else { 88..92 };
    let mac = if has_mac { 112..128 } else { 0..0 };
    (32..48).chain(tail).chain(mac).flat_map(|at| (0..8).map(move |bit| (at, bit))).collect()
}

/// Some bits of a block, those that are proven and those that are not; of the heads and ends many.
fn bits(sealed: &Sealed, random: &mut Random) -> Vec<(usize, u8)> {
    (0..48).map(|_| (random.below(sealed.bytes.len()), random.below(8) as u8)).collect()
}

/// Changes one bit after the other: what is proven fails with that MAC and leaves the block as it was, everything else
/// changes nothing but itself.
fn check(
    sealed: &Sealed,
    plain: &[u8],
    bits: &[(usize, u8)],
    mac: Mac,
    open: impl Fn(&mut [u8]) -> Result<(), Mac>,
) {
    let mut block = sealed.bytes.clone();
    assert_eq!(open(&mut block), Ok(()));
    assert!(block == plain, "other data");
    for (at, bit) in bits {
        let mut changed = sealed.bytes.clone();
        changed[*at] ^= 1 << bit;
        let before = changed.clone();
        let opened = open(&mut changed);
        if sealed.proven[*at] & 1 << bit != 0 {
            assert_eq!(opened, Err(mac), "bit {bit} of byte {at:#x}");
            assert!(mac == Mac::Data || changed == before, "bit {bit} of byte {at:#x}: data");
        } else {
            assert_eq!(opened, Ok(()), "bit {bit} of byte {at:#x}");
            changed[*at] ^= 1 << bit;
            assert!(changed == plain, "bit {bit} of byte {at:#x}: other data");
        }
    }
}

/// What stands in a pointer beside salt, IV, MAC and order changes nothing.
fn check_pointer(way: Way, raw: &[u8], has_mac: bool, random: &mut Random, opens: impl Fn(&[u8]) -> bool) {
    assert!(opens(raw));
    for (at, bit) in bits_of_seal(way.holder, has_mac) {
        let mut changed = raw.to_vec();
        changed[at] ^= 1 << bit;
        assert!(!opens(&changed), "bit {bit} of byte {at} of the pointer");
    }
    // addresses, births, fill count and checksum
    let fill = if way.holder == Order::Little { 88..92 } else { 92..96 };
    for at in (8..32).chain(56..88).chain(fill).chain(96..112) {
        let mut changed = raw.to_vec();
        changed[at] ^= 1 << random.below(8);
        assert!(opens(&changed), "byte {at} of the pointer");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn data(way in ways(), kind in prop_oneof![Just(19u8), Just(20), Just(44), Just(23), Just(0xa5)], len in 1..4000usize) {
        let (mut random, writer, reader) = way.begin();
        let plain = seal::bytes(&mut random, len);
        let (sealed, params) = writer.data(&plain, &mut random);
        let raw = way.raw(kind, 0, &params, &mut random);
        let b = way.encrypted(&raw);
        prop_assert_eq!((b.salt_bytes(), b.iv_bytes(), b.mac_bytes()), (params.salt, params.iv, params.mac));
        check(&sealed, &plain, &bits(&sealed, &mut random), Mac::Data, |block| reader.open(&b, block));
        check_pointer(way, &raw, true, &mut random, |raw| reader.open(&way.encrypted(raw), &mut sealed.bytes.clone()).is_ok());
    }

    #[test]
    fn blocks_in_clear(way in ways(), kind in prop_oneof![Just(21u8), Just(27), Just(0xc5)], len in 1..4000usize) {
        let (mut random, writer, reader) = way.begin();
        let plain = seal::bytes(&mut random, len);
        let raw = way.raw(kind, 0, &writer.authenticated(&plain), &mut random);
        let b = way.authenticated(&raw);
        let sealed = Sealed { bytes: plain.clone(), proven: vec![0xff; len] };
        check(&sealed, &plain, &bits(&sealed, &mut random), Mac::Clear, |block| reader.authenticate(&b, block));
        for (at, bit) in (112..128).map(|at| (at, random.below(8))) {
            let mut changed = raw.clone();
            changed[at] ^= 1 << bit;
            prop_assert_eq!(reader.authenticate(&way.authenticated(&changed), &plain), Err(Mac::Clear));
        }
    }

    #[test]
    fn dnodes(way in ways(), sizes in proptest::collection::vec(1..5usize, 1..10)) {
        let (mut random, writer, reader) = way.begin();
        let dnodes: Vec<_> = sizes.iter().map(|slots| Dnode::any(*slots, way.block, &mut random)).collect();
        let (plain, sealed, params) = writer.dnodes(way.block, &dnodes, &mut random);
        let raw = way.raw(10, 0, &params, &mut random);
        let b = way.encrypted(&raw);
        let mut some = bits(&sealed, &mut random);
        let heads = sizes.iter().scan(0, |at, slots| Some(std::mem::replace(at, *at + slots * 512)));
        some.extend(heads.flat_map(|head| (0..64).map(move |at| (head + at, (at % 8) as u8))));
        check(&sealed, &plain, &some, Mac::Dnodes, |block| reader.open(&b, block));
        check_pointer(way, &raw, true, &mut random, |raw| reader.open(&way.encrypted(raw), &mut sealed.bytes.clone()).is_ok());
    }

    #[test]
    fn indirect_blocks(way in ways(), count in 1..20usize) {
        let (mut random, writer, _) = way.begin();
        let pointers: Vec<_> = (0..count).map(|_| any_pointer(way.block, &mut random)).collect();
        let (sealed, params) = writer.indirect(way.block, &pointers);
        let raw = way.raw(19, 1, &params, &mut random);
        let mac = way.authenticated(&raw).mac_bytes();
        let holds = |version: Option<u64>, block: &mut [u8]| {
            indirect_mac_holds(block, way.block, version.map(KeyVersion), &mac).then_some(()).ok_or(Mac::Indirect)
        };
        // one after the other, all bits of one pointer
        let one = random.below(count) * 128;
        let some: Vec<_> = (0..1024).map(|bit| (one + bit / 8, (bit % 8) as u8)).collect();
        check(&sealed, &sealed.bytes, &some, Mac::Indirect, |block| holds(Some(way.version), block));
        prop_assert!(holds(None, &mut sealed.bytes.clone()).is_ok());
        prop_assert!(holds(Some(1 - way.version), &mut sealed.bytes.clone()).is_err());
        prop_assert!(holds(None, &mut sealed.bytes[128..].to_vec()).is_err());
    }

    #[test]
    fn object_sets(way in ways(), count in prop_oneof![Just(1usize), Just(3), Just(4)], flags in 0..4u64) {
        let (mut random, writer, reader) = way.begin();
        let mut dnodes: Vec<_> = (0..count).map(|_| Dnode::any(1, way.block, &mut random)).collect();
        dnodes.iter_mut().take(2).for_each(|dnode| dnode.kind = 10);
        let [portable, local] = writer.object_set(way.block, 2, flags, &dnodes);
        let mut some = bits(&portable, &mut random);
        some.extend((704..784).map(|at| (at, random.below(8) as u8)));
        let plain = &portable.bytes;
        check(&portable, plain, &some, Mac::Portable, |block| reader.portable(block, way.block));
        check(&local, plain, &some, Mac::Local, |block| reader.local(block, way.block).map(drop));
    }

    #[test]
    fn logs(way in ways(), records in 0..12usize) {
        let (mut random, writer, reader) = way.begin();
        let records: Vec<_> = (0..records).map(|_| Record::any(&mut random)).collect();
        let (plain, sealed, params) = writer.log(way.block, &records, 8192, &mut random);
        let raw = way.raw(9, 0, &params, &mut random);
        let b = way.encrypted(&raw);
        let mut some = bits(&sealed, &mut random);
        some.extend((0..400).map(|at| (at, random.below(8) as u8)));
        check(&sealed, &plain, &some, Mac::Log, |block| reader.open_log(&b, way.block, block));
        check_pointer(way, &raw, false, &mut random, |raw| {
            reader.open_log(&way.encrypted(raw), way.block, &mut sealed.bytes.clone()).is_ok()
        });
    }

    /// Neither another dataset's key nor another wrapping key opens anything.
    #[test]
    fn keys_of_others(way in ways()) {
        let (mut random, writer, _) = way.begin();
        let (_, _, other) = Way { seed: way.seed ^ 0xff00, ..way }.begin();
        let (sealed, params) = writer.data(b"something", &mut random);
        let raw = way.raw(19, 0, &params, &mut random);
        prop_assert_eq!(other.open(&way.encrypted(&raw), &mut sealed.bytes.clone()), Err(Mac::Data));
        let raw = way.raw(21, 0, &writer.authenticated(b"something"), &mut random);
        prop_assert_eq!(other.authenticate(&way.authenticated(&raw), b"something"), Err(Mac::Clear));
    }

    /// A changed bit of a key object never gives other keys.
    #[test]
    fn key_objects(way in ways(), bit in 0..8u8) {
        let (mut random, writer, _) = way.begin();
        let entries = writer.key_object(&mut random);
        for (name, value) in &entries {
            for at in 0..value.bytes.len() {
                let mut value = value.clone();
                value.bytes[at] ^= 1 << bit;
                let opened = open(&entries, name, Some(&value), &writer.wrapping);
                let is_unused = *name == "DSL_CRYPTO_MASTER_KEY_1" && at >= writer.master.len();
                prop_assert_eq!(opened.is_ok(), is_unused, "{} {}", name, at);
            }
            let cut = Integers { bytes: value.bytes[1..].into(), ..value.clone() };
            let error = open(&entries, name, Some(&cut), &writer.wrapping).unwrap_err();
            prop_assert!(error.contains(name), "{}", error);
            let error = open(&entries, name, None, &writer.wrapping).unwrap_err();
            prop_assert!(error.contains(name), "{}", error);
        }
    }

    /// Bytes of strangers as blocks of each kind.
    #[test]
    fn noise(way in ways(), len in 0..3000usize, used in 0..4000u64) {
        let (mut random, _, reader) = way.begin();
        let params = Params::default();
        let mut noise = seal::bytes(&mut random, len);
        for kind in [10, 19, 44] {
            let b = way.encrypted(&way.raw(kind, 0, &params, &mut random));
            prop_assert!(reader.open(&b, &mut noise.clone()).is_err());
        }
        prop_assert!(reader.portable(&noise, way.block).is_err());
        let _ = reader.local(&noise, way.block);
        prop_assert!(!indirect_mac_holds(&noise, way.block, None, &params.mac));
        if let Some(place) = noise.get_mut(136..144) {
            place.copy_from_slice(&seal::word(way.block, used));
        }
        let b = way.encrypted(&way.raw(9, 0, &params, &mut random));
        prop_assert_eq!(reader.open_log(&b, way.block, &mut noise), Err(Mac::Log));
    }
}

/// Opens the keys, with another value for one entry.
fn open(
    entries: &[(&'static str, Integers)],
    other: &str,
    value: Option<&Integers>,
    wrapping: &[u8],
) -> Result<DataKey, String> {
    let entry = |name: &str| match name == other {
        true => value,
        false => entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value),
    };
    let wrapped = CryptoKey::of(1, |name| Ok(entry(name))).map_err(|flaw| flaw.to_string())?;
    let key = WrappingKey::of(KeyFormat::RAW, wrapping, None).unwrap();
    wrapped.unwrap(&key).map_err(|refusal| refusal.to_string())
}

#[test]
fn numbers_that_nobody_knows() {
    let mut random = Random::new(1);
    let entries = Writer::new(8, 1, &mut random).key_object(&mut random);
    let of = |name: &'static str, n: u64| {
        let other = Integers::word(n);
        let entry = |key: &str| entries.iter().find(|(name, _)| *name == key).map(|(_, value)| value);
        CryptoKey::of(1, |key| Ok(if key == name { Some(&other) } else { entry(key) })).map(drop)
    };
    for suite in [0, 1, 2, 9, u64::MAX] {
        assert_eq!(of("DSL_CRYPTO_SUITE", suite), Err(Flaw::Suite(suite)));
    }
    for version in [2, u64::MAX] {
        assert_eq!(of("DSL_CRYPTO_VERSION", version), Err(Flaw::Version(version)));
    }
    assert!(KEYS.iter().any(|shape| shape.key == "DSL_CRYPTO_VERSION"));
}

/// The local MAC is zeros, and nothing is demanded, without accounting.
#[test]
fn object_sets_without_accounting() {
    let mut random = Random::new(2);
    let writer = Writer::new(8, 1, &mut random);
    let reader = writer.reader(&mut random);
    let mut dnodes: Vec<_> = (0..4).map(|_| Dnode::any(1, Order::Little, &mut random)).collect();
    for (kinds, flags, is_demanded) in [
        ([10, 10, 10], 1, true),
        ([0, 10, 10], 1, true),
        ([10, 0, 0], 3, true),
        ([0, 0, 10], 1, false),
        ([10, 10, 10], 2, false),
    ] {
        dnodes[1..].iter_mut().zip(kinds).for_each(|(dnode, kind)| dnode.kind = kind);
        let [_, local] = writer.object_set(Order::Little, 2, flags, &dnodes);
        let mut bytes = local.bytes;
        assert_eq!(reader.local(&bytes, Order::Little), Ok(is_demanded), "{kinds:?} {flags}");
        assert_eq!(bytes[752..784] != [0; 32], is_demanded, "{kinds:?} {flags}");
        bytes[752] ^= 1;
        let altered = reader.local(&bytes, Order::Little);
        assert_eq!(altered.is_err(), is_demanded, "{kinds:?} {flags}");
    }
}
