//! Name/value lists, packed as XDR. Handbook: `docs/format/02-nvlist.md`, 2.4.

/// Pairs of names and values.
pub(super) struct List(pub(super) Vec<(&'static str, Value)>);

pub(super) enum Value {
    Number(u64),
    Text(String),
    List(List),
    Lists(Vec<List>),
}

impl List {
    pub(super) fn pack(&self) -> Vec<u8> {
        let mut out = vec![1, 1, 0, 0];
        self.write(&mut out);
        out
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend([0, 0, 0, 0, 0, 0, 0, 1]);
        for (name, value) in &self.0 {
            let (kind, count, native, bytes) = value.parts();
            let encoded = 20 + name.len().next_multiple_of(4) + bytes.len();
            let decoded = (17 + name.len()).next_multiple_of(8) + native.next_multiple_of(8);
            word(out, encoded);
            word(out, decoded);
            text(out, name);
            word(out, kind);
            word(out, count);
            out.extend(bytes);
        }
        out.extend([0; 8]);
    }
}

impl Value {
    /// Type, elements, bytes in the native form, and the value itself.
    fn parts(&self) -> (usize, usize, usize, Vec<u8>) {
        let mut bytes = Vec::new();
        let (kind, count, native) = match self {
            Self::Number(number) => {
                bytes.extend(number.to_be_bytes());
                (8, 1, 8)
            }
            Self::Text(value) => {
                text(&mut bytes, value);
                (9, 1, value.len() + 1)
            }
            Self::List(list) => {
                list.write(&mut bytes);
                (19, 1, 24)
            }
            Self::Lists(lists) => {
                lists.iter().for_each(|list| list.write(&mut bytes));
                (20, lists.len(), 32 * lists.len())
            }
        };
        (kind, count, native, bytes)
    }
}

fn word(out: &mut Vec<u8>, value: usize) {
    out.extend((value as u32).to_be_bytes());
}

fn text(out: &mut Vec<u8>, value: &str) {
    word(out, value.len());
    out.extend(value.bytes());
    out.resize(out.len().next_multiple_of(4), 0);
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Vec<List>> for Value {
    fn from(lists: Vec<List>) -> Self {
        Self::Lists(lists)
    }
}
