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
