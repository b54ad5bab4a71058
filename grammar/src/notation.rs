//! Block pointers as text: the notation of zdb, written and read.
//!
//! What is read: a whole pointer as zdb and this project print it; a row of the list of blocks that `zdb -ddddd` has,
//! which tells neither algorithms nor byte order; the name of a DVA alone; the sixteen words. Handbook:
//! [`docs/format/03-blkptr.md`], 3.1 to 3.5.
//!
//! ```
//! use zfsp_grammar::notation::Notation;
//!
//! let read: Notation = "0:fe400:200 4000L/200P F=1 B=49/49 cksum=1e5ccb9163:8ac:15563:25df".parse()?;
//! assert!(read.is_partial);
//! assert_eq!(read.pointer.psize(), 0x200);
//! # Ok::<(), zfsp_grammar::notation::NotationError>(())
//! ```
//!
//! [`docs/format/03-blkptr.md`]: crate::handbook::blkptr

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use crate::algorithms::{Checksum, Compression};
use crate::blkptr::{Dva, Pointer, Prop};
use crate::input::{Input, Order, Parse};
use crate::object_type::ObjectType;
use crate::quantity::{Cksum, Sectors, Txg};

/// A block pointer that was read from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Notation {
    /// The pointer.
    pub pointer: Pointer,
    /// Its words.
    pub words: [u64; 16],
    /// The text does not tell type, algorithms and byte order: the usual ones were taken.
    pub is_partial: bool,
}

/// Why a text is no block pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotationError(String);

impl fmt::Display for NotationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl core::error::Error for NotationError {}

impl FromStr for Notation {
    type Err = NotationError;

    fn from_str(text: &str) -> Result<Self, NotationError> {
        if let Some(words) = words(text) {
            return Self::of(words, false).map_err(NotationError);
        }
        let mut parts = Parts::default();
        parts.read(text).map_err(NotationError)?;
        parts.finish().map_err(NotationError)
    }
}

/// The sixteen words of a pointer: hex, joined by colons or blanks, with or without `0x`.
#[must_use]
pub fn words(text: &str) -> Option<[u64; 16]> {
    let mut words = [0; 16];
    let separators = |c: char| c == ':' || c.is_whitespace();
    let mut parts = text.split(separators).filter(|part| !part.is_empty());
    for word in &mut words {
        *word = hex(parts.next()?).ok()?;
    }
    parts.next().is_none().then_some(words)
}

impl Notation {
    fn of(words: [u64; 16], is_partial: bool) -> Result<Self, String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let read = Pointer::parse(Input::new(&bytes, Order::Little));
        let (_, pointer) = read.map_err(|error| error.to_string())?;
        Ok(Self { pointer, words, is_partial })
    }
    /// The same pointer with what a partial text leaves open.
    #[must_use]
    pub fn with(&self, open: &Open) -> Option<Self> {
        let Open { r#type, checksum, compression, order, is_protected } = *open;
        let mut words = self.words;
        let [_, _, _, _, _, _, prop, ..] = &mut words;
        *prop &= !(0x7f << 32 | 0xffff << 40 | 1 << 61 | 1 << 63);
        *prop |= u64::from(compression.0) << 32 | u64::from(checksum.0) << 40 | u64::from(r#type.0) << 48;
        *prop |= u64::from(is_protected) << 61 | u64::from(order == Order::Little) << 63;
        Self::of(words, self.is_partial).ok()
    }
}

/// What a row of zdb does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Type of the object.
    pub r#type: ObjectType,
    /// How the block is proven.
    pub checksum: Checksum,
    /// How it is compressed.
    pub compression: Compression,
    /// Byte order of its writer.
    pub order: Order,
    /// Encrypted or authenticated: half of the checksum is a MAC.
    pub is_protected: bool,
}

