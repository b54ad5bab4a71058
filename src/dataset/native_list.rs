//! A writer of name-value lists in the native encoding, as far as resume tokens need it.
//!
//! Handbook: `docs/format/02-nvlist.md`, 2.5.

use zfsp_grammar::nvlist::DataType;

/// A list that is being written, little-endian.
#[derive(Debug)]
pub(super) struct NativeList {
    bytes: Vec<u8>,
}

/// Bytes of a pair before its name.
const HEADER: usize = 16;

impl NativeList {
    /// An empty list of unique names.
    pub(super) fn new() -> Self {
        // encoding, byte order, two bytes that are reserved; version 0, flags
        Self { bytes: vec![0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0] }
    }
    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.pair(name, DataType::UINT64, 1, &value.to_le_bytes());
    }
    pub(super) fn numbers(&mut self, name: &str, values: &[u64]) {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.pair(name, DataType::UINT64_ARRAY, values.len(), &bytes);
    }
    pub(super) fn text(&mut self, name: &str, value: &[u8]) {
        self.pair(name, DataType::STRING, 1, &[value, &[0]].concat());
    }
    pub(super) fn flag(&mut self, name: &str) {
        self.pair(name, DataType::BOOLEAN, 0, &[]);
    }
    /// The bytes of the list.
    pub(super) fn packed(mut self) -> Vec<u8> {
        self.bytes.extend([0; 4]);
        self.bytes
    }

    fn pair(&mut self, name: &str, kind: DataType, count: usize, value: &[u8]) {
        // names and values are short: those of a token, from a ZAP
        let word = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let name_size = name.len().saturating_add(1);
        let before = HEADER.saturating_add(name_size).next_multiple_of(8);
        let size = before.saturating_add(value.len()).next_multiple_of(8);
        let start = self.bytes.len();
        self.bytes.extend(word(size));
        // its upper half is the word that is reserved
        self.bytes.extend(word(name_size));
        self.bytes.extend(word(count));
        self.bytes.extend(kind.0.to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.resize(start.saturating_add(before), 0);
        self.bytes.extend(value);
        self.bytes.resize(start.saturating_add(size), 0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may fail loudly
    use zfsp_grammar::input::{Input, Order, Parse};
    use zfsp_grammar::nvlist::{Packed, Value};

    use super::*;

    #[test]
    fn what_is_written_can_be_read() {
        let mut list = NativeList::new();
        list.number("txg", 4);
        list.text("name", b"tank");
        list.numbers("guids", &[1, u64::MAX]);
        list.flag("on");
        let bytes = list.packed();
        let (rest, read) = Packed::parse(Input::new(&bytes, Order::Big)).unwrap();
        assert!(rest.bytes().is_empty());
        let list = read.list;
        assert_eq!(list.number("txg"), Some(4));
        assert_eq!(list.text("name").unwrap().0, b"tank");
        assert!(
            matches!(list.get("guids").unwrap().value(), Value::Numbers(all, ..) if *all == [1, u64::MAX])
        );
        assert!(matches!(list.get("on").unwrap().value(), Value::Flag));
    }

    /// Chapter 02, 2.5: the worked example, without the list inside.
    #[test]
    fn a_real_pair() {
        let mut list = NativeList::new();
        list.number("txg", 4);
        let bytes = list.packed();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let pair = "200000000400000001000000080000007478670000000000".to_owned() + "0400000000000000";
        assert_eq!(hex, format!("000100000000000001000000{pair}00000000"));
    }
}
