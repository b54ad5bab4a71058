//! Keys of the ZAPs that count space and objects, and of those that limit them.
//!
//! An id in hexadecimal stands for bytes, with `obj-` before it for objects. Quotas have no prefix: the
//! ZAP says what it limits. Handbook: [`docs/format/12-zpl.md`], 12.15.
//!
//! ```
//! use zfsp_grammar::accounting::Account;
//!
//! let key = Account::of(b"obj-7b").expect("a key");
//! assert!(key.objects);
//! assert_eq!(key.id.rid(), 123);
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use crate::fuid::Fuid;

const OBJECTS: &[u8] = b"obj-";

/// Whose share a key names, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Account {
    /// True for objects, false for bytes.
    pub objects: bool,
    /// User, group or project.
    pub id: Fuid,
}

impl Account {
    /// The account that a key names; `None` if it is no such key.
    #[must_use]
    pub fn of(key: &[u8]) -> Option<Self> {
        let (objects, digits) = key.strip_prefix(OBJECTS).map_or((false, key), |digits| (true, digits));
        let digits = core::str::from_utf8(digits).ok()?;
        // from_str_radix would take a sign and capitals
        let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u64::from_str_radix(digits, 16).ok().filter(|_| plain)?;
        Some(Account { objects, id: Fuid(id) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_keys() {
        assert_eq!(Account::of(b"7b"), Some(Account { objects: false, id: Fuid(123) }));
        assert_eq!(Account::of(b"obj-ee6b2800"), Some(Account { objects: true, id: Fuid(4_000_000_000) }));
        assert_eq!(Account::of(b"2000001f4").map(|a| (a.id.domain(), a.id.rid())), Some((2, 0x1f4)));
        assert_eq!([&b"+7b"[..], b"7B", b"", b"obj-"].map(Account::of), [None; 4]);
    }
}
