//! Laws that hold for every structure of the catalogue, on any bytes, in both orders.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)] // a test may fail loudly

use proptest::prelude::*;
use zfsp_grammar::catalogue::structures;
use zfsp_grammar::input::{Input, Order};
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