/// What the words of the notation say.
#[derive(Debug, Default)]
struct Parts {
    dva: [Option<[u64; 3]>; 3],
    /// The place in brackets.
    r#type: Option<ObjectType>,
    names: Option<String>,
    level: Option<u64>,
    checksum: Option<Checksum>,
    compression: Option<Compression>,
    protection: Option<Protection>,
    big_endian: bool,
    gang: bool,
    dedup: bool,
    hole: bool,
    lsize: Option<u64>,
    psize: Option<u64>,
    logical: u64,
    physical: u64,
    fill: u64,
    cksum: Option<[u64; 4]>,
    salt: u64,
    iv: Option<[u64; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    None,
    Encrypted,
    Authenticated,
}

impl Parts {
    fn read(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        // what zdb puts before a pointer
        let text = text.strip_prefix("rootbp").or_else(|| text.strip_prefix("bp")).unwrap_or(text);
        let text = text.trim_start().trim_start_matches('=').trim_start();
        let (before, names, after) = brackets(text);
        let mut words = before.split_whitespace().chain(after.split_whitespace()).peekable();
        if let Some(names) = names {
            self.named(names)?;
        } else if let Some(row) = words.peek()
            && hex(row).is_ok()
        {
            // the offset at which the block stands in its object
            words.next();
        }
        if words.peek().is_none() && names.is_none() {
            return Err("no block pointer: nothing is there".into());
        }
        while let Some(word) = words.next() {
            if word == "unknown" {
                let number = words.next().and_then(|n| n.parse().ok()).ok_or("no number behind 'unknown'")?;
                self.algorithm(Checksum(number), Compression(number));
            } else {
                self.word(word)?;
            }
        }
        Ok(())
    }

    /// `L0 DMU objset`, from the brackets.
    fn named(&mut self, names: &str) -> Result<(), String> {
        let (level, name) = names.split_once(' ').unwrap_or((names, ""));
        self.level = Some(self.level_of(level).ok_or_else(|| format!("no level: '{level}'"))?);
        let mut types = (0..=u8::MAX).map(ObjectType).filter(|t| t.to_string() == name);
        self.r#type = Some(types.next().ok_or_else(|| format!("no type of objects: '{name}'"))?);
        self.names = Some(name.into());
        Ok(())
    }

    fn level_of(&self, word: &str) -> Option<u64> {
        word.strip_prefix('L')?.parse().ok().filter(|level| *level < 32)
    }

    fn word(&mut self, word: &str) -> Result<(), String> {
        match word {
            "HOLE" => self.hole = true,
            "EMBEDDED" => return Err("an embedded block is in its pointer: its text does not have it".into()),
            "REDACTED" => return Err("a redacted block is nowhere: its pointer leads to nothing".into()),
            "LE" => self.big_endian = false,
            "BE" => self.big_endian = true,
            "gang" => self.gang = true,
            "dedup" => self.dedup = true,
            "contiguous" | "unique" | "single" | "double" | "triple" => {}
            "unencrypted" => self.protection = Some(Protection::None),
            "encrypted" => self.protection = Some(Protection::Encrypted),
            "authenticated" | "indirect-MAC" => self.protection = Some(Protection::Authenticated),
            _ => return self.valued(word),
        }
        Ok(())
    }

    /// A word that has a value.
    fn valued(&mut self, word: &str) -> Result<(), String> {
        let error = || format!("'{word}' is no part of a block pointer");
        if let Some((key, value)) = word.split_once('=') {
            return self.pair(key, value).ok_or_else(error);
        }
        if word.contains('<') || word.split(':').count() == 3 {
            // rows of zdb mark gang blocks so
            let bare = word.strip_suffix('G');
            self.gang |= bare.is_some();
            let dva = dva(bare.unwrap_or(word)).ok_or_else(error)?;
            let free = self.dva.iter_mut().find(|slot| slot.is_none());
            *free.ok_or("more than three copies")? = Some(dva);
            return Ok(());
        }
        if let Some(level) = self.level_of(word) {
            self.level = Some(level);
            return Ok(());
        }
        if word.ends_with('P') || word.ends_with('L') {
            return self.sizes(word).ok_or_else(error);
        }
        let checksum = (0..=u8::MAX).map(Checksum).find(|sum| sum.name() == Some(word));
        let compression = (0..=0x7f).map(Compression).find(|packed| packed.name() == Some(word));
        match (checksum, compression) {
            (Some(sum), _) if self.checksum.is_none() => self.checksum = Some(sum),
            (_, Some(packed)) if self.compression.is_none() => self.compression = Some(packed),
            _ => return Err(error()),
        }
        Ok(())
    }

