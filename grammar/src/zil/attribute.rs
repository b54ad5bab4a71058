//! Records of attributes: owner, mode, size and times; DOS-like flags; extended attributes. Handbook:
//! `docs/format/13-space.md`, 13.8, "attr block", "setattr" and "setsaxattr".

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;
use nom::combinator::cond;

use crate::input::{Input, Parse, Parsed, Text, ahead, between, bytes, framed, list, nul_terminated, rest};
use crate::quantity::{Bytes, Mode, Numbers, Reserved};
use crate::zil::acl::Fuid;
use crate::zil::record::Foid;
use crate::znode::Time;

/// Words that a bitmap of attributes may have: writers have three. More would be room for nothing.
pub const MOST_MASK_WORDS: u64 = 32;

macro_rules! attributes {
    ($(#[doc = $about:literal])* $Name:ident($word:ident) to $bits:literal) => {
        bits! {
            $(#[doc = $about])*
            ///
            /// Chapter 13, 13.8.
            pub struct $Name($word) {
                0..1 createtime: bool,
                1..2 archive: bool,
                2..3 system: bool,
                3..4 readonly: bool,
                4..5 hidden: bool,
                5..6 nounlink: bool,
                6..7 immutable: bool,
                7..8 appendonly: bool,
                8..9 nodump: bool,
                9..10 opaque: bool,
                10..11 av_quarantined: bool,
                11..12 av_modified: bool,
                /// of a virus scanner
                12..13 scanstamp: bool,
                13..14 reparse: bool,
                14..15 generation: bool,
                15..16 offline: bool,
                16..17 sparse: bool,
                17..18 projinherit: bool,
                /// the project id stands in the scan stamp
                18..19 projid: bool,
                19..$bits reserved: Reserved,
            }
        }
    };
}

attributes! {
    /// Which attributes are set.
    AttributeMask(u32) to 32
}
attributes! {
    /// The new values of those attributes that are flags.
    AttributeValues(u64) to 64
}

record! {
    /// Attributes beyond those of POSIX (`lr_attr_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Xvattr<'a> {
        /// words of the bitmap: 3
        0x00 masksize:  u32 = between(1, MOST_MASK_WORDS),
        /// first word of the bitmap: what is set
        0x04 bitmap:    AttributeMask,
        /// further words: nothing
        0x08 more:      Numbers<'a, 4> = framed(more(masksize), Numbers::parse),
             /// new values
             attrs:     AttributeValues,
             /// new creation time
             crtime:    Time,
             /// new scan stamp; its first 8 bytes may be the project id
             scanstamp: &'a [u8] = bytes(32usize),
    }
    says Xvattr::summary;
}

fn more(masksize: u32) -> usize {
    usize::try_from(masksize).unwrap_or(usize::MAX).saturating_sub(1).saturating_mul(4)
}

impl Xvattr<'_> {
    /// The new project id, if it is set. It was written as a number of the byte order of the block.
    #[must_use]
    pub fn projid(&self) -> Option<[u8; 8]> {
        self.scanstamp.first_chunk().copied().filter(|_| self.bitmap.projid())
    }
    fn summary(&self) -> String {
        use crate::spec::Describe;
        self.bitmap.value().meaning().map_or_else(|| "nothing".into(), String::from)
    }
}

bits! {
    /// What is set, as Linux writes it.
    ///
    /// Chapter 13, 13.8.
    pub struct LinuxMask(u64) {
        0..1   mode: bool,
        1..2   uid: bool,
        2..3   gid: bool,
        3..4   size: bool,
        4..5   atime: bool,
        5..6   mtime: bool,
        6..7   ctime: bool,
        7..13  reserved: Reserved,
        /// an open file was the way to it
        13..14 file: bool,
        14..31 more: Reserved,
        /// attributes beyond those of POSIX follow
        31..32 xvattr: bool,
        32..64 rest: Reserved,
    }
}

bits! {
    /// What is set, as FreeBSD and illumos write it.
    ///
    /// Chapter 13, 13.8.
    pub struct VattrMask(u64) {
        0..1   kind: Reserved,
        1..2   mode: bool,
        2..3   uid: bool,
        3..4   gid: bool,
        4..7   reserved: Reserved,
        7..8   size: bool,
        8..9   atime: bool,
        9..10  mtime: bool,
        10..11 ctime: bool,
        11..16 more: Reserved,
        /// attributes beyond those of POSIX follow
        16..17 xvattr: bool,
        17..64 rest: Reserved,
    }
}

one_of! {
    /// Which fields of the record count. Systems have their own numbers for them.
    pub enum Mask: Copy {
        /// Bits that only Linux sets.
        Linux(LinuxMask),
        /// Others.
        Vattr(VattrMask),
    }
    size 8;
}

