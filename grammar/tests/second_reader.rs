//! The fixed structures, declared a second time for another reader, nom-derive: both must read the
//! same from any bytes, in both orders.
//!
//! What the two have in common is the handbook. A wrong offset, width or order in either shows.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)] // a test may fail loudly

use std::collections::BTreeMap;

use nom_derive::{Nom, Parse as _, nom};
use proptest::prelude::*;
use zfsp_grammar::blkptr::{Blkptr, Embedded, Encrypted, Pointer};
use zfsp_grammar::catalogue;
use zfsp_grammar::dnode::Dnode;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::tree::{Trace, Tree, Value};
use zfsp_grammar::uberblock::{UBERBLOCK_MAGIC, Uberblock};

/// Chapter 03, 3.1: words, whatever the reading.
#[derive(Nom, Debug)]
struct SecondBlkptr {
    dva: [u64; 6],
    prop: u64,
    prop2: u64,
    pad: u64,
    physical_birth: u64,
    logical_birth: u64,
    fill: u64,
    cksum: [u64; 4],
}

/// Chapter 01, 1.3.
#[derive(Nom, Debug)]
struct SecondUberblock {
    magic: u64,
    version: u64,
    txg: u64,
    guid_sum: u64,
    timestamp: u64,
    rootbp: SecondBlkptr,
    software_version: u64,
    mmp_magic: u64,
    mmp_delay: u64,
    mmp_config: u64,
    checkpoint_txg: u64,
    raidz_reflow: u64,
}

/// Chapter 06, 6.1: the header of a dnode.
#[derive(Nom, Debug)]
struct SecondDnode {
    kind: u8,
    indblkshift: u8,
    nlevels: u8,
    nblkptr: u8,
    bonustype: u8,
    checksum: u8,
    compress: u8,
    flags: u8,
    datablkszsec: u16,
    bonuslen: u16,
    extra_slots: u8,
    pad2: [u8; 3],
    maxblkid: u64,
    used: u64,
    pad3: [u64; 4],
}

/// Chapter 11, 11.2.
#[derive(Nom, Debug)]
struct SecondDir {
    creation_time: u64,
    head_dataset_obj: u64,
    parent_obj: u64,
    origin_obj: u64,
    child_dir_zapobj: u64,
    used_bytes: u64,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
    quota: u64,
    reserved: u64,
    props_zapobj: u64,
    deleg_zapobj: u64,
    flags: u64,
    used_breakdown: [u64; 5],
    clones: u64,
    pad: [u64; 13],
}

/// Chapter 11, 11.3.
#[derive(Nom, Debug)]
struct SecondDataset {
    dir_obj: u64,
    prev_snap_obj: u64,
    prev_snap_txg: u64,
    next_snap_obj: u64,
    snapnames_zapobj: u64,
    num_children: u64,
    creation_time: u64,
    creation_txg: u64,
    deadlist_obj: u64,
    referenced_bytes: u64,
    compressed_bytes: u64,
    uncompressed_bytes: u64,
    unique_bytes: u64,
    fsid_guid: u64,
    guid: u64,
    flags: u64,
    bp: SecondBlkptr,
    next_clones_obj: u64,
    props_obj: u64,
    userrefs_obj: u64,
    pad: [u64; 5],
}

/// Chapter 10, 10.2: a slot of a micro ZAP.
#[derive(Nom, Debug)]
struct SecondEntry {
    value: u64,
    cd: u32,
    pad: u16,
    name: [u8; 50],
}

/// What the second reader makes of `bytes`.
macro_rules! second {
    ($ty:ty, $bytes:expr, $order:expr) => {{
        let read: nom::IResult<&[u8], $ty> = match $order {
            Order::Little => <$ty>::parse_le($bytes),
            Order::Big => <$ty>::parse_be($bytes),
        };
        read.unwrap().1
    }};
}

/// What the grammar makes of them.
macro_rules! first {
    ($ty:ty, $bytes:expr, $order:expr) => {
        <$ty as Parse<'_>>::parse(Input::new($bytes, $order)).unwrap().1
    };
}

/// The tree of the structure `name`.
fn tree(name: &str, bytes: &[u8], order: Order) -> Tree {
    let structure = catalogue::find(name).unwrap_or_else(|| panic!("no structure {name}"));
    let trace = Trace::default();
    (structure.read)(Input::new(bytes, order).watched(&trace)).unwrap();
    trace.into_tree()
}

/// The numbers of the fields right below the structure, by name.
fn numbers(tree: &Tree) -> BTreeMap<String, u64> {
    let parts = tree.parts(Some(0)).map(|k| &tree.nodes[k]);
    parts.filter_map(|node| Some((node.name().into_owned(), number(&node.value)?))).collect()
}

