//! Laws that hold for every structure of the catalogue, on any bytes, in both orders.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)] // a test may fail loudly

use proptest::prelude::*;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::catalogue::structures;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::notation::Notation;
use zfsp_grammar::tree::Trace;

proptest! {
    #[test]
    fn watching_changes_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..2048), big: bool) {
        let order = if big { Order::Big } else { Order::Little };
        for s in structures() {
            let trace = Trace::default();
            prop_assert!((s.agrees)(Input::new(&bytes, order), &trace), "{}", s.name);
        }
    }
}

/// An error names its field as ZFS does, watched or not: `type`, though Rust writes `r#type`.
#[test]
fn errors_name_fields_alike() {
    for s in structures() {
        for len in 0..600 {
            let bytes: Vec<u8> = [1, 1, 1, 1].into_iter().chain([0; 596]).take(len).collect();
            for order in [Order::Little, Order::Big] {
                let trace = Trace::default();
                assert!((s.agrees)(Input::new(&bytes, order), &trace), "{} of {len} bytes", s.name);
                let named = (s.read)(Input::new(&bytes, order)).err().map(|e| e.to_string());
                assert!(!named.is_some_and(|text| text.contains("r#")), "{} of {len} bytes", s.name);
            }
        }
    }
}

/// Words of pointers that have a first copy, and whose offsets are less than 2^64 bytes.
fn pointers() -> impl Strategy<Value = Vec<u64>> {
    let dva = (1u64..1 << 24, 0u64..1 << 24, 0u64..1 << 55, any::<bool>());
    let dva =
        dva.prop_map(|(asize, vdev, offset, gang)| [asize | vdev << 32, offset | u64::from(gang) << 63]);
    // any properties, but for the bit of embedded blocks
    let rest = proptest::collection::vec(any::<u64>(), 10).prop_map(|mut words| {
        words.iter_mut().take(1).for_each(|prop| *prop &= !(1 << 39));
        words
    });
    let middle = prop_oneof![proptest::array::uniform4(any::<u64>()), Just([0; 4])];
    (dva, middle, rest).prop_map(|(dva, middle, rest)| {
        // of the other copies, whose words are salt and IV of encrypted blocks, the offsets fit too
        let [a, b, c, d] = middle;
        let middle = [a, b & !(0xff << 55), c, d & !(0xff << 55)];
        dva.into_iter().chain(middle).chain(rest).collect()
    })
}

proptest! {
    #[test]
    fn what_a_pointer_says_is_read_back(words in pointers()) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        prop_assert_eq!(bytes.len(), BLKPTR_SIZE);
        let (_, pointer) = Pointer::parse(Input::new(&bytes, Order::Little)).unwrap();
        let text = pointer.to_string();
        let read: Notation = text.parse().unwrap();
        prop_assert!(!read.is_partial);
        prop_assert_eq!(read.pointer.to_string(), text);
    }

    #[test]
    fn any_text_is_a_pointer_or_none(text in "\\PC{0,80}|(DVA\\[[0-9]\\]=|<|[0-9a-f]{1,9}|:|>| |\\[L0 DMU objset\\]|/|[LP=]|size|birth|HOLE|unknown){0,40}") {
        let _ = text.parse::<Notation>();
    }
}