impl Mask {
    /// Bits that only Linux sets: mode, atime, mtime, ctime, file and xvattr.
    const LINUX_ONLY: u64 = 0x8000_2071;
    /// Bits that Linux never sets: size, atime, mtime, ctime and xvattr of the others.
    const NEVER_LINUX: u64 = 0x1_0780;

    /// True if only bits are set that have a meaning.
    pub(super) fn is_known(self) -> bool {
        match self {
            Mask::Linux(mask) => mask.0 & !0x8000_207f == 0,
            Mask::Vattr(mask) => mask.0 & !0x1_078e == 0,
        }
    }
    /// The mask in the reading of the system that wrote it. Bits that both have in common say nothing:
    /// Linux seldom sets them without the ctime.
    #[must_use]
    pub fn of(word: u64) -> Self {
        if word & Self::LINUX_ONLY != 0 && word & Self::NEVER_LINUX == 0 {
            Mask::Linux(LinuxMask(word))
        } else {
            Mask::Vattr(VattrMask(word))
        }
    }
}

macro_rules! either {
    ($($(#[doc = $doc:literal])* $field:ident)*) => {
        impl Mask { $(
            $(#[doc = $doc])*
            #[must_use]
            pub fn $field(self) -> bool {
                match self {
                    Mask::Linux(mask) => mask.$field(),
                    Mask::Vattr(mask) => mask.$field(),
                }
            }
        )* }
    };
}
either! {
    /// The permission bits of `mode` count.
    mode
    /// `uid` counts.
    uid
    /// `gid` counts.
    gid
    /// `size` counts.
    size
    /// `atime` counts.
    atime
    /// `mtime` counts.
    mtime
    /// The time of the last change was to be set; the log does not say to what.
    ctime
    /// The attribute block is there.
    xvattr
}

impl<'a> Parse<'a> for Mask {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, word) = ahead(0, u64::parse)(i)?;
        match Mask::of(word) {
            Mask::Linux(_) => LinuxMask::parse.map(Mask::Linux).parse_complete(i),
            Mask::Vattr(_) => VattrMask::parse.map(Mask::Vattr).parse_complete(i),
        }
    }
}

record! {
    /// `TX_SETATTR` (`lr_setattr_t`). Fields that the mask does not name mean nothing.
    ///
    /// Chapter 13, 13.8.
    pub struct Setattr<'a> {
        0x00 foid:    Foid,
        /// which fields count
        0x08 mask:    Mask,
        /// the type stays as it was
        0x10 mode:    Mode,
        0x18 uid:     Fuid,
        0x20 gid:     Fuid,
        0x28 size:    Bytes,
        0x30 atime:   Time,
        0x40 mtime:   Time,
        0x50 attr:    Option<Xvattr<'a>> = cond(mask.xvattr(), Xvattr::parse),
             /// of user and group, where those are set and no plain numbers
             domains: Vec<Text<'a>> = list(named(mask, uid, gid), nul_terminated),
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Setattr::summary;
}

fn named(mask: Mask, uid: Fuid, gid: Fuid) -> usize {
    let of = |set: bool, id: Fuid| if set { id } else { Fuid(0) };
    Fuid::domains([of(mask.uid(), uid), of(mask.gid(), gid)])
}

impl Setattr<'_> {
    fn summary(&self) -> String {
        let mask = self.mask;
        let mut what = format!("object {}", self.foid.object());
        let mut add = |set: bool, text: String| {
            if set {
                what.push(' ');
                what.push_str(&text);
            }
        };
        add(mask.mode(), format!("mode={:04o}", self.mode.0 & 0o7777));
        add(mask.uid(), format!("uid={}", self.uid));
        add(mask.gid(), format!("gid={}", self.gid));
        add(mask.size(), format!("size={}", self.size.0));
        add(mask.atime(), format!("atime={}", self.atime));
        add(mask.mtime(), format!("mtime={}", self.mtime));
        if let Some(attr) = &self.attr {
            add(true, attr.summary());
        }
        what
    }
}

record! {
    /// `TX_SETSAXATTR` (`lr_setsaxattr_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Setsaxattr<'a> {
        0x00 foid:    Foid,
        /// of the value; 0: the attribute goes
        0x08 size:    Bytes,
        0x10 name:    Text<'a> = nul_terminated,
             value:   &'a [u8] = bytes(usize::try_from(size.0).unwrap_or(usize::MAX)),
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Setsaxattr::summary;
}

impl Setsaxattr<'_> {
    fn summary(&self) -> String {
        match self.size.0 {
            0 => format!("object {} without {}", self.foid.object(), self.name),
            size => format!("object {} {}, {size} bytes", self.foid.object(), self.name),
        }
    }
}