fn number(value: &Value) -> Option<u64> {
    match *value {
        Value::Number(n) | Value::Hex(n) | Value::Symbol(n, _) | Value::Bits(n, _) => Some(n),
        Value::Signed(n) | Value::Quantity(n, _) => Some(n.cast_unsigned()),
        _ => None,
    }
}

/// Asserts that the numbers of the tree are those fields of the second reader, all of them.
macro_rules! same_numbers {
    ($tree:expr, $second:expr, $($field:ident)*) => {{
        let second = BTreeMap::from([$((stringify!($field).to_owned(), u64::from($second.$field))),*]);
        prop_assert_eq!(numbers(&$tree), second);
    }};
}

/// The words of a pointer, found again in whichever reading the grammar chose.
fn same_pointer(first: &Pointer, second: &SecondBlkptr) {
    let plain = |b: &Blkptr| {
        let [x, y, z] = b.dva;
        assert_eq!([x, y, z].map(|dva| [dva.extent.0, dva.place.0]).concat(), second.dva);
        assert_eq!((b.prop.0, b.prop2.0, b.pad.0), (second.prop, second.prop2, second.pad));
        assert_eq!(b.physical_birth.0, second.physical_birth);
        assert_eq!(b.logical_birth.0, second.logical_birth);
        assert_eq!((b.fill, b.cksum.0), (second.fill, second.cksum));
    };
    match first {
        Pointer::Hole(b) | Pointer::Block(b) => plain(b),
        Pointer::Embedded(b) => same_embedded(b, second),
        Pointer::Encrypted(b) => same_encrypted(b, second),
        Pointer::Authenticated(b) => plain(&b.plain()),
    }
}

fn same_embedded(b: &Embedded, second: &SecondBlkptr) {
    assert_eq!(b.prop.0, second.prop);
    assert_eq!(b.logical_birth.0, second.logical_birth);
    let payload = [
        &second.dva[..],
        &[second.prop2, second.pad, second.physical_birth],
        &[second.fill],
        &second.cksum[..],
    ];
    assert_eq!([&b.head.0[..], &b.body.0, &b.tail.0].concat(), payload.concat());
}

fn same_encrypted(b: &Encrypted, second: &SecondBlkptr) {
    let dva: Vec<u64> = b.dva.iter().flat_map(|dva| [dva.extent.0, dva.place.0]).collect();
    assert_eq!([&dva[..], &[b.salt.0, b.iv.0]].concat(), second.dva);
    assert_eq!((b.prop.0, b.prop2.0, b.pad.0), (second.prop, second.prop2, second.pad));
    assert_eq!(b.physical_birth.0, second.physical_birth);
    assert_eq!((b.logical_birth.0, b.fill_iv.0), (second.logical_birth, second.fill));
    assert_eq!([b.cksum.0, b.mac.0].concat(), second.cksum);
}

fn any_order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Little), Just(Order::Big)]
}

fn any_bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    // zeros are what real structures mostly consist of
    let byte = prop_oneof![1 => Just(0u8), 2 => any::<u8>()];
    proptest::collection::vec(byte, len)
}

