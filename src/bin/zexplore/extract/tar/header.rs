//! What stands before each member of a pax archive: a block of the `ustar` format, and before it, where that has no
//! room or no word for it, records of extended attributes (POSIX.1-2001).

use std::borrow::Cow;

use zfsp_grammar::znode::Time;

/// Bytes of a block of an archive.
pub(super) const BLOCK: usize = 512;

/// A member of an archive, without its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    pub(super) path: Vec<u8>,
    /// What a link leads to.
    pub(super) link: Vec<u8>,
    pub(super) kind: Kind,
    /// The lower twelve bits.
    pub(super) permissions: u32,
    pub(super) owner: (u32, u32),
    /// Last access, last change.
    pub(super) times: Option<(Time, Time)>,
    pub(super) device: (u64, u64),
    /// Bytes that follow.
    pub(super) stored: u64,
    /// Bytes of the file, if it has holes.
    pub(super) sparse: Option<u64>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// POSIX ACLs as text: keyword and value.
    pub(super) acls: Vec<(&'static str, String)>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    #[default]
    File = b'0',
    HardLink = b'1',
    Symlink = b'2',
    Char = b'3',
    Block = b'4',
    Directory = b'5',
    Fifo = b'6',
    Extended = b'x',
}

/// A block: fields at their places.
struct Block([u8; BLOCK]);

impl Block {
    fn put(&mut self, at: usize, len: usize, bytes: &[u8]) {
        let field = self.0.iter_mut().skip(at).take(len);
        field.zip(bytes).for_each(|(to, from)| *to = *from);
    }

    /// In octal digits with a NUL behind; what does not fit, as a binary number, which GNU tar understands.
    fn number(&mut self, at: usize, len: usize, n: u64) {
        let width = len.saturating_sub(1);
        let digits = format!("{n:0width$o}");
        if digits.len() <= width {
            return self.put(at, len, digits.as_bytes());
        }
        let start = at.saturating_add(len).saturating_sub(8);
        self.put(at, len, &vec![0; len]);
        self.put(start, 8, &n.to_be_bytes());
        self.0.iter_mut().skip(at).take(1).for_each(|byte| *byte |= 0x80);
    }
}

/// Longest number in a field of twelve bytes.
const LONGEST: u64 = (1 << 33) - 1;
/// Largest id in a field of eight bytes.
const LARGEST_ID: u32 = (1 << 21) - 1;
/// Bytes of a name in a block.
const NAME: usize = 100;

impl Member {
    /// The same without link, device and attributes: another name of what is in the archive already.
    pub(super) fn bare(self) -> Self {
        let Self { path, permissions, owner, times, .. } = self;
        Self { path, permissions, owner, times, ..Self::default() }
    }

    /// All that stands before its content.
    pub(super) fn header(&self) -> Vec<u8> {
        let records = self.records();
        let mut bytes = Vec::new();
        if !records.is_empty() {
            let name = [b"PaxHeaders/".as_slice(), last(&self.path)].concat();
            let extended = Self {
                path: name.iter().take(NAME).copied().collect(),
                kind: Kind::Extended,
                permissions: 0o644,
                stored: u64::try_from(records.len()).unwrap_or(u64::MAX),
                ..Self::default()
            };
            bytes.extend(extended.block());
            bytes.extend_from_slice(&records);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.extend(self.block());
        bytes
    }

    /// The path as the block has it: that of a file with holes is elsewhere, for programs that do not know of them.
    fn plain_path(&self) -> Cow<'_, [u8]> {
        match self.sparse {
            Some(_) => [b"GNUSparseFile.0/".as_slice(), last(&self.path)].concat().into(),
            None => self.path.as_slice().into(),
        }
    }

    fn block(&self) -> [u8; BLOCK] {
        let mut block = Block([0; BLOCK]);
        block.put(0, NAME, &self.plain_path());
        block.number(100, 8, self.permissions.into());
        let id = |id: u32| if id > LARGEST_ID { 0 } else { u64::from(id) };
        block.number(108, 8, id(self.owner.0));
        block.number(116, 8, id(self.owner.1));
        block.number(124, 12, self.stored.min(LONGEST));
        let mtime = self.times.map_or(0, |(_, mtime)| mtime.sec.0);
        block.number(136, 12, if mtime > LONGEST { 0 } else { mtime });
        block.put(148, 8, b"        ");
        #[allow(clippy::as_conversions)] // an enumeration of bytes
        block.put(156, 1, &[self.kind as u8]);
        block.put(157, NAME, &self.link);
        block.put(257, 8, b"ustar\x0000");
        block.number(329, 8, self.device.0);
        block.number(337, 8, self.device.1);
        let sum: u64 = block.0.iter().map(|byte| u64::from(*byte)).sum();
        block.put(148, 8, format!("{sum:06o}\0 ").as_bytes());
        block.0
    }