    fn algorithm(&mut self, checksum: Checksum, compression: Compression) {
        if self.checksum.is_none() {
            self.checksum = Some(checksum);
        } else {
            self.compression = Some(compression);
        }
    }

    fn pair(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "size" => self.sizes(value)?,
            "birth" | "B" => {
                let (logical, physical) = value.split_once('/').unwrap_or((value, value));
                self.logical = logical.trim_end_matches('L').parse().ok()?;
                self.physical = physical.trim_end_matches(['L', 'P']).parse().ok()?;
            }
            "fill" | "F" => self.fill = value.parse().ok()?,
            "cksum" => self.cksum = Some(numbers(value)?),
            "salt" => self.salt = hex(value).ok()?,
            "iv" => self.iv = Some(numbers(value)?),
            _ => {
                let n: usize = key.strip_prefix("DVA[")?.strip_suffix(']')?.parse().ok()?;
                *self.dva.get_mut(n)? = Some(dva(value)?);
            }
        }
        Some(())
    }

    /// `1000L/200P`.
    fn sizes(&mut self, word: &str) -> Option<()> {
        for size in word.split('/') {
            match (size.strip_suffix('L'), size.strip_suffix('P')) {
                (Some(size), _) => self.lsize = Some(hex(size).ok()?),
                (_, Some(size)) => self.psize = Some(hex(size).ok()?),
                _ => return None,
            }
        }
        Some(())
    }

    /// The pointer that has these parts.
    fn finish(mut self) -> Result<Notation, String> {
        let is_partial = self.r#type.is_none();
        if self.hole {
            return Notation::of(self.hole()?, is_partial);
        }
        let [first, ..] = self.dva;
        let first = first.ok_or("no place: a block pointer has at least DVA[0]=<vdev:offset:size>")?;
        let [.., asize] = first;
        // a place alone is taken as it is
        let psize = self.psize.or(self.lsize).unwrap_or(asize);
        let lsize = self.lsize.unwrap_or(psize);
        let packed = if lsize == psize { Compression::OFF } else { Compression::LZ4 };
        let checksum = if self.cksum.is_some() { Checksum::FLETCHER4 } else { Checksum::OFF };
        self.compression.get_or_insert(packed);
        self.checksum.get_or_insert(checksum);
        self.choose_type();
        let mut words = [0; 16];
        for (to, found) in words.as_chunks_mut::<2>().0.iter_mut().zip(self.dva) {
            *to = self.place(found)?;
        }
        let [.., w6, w7, w8, w9, w10, w11, w12, w13, w14, w15] = &mut words;
        *w6 = self.prop(lsize, psize)?;
        (*w7, *w8) = (0, 0);
        *w9 = if self.physical == self.logical { 0 } else { self.physical };
        (*w10, *w11) = (self.logical, self.fill);
        [*w12, *w13, *w14, *w15] = self.cksum.unwrap_or_default();
        if let Some([iv, end]) = self.iv {
            let [_, _, _, _, w4, w5, ..] = &mut words;
            (*w4, *w5) = (self.salt, iv);
            let [.., fill, _, _, _, _] = &mut words;
            *fill |= end.wrapping_shl(32);
        }
        Notation::of(words, is_partial)
    }

    /// Names of new-style types may stand for several: the one that is encrypted if the block is.
    fn choose_type(&mut self) {
        let encrypted = self.protection == Some(Protection::Encrypted);
        let name = self.names.as_deref().unwrap_or_default();
        let mut types = (0..=u8::MAX).map(ObjectType).filter(|t| t.to_string() == name);
        let fitting = types.find(|t| t.is_encrypted() == encrypted);
        self.r#type = fitting.or(self.r#type);
    }