proptest! {
    #[test]
    fn block_pointers(bytes in any_bytes(128), order in any_order()) {
        same_pointer(&first!(Pointer, &bytes, order), &second!(SecondBlkptr, &bytes, order));
    }

    #[test]
    fn uberblocks(mut bytes in any_bytes(216), order in any_order()) {
        let magic = match order {
            Order::Little => UBERBLOCK_MAGIC.to_le_bytes(),
            Order::Big => UBERBLOCK_MAGIC.to_be_bytes(),
        };
        bytes[..8].copy_from_slice(&magic);
        // the magic tells the order, whichever one was expected
        let a = first!(Uberblock, &bytes, Order::Little);
        prop_assert_eq!(&a, &first!(Uberblock, &bytes, Order::Big));
        let b = second!(SecondUberblock, &bytes, order);
        prop_assert_eq!((a.magic.0, a.version, a.txg.0), (b.magic, b.version, b.txg));
        prop_assert_eq!((a.guid_sum.0, a.timestamp.0), (b.guid_sum, b.timestamp));
        same_pointer(&a.rootbp, &b.rootbp);
        prop_assert_eq!((a.software_version, a.mmp_magic.0), (b.software_version, b.mmp_magic));
        prop_assert_eq!((a.mmp_delay.0, a.mmp_config.0), (b.mmp_delay, b.mmp_config));
        prop_assert_eq!((a.checkpoint_txg.0, a.raidz_reflow_info.0), (b.checkpoint_txg, b.raidz_reflow));
    }

    #[test]
    fn dnode_headers(mut bytes in any_bytes(16384), order in any_order(), nblkptr in 1u8..4, extra in 0u8..32) {
        bytes[3] = nblkptr;
        bytes[12] = extra;
        let b = second!(SecondDnode, &bytes, order);
        // a bonus may be longer than the bytes: then there is no first reading
        if let Ok((_, a)) = Dnode::parse(Input::new(&bytes, order)) {
            prop_assert_eq!((a.r#type.0, a.indblkshift, a.nlevels), (b.kind, b.indblkshift, b.nlevels));
            prop_assert_eq!((a.nblkptr, a.bonustype.0), (b.nblkptr, b.bonustype));
            prop_assert_eq!((a.checksum.0, a.compress.0, a.flags.0), (b.checksum, b.compress, b.flags));
            prop_assert_eq!((a.datablkszsec, a.bonuslen), (b.datablkszsec, b.bonuslen));
            prop_assert_eq!((a.extra_slots, a.pad2.0), (b.extra_slots, b.pad2 != [0; 3]));
            prop_assert_eq!((a.maxblkid, a.used, a.pad3.0), (b.maxblkid, b.used, b.pad3 != [0; 4]));
        } else {
            prop_assert!(usize::from(b.bonuslen) + 64 + 128 * usize::from(b.nblkptr) + 128 > 512);
        }
    }

    #[test]
    fn dsl_directories(bytes in any_bytes(256), order in any_order()) {
        let second = second!(SecondDir, &bytes, order);
        let tree = tree("dsl-dir", &bytes, order);
        same_numbers!(tree, second,
            creation_time head_dataset_obj parent_obj origin_obj child_dir_zapobj used_bytes compressed_bytes
            uncompressed_bytes quota reserved props_zapobj deleg_zapobj flags clones);
        let breakdown = tree.parts(Some(0)).find(|k| tree.nodes[*k].name() == "used_breakdown").unwrap();
        let parts: Vec<u64> =
            tree.parts(Some(breakdown)).filter_map(|k| number(&tree.nodes[k].value)).collect();
        prop_assert_eq!(parts, second.used_breakdown);
        let pad = tree.nodes.iter().find(|n| n.name() == "pad").unwrap();
        prop_assert_eq!(pad.problem.is_some(), second.pad != [0; 13]);
    }

    #[test]
    fn dsl_datasets(bytes in any_bytes(320), order in any_order()) {
        let second = second!(SecondDataset, &bytes, order);
        let tree = tree("dsl-dataset", &bytes, order);
        same_numbers!(tree, second,
            dir_obj prev_snap_obj prev_snap_txg next_snap_obj snapnames_zapobj num_children creation_time
            creation_txg deadlist_obj referenced_bytes compressed_bytes uncompressed_bytes unique_bytes
            fsid_guid guid flags next_clones_obj props_obj userrefs_obj);
        let bp = tree.nodes.iter().find(|n| n.name() == "bp").unwrap();
        prop_assert_eq!((bp.at, bp.end), (128, 256));
        same_pointer(&first!(Pointer, &bytes[bp.at..bp.end], order), &second.bp);
        let pad = tree.nodes.iter().filter(|n| n.depth == 1).find(|n| n.name() == "pad").unwrap();
        prop_assert_eq!(pad.problem.is_some(), second.pad != [0; 5]);
    }

    #[test]
    fn micro_zap_entries(mut bytes in any_bytes(64), order in any_order(), first in 1u8..) {
        // a name without a first byte would be a free slot
        bytes[14] = first;
        let second = second!(SecondEntry, &bytes, order);
        let block = [&[0; 64], &bytes[..]].concat();
        let tree = tree("microzap", &block, order);
        let slot = tree.nodes.iter().position(|n| n.at == 64 && n.end == 128 && n.index.is_some()).unwrap();
        let parts: Vec<_> = tree.parts(Some(slot)).map(|k| &tree.nodes[k]).collect();
        let field = |name: &str| *parts.iter().find(|n| n.name() == name).unwrap();
        prop_assert_eq!(number(&tree.nodes[slot].value), Some(second.value));
        prop_assert_eq!(number(&field("value").value), Some(second.value));
        prop_assert_eq!(number(&field("cd").value), Some(u64::from(second.cd)));
        prop_assert_eq!(field("pad").problem.is_some(), second.pad != 0);
        let name = second.name.split(|b| *b == 0).next().unwrap();
        prop_assert_eq!(field("name").value.to_string(), format!("{:?}", zfsp_grammar::input::Text(name)));
    }
}