    /// What the block has no room or no word for.
    fn records(&self) -> Vec<u8> {
        let mut records = Records::default();
        let is_plain = |name: &[u8]| name.len() <= NAME && name.is_ascii();
        // what is no text is best left as it is: as long as it fits
        let needs = |name: &[u8]| name.len() > NAME || (!is_plain(name) && std::str::from_utf8(name).is_ok());
        let names = [self.path.as_slice(), self.link.as_slice()];
        if names.iter().any(|name| needs(name) && std::str::from_utf8(name).is_err()) {
            records.add(b"hdrcharset", b"BINARY");
        }
        match self.sparse {
            Some(size) => {
                records.add(b"GNU.sparse.major", b"1");
                records.add(b"GNU.sparse.minor", b"0");
                records.add(b"GNU.sparse.name", &self.path);
                records.add(b"GNU.sparse.realsize", size.to_string().as_bytes());
            }
            None if needs(&self.path) => records.add(b"path", &self.path),
            None => {}
        }
        if needs(&self.link) {
            records.add(b"linkpath", &self.link);
        }
        if self.stored > LONGEST {
            records.add(b"size", self.stored.to_string().as_bytes());
        }
        for (key, id) in [(&b"uid"[..], self.owner.0), (b"gid", self.owner.1)] {
            if id > LARGEST_ID {
                records.add(key, id.to_string().as_bytes());
            }
        }
        if let Some((atime, mtime)) = self.times {
            records.add(b"mtime", decimal(mtime).as_bytes());
            records.add(b"atime", decimal(atime).as_bytes());
        }
        for (key, value) in &self.acls {
            records.add(key.as_bytes(), value.as_bytes());
        }
        for (name, value) in &self.xattrs {
            records.add(&[b"SCHILY.xattr.".as_slice(), &keyword(name)].concat(), value);
        }
        records.0
    }
}

#[derive(Default)]
struct Records(Vec<u8>);

impl Records {
    /// `LENGTH KEY=VALUE\n`, where the length counts all of it.
    fn add(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len().saturating_add(value.len()).saturating_add(3);
        let mut len = rest.saturating_add(1);
        while rest.saturating_add(digits(len)) != len {
            len = rest.saturating_add(digits(len));
        }
        self.0.extend_from_slice(format!("{len} ").as_bytes());
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }
}

fn digits(n: usize) -> usize {
    n.to_string().len()
}

/// A name in a keyword, which ends at `=`: as GNU tar writes it.
fn keyword(name: &[u8]) -> Vec<u8> {
    let escape = |byte: &u8| match byte {
        b'%' => b"%25".to_vec(),
        b'=' => b"%3D".to_vec(),
        byte => vec![*byte],
    };
    name.iter().flat_map(escape).collect()
}

/// `-1.5` for half a second after the second before that.
fn decimal(time: Time) -> String {
    let (sec, nsec) = (time.sec.0.cast_signed(), time.nsec.min(999_999_999));
    let text = match (sec, nsec) {
        (sec, 0) => return sec.to_string(),
        (sec, nsec) if sec >= 0 => format!("{sec}.{nsec:09}"),
        (sec, nsec) => {
            let (whole, part) = (sec.saturating_add(1).unsigned_abs(), 1_000_000_000u64.saturating_sub(nsec));
            format!("-{whole}.{part:09}")
        }
    };
    text.trim_end_matches('0').to_owned()
}

/// The last part of a path.
fn last(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').find(|part| !part.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zfsp_grammar::quantity::Timestamp;

    #[test]
    fn records_count_themselves() {
        for len in 0..2000 {
            let mut records = Records::default();
            records.add(b"k", &vec![b'v'; len]);
            let text = String::from_utf8(records.0).unwrap();
            assert_eq!(text.split(' ').next().unwrap().parse(), Ok(text.len()), "{len}");
        }
    }

    #[test]
    fn times_before_1970() {
        let time = |sec: i64, nsec| decimal(Time { sec: Timestamp(sec.cast_unsigned()), nsec });
        assert_eq!(time(-2, 500_000_000), "-1.5");
        assert_eq!(time(-1, 1), "-0.999999999");
        assert_eq!(time(7, 10), "7.00000001");
        assert_eq!(time(10, 0), "10");
    }

    #[test]
    fn numbers_that_do_not_fit_are_binary() {
        let mut block = Block([0; BLOCK]);
        block.number(8, 8, 0o7_777_777);
        block.number(16, 8, 0o10_000_000);
        assert_eq!(&block.0[8..16], b"7777777\0");
        assert_eq!(&block.0[16..24], b"\x80\0\0\0\0\x20\0\0");
    }
}