    fn hole(&self) -> Result<[u64; 16], String> {
        let mut words = [0; 16];
        let [.., prop, _, _, _, birth, _, _, _, _, _] = &mut words;
        let lsize = self.lsize.unwrap_or(Sectors::SIZE);
        let (r#type, level) = (self.r#type.unwrap_or_default(), self.level.unwrap_or_default());
        *prop = size(lsize)? | u64::from(r#type.0) << 48 | level << 56;
        *birth = self.logical;
        Ok(words)
    }

    /// The word `prop`.
    fn prop(&self, lsize: u64, psize: u64) -> Result<u64, String> {
        let flag = |set: bool, bit: u32| u64::from(set).wrapping_shl(bit);
        let protected = self.protection.is_some_and(|protection| protection != Protection::None);
        Ok(size(lsize)?
            | size(psize)? << 16
            | u64::from(self.compression.unwrap_or_default().0) << 32
            | u64::from(self.checksum.unwrap_or_default().0) << 40
            | u64::from(self.r#type.unwrap_or_default().0) << 48
            | self.level.unwrap_or_default() << 56
            | flag(protected, 61)
            | flag(self.dedup, 62)
            | flag(!self.big_endian, 63))
    }

    /// The two words of a DVA.
    fn place(&self, found: Option<[u64; 3]>) -> Result<[u64; 2], String> {
        let Some([vdev, offset, asize]) = found else { return Ok([0, 0]) };
        let asize = sectors(asize)?;
        if vdev >= 1 << 24 || asize >= 1 << 24 {
            return Err(format!("no place of a block: <{vdev:x}:{offset:x}:{:x}>", Sectors(asize).bytes()));
        }
        Ok([vdev << 32 | asize, sectors(offset)? | u64::from(self.gang) << 63])
    }
}

/// The text before `[L...]`, what is in it, and the text behind.
fn brackets(text: &str) -> (&str, Option<&str>, &str) {
    let Some((before, rest)) = text.split_once("[L") else { return (text, None, "") };
    // names of types have brackets too
    match rest.find("] ").or_else(|| rest.rfind(']')) {
        Some(end) => {
            let from = before.len().saturating_add(1);
            let to = from.saturating_add(1).saturating_add(end);
            let behind = text.get(to.saturating_add(1)..).unwrap_or_default();
            (before, text.get(from..to), behind)
        }
        None => (text, None, ""),
    }
}

/// `<0:fc00:200>` or `0:fc00:200`: vdev, offset, allocated size, in hex.
fn dva(word: &str) -> Option<[u64; 3]> {
    numbers(word.trim_start_matches('<').trim_end_matches('>'))
}

/// `N` hex numbers between colons.
fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(':');
    for number in &mut numbers {
        *number = hex(parts.next()?).ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn hex(text: &str) -> Result<u64, core::num::ParseIntError> {
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16)
}

/// Whole sectors.
fn sectors(bytes: u64) -> Result<u64, String> {
    match bytes.checked_rem(Sectors::SIZE) {
        Some(0) => Ok(bytes >> 9),
        _ => Err(format!("not a multiple of 512 bytes: {bytes:x}")),
    }
}

/// A size as pointers keep it: in sectors, less one.
fn size(bytes: u64) -> Result<u64, String> {
    match sectors(bytes)?.checked_sub(1) {
        Some(stored) if stored <= 0xffff => Ok(stored),
        _ => Err(format!("no size of a block: {bytes:x}")),
    }
}

/// What the notation of a stored block has beside its properties.
pub(crate) struct Written<'p> {
    pub(crate) dva: &'p [Dva],
    /// Salt and IV of an encrypted block.
    pub(crate) iv: &'p str,
    pub(crate) prop: Prop,
    pub(crate) protection: &'p str,
    pub(crate) logical: Txg,
    pub(crate) physical: Txg,
    pub(crate) fill: u64,
    pub(crate) cksum: Cksum,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dva, iv, prop, protection, logical, physical, fill, cksum } = self;
        let mut copies = 0;
        for (n, dva) in dva.iter().enumerate().filter(|(_, dva)| dva.asize() != 0) {
            write!(f, "DVA[{n}]={dva} ")?;
            copies = n;
        }
        let copies = ["single", "double", "triple"].get(copies).copied().unwrap_or_default();
        let order = if prop.little_endian() { "LE" } else { "BE" };
        let gang = if dva.first().is_some_and(Dva::is_gang) { "gang" } else { "contiguous" };
        let dedup = if prop.dedup() { "dedup" } else { "unique" };
        write!(f, "{iv}[L{} {}] {} {} ", prop.level(), prop.r#type(), prop.checksum(), prop.compression())?;
        write!(f, "{protection} {order} {gang} {dedup} {copies} ")?;
        let (lsize, psize) = (prop.lsize().bytes(), prop.psize().bytes());
        write!(f, "size={lsize:x}L/{psize:x}P birth={logical}L/{physical}P fill={fill} cksum={cksum}")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test may fail loudly
    use alloc::string::ToString;

    use super::*;

    fn read(text: &str) -> Result<Notation, String> {
        text.parse::<Notation>().map_err(|error| error.to_string())
    }

    #[test]
    fn rows_of_zdb() {
        let row = "            8000  L0 0:101c00:a00 1:2000:a00 4000L/a00P F=27 B=49/50 cksum=7458f1b471:a7fea923fa4a:8cb8cb1e6389a0:56bd4bc69c46a492";
        let found = read(row).unwrap();
        assert!(found.is_partial);
        let text = found.pointer.to_string();
        assert_eq!(
            text,
            "DVA[0]=<0:101c00:a00> DVA[1]=<1:2000:a00> [L0 unallocated] fletcher4 lz4 unencrypted LE contiguous \
             unique double size=4000L/a00P birth=49L/50P fill=27 \
             cksum=0000007458f1b471:0000a7fea923fa4a:008cb8cb1e6389a0:56bd4bc69c46a492"
        );
        let gang = read("0  L0 0:37400:20200G 20000L/20000P F=1 B=17/17 cksum=1:2:3:4").unwrap();
        assert!(gang.pointer.stored().unwrap().copies().all(Dva::is_gang));
        let alone = read("<0:fc00:200>").unwrap();
        let b = alone.pointer.stored().unwrap();
        assert_eq!((b.prop.psize().bytes(), b.prop.checksum()), (0x200, Checksum::OFF));
        assert!(alone.is_partial);
    }

    #[test]
    fn words_in_every_form() {
        let all = [1u64, 0x816, 1, 0x86f3, 0, 0, 0x800b_070f_0000_0007, 0, 0, 0, 50, 90, 1, 2, 3, 4];
        let texts = [":", " ", ":0x", "\n  0x"].map(|between| {
            let words: Vec<String> = all.iter().map(|word| format!("{word:x}")).collect();
            words.join(between)
        });
        for text in texts {
            assert_eq!(words(&text), Some(all), "{text}");
            assert!(!read(&text).unwrap().is_partial);
        }
        assert_eq!(words("1:2:3"), None);
    }

    #[test]
    fn what_is_none_says_why() {
        for (text, why) in [
            ("", "nothing is there"),
            ("EMBEDDED [L0 ZFS plain file] et=0 lz4 size=200L/1cP birth=4L", "in its pointer"),
            ("REDACTED [L0 ZFS plain file] size=200L birth=4L", "leads to nothing"),
            ("<0:fc00:201>", "512"),
            ("<0:fc00>", "'<0:fc00>'"),
            ("DVA[3]=<0:fc00:200>", "DVA[3]"),
            ("[L0 nonsense] <0:fc00:200>", "'nonsense'"),
            ("[L99 DMU objset] <0:fc00:200>", "'L99'"),
            ("0:200:200 0:200:200 0:200:200 0:200:200", "three copies"),
            ("200L/200P F=1", "no place"),
            ("<0:fc00:200> 4000000000L/200P", "no size"),
            ("<0:fc00:200> fletcher4 lz4 sha256", "'sha256'"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
