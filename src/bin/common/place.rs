//! A block by its place: `VDEV:OFFSET:[LSIZE/]PSIZE[:FLAGS]`, in hex, as `zdb -R` has it.

use std::str::FromStr;

use zfsp::block::Store;
use zfsp::compress::decompress;
use zfsp::vdev::{Extent, Fault, Proven, Role, Stretch};
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, LARGEST_BLOCK};
use zfsp_grammar::label::DATA_AT;

use crate::common::exit::{Exit, Failure};

/// Where a block lies, and how it is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) vdev: u32,
    pub(crate) offset: u64,
    /// Bytes as they are stored, without parity.
    pub(crate) psize: usize,
    /// Bytes as they were before, if they are compressed.
    pub(crate) lsize: Option<usize>,
    pub(crate) flags: Flags,
}

/// What the letters behind a place ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is a letter of its own
pub(crate) struct Flags {
    /// `b`, or `bOFFSET`: a block pointer stands there.
    pub(crate) pointer_at: Option<usize>,
    /// `d`
    pub(crate) decompress: bool,
    /// `g`
    pub(crate) gang: bool,
    /// `i`
    pub(crate) indirect: bool,
    /// `r`
    pub(crate) raw: bool,
}

/// For the help of the programs.
pub(crate) const PLACE_HELP: &str = "\
VDEV:OFFSET:PSIZE[:FLAGS], in hex, as in the DVA of a block pointer; PSIZE is the physical size, without parity, \
and LSIZE/PSIZE says the logical size too. FLAGS are letters as zdb -R has them: d decompress, trying the \
algorithms; g a gang header; i block pointers; r raw bytes to standard output; b or bOFFSET one block pointer, \
OFFSET bytes into the block";

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim().trim_start_matches('<');
        let mut parts = bare.splitn(4, ':').map(|part| part.trim_end_matches('>'));
        let mut next = |what| parts.next().ok_or_else(|| format!("no {what}: VDEV:OFFSET:SIZE in hex"));
        let vdev = u32::try_from(hex(next("vdev")?)?).map_err(|e| e.to_string())?;
        let offset = hex(next("offset")?)?;
        let sizes = next("size")?;
        let (lsize, psize) = match sizes.split_once('/') {
            Some((lsize, psize)) => (Some(size(lsize)?), size(psize)?),
            None => (None, size(sizes)?),
        };
        let flags = parts.next().unwrap_or_default().parse()?;
        Ok(Self { vdev, offset, psize, lsize, flags })
    }
}

impl FromStr for Flags {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut flags = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next() {
            rest = rest.get(flag.len_utf8()..).unwrap_or_default();
            match flag {
                'd' => flags.decompress = true,
                'g' => flags.gang = true,
                'i' => flags.indirect = true,
                'r' => flags.raw = true,
                'b' => {
                    // all behind it is its offset
                    let at = std::mem::take(&mut rest);
                    let at = if at.is_empty() { 0 } else { hex(at)? };
                    flags.pointer_at = Some(usize::try_from(at).map_err(|e| e.to_string())?);
                }
                other => return Err(format!("no flag '{other}': d, g, i, r, or b with an offset behind it")),
            }
        }
        Ok(flags)
    }
}

fn hex(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| format!("'{text}' is no hex number"))
}

fn size(text: &str) -> Result<usize, String> {
    match hex(text)? {
        bytes if bytes == 0 || bytes > LARGEST_BLOCK => {
            Err(format!("'{text}' is no size of a block: 1 to 1000000 in hex"))
        }
        bytes => usize::try_from(bytes).map_err(|e| e.to_string()),
    }
}

/// In which physical sizes count.
const UNIT: u64 = 512;

/// What is to be said of bytes that were found by their place.
pub(crate) const UNPROVEN: &str = "nothing proves these bytes: their pointer would";

/// Which part of what lies there is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// The block, from wherever it can be had.
    #[default]
    Whole,
    /// What that side of a mirror has.
    Copy(usize),
    /// What lies on that child of a striped vdev, parity included.
    Child(usize),
}

/// What was read, and what is doubtful about it.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    pub(crate) bytes: Vec<u8>,
    pub(crate) doubts: Vec<String>,
}

impl Place {
    /// The place of a block that was written in `birth`.
    pub(crate) fn extent(&self, birth: u64) -> Extent {
        Extent { offset: self.offset, size: self.psize, birth }
    }

    /// Why no block can lie just there.
    pub(crate) fn misfits(&self, store: &Store) -> Vec<String> {
        let Some(top) = store.vdevs.top(self.vdev) else { return Vec::new() };
        let size = u64::try_from(self.psize).unwrap_or(u64::MAX);
        let end = self.offset.saturating_add(size);
        let sector = u64::try_from(top.sector()).unwrap_or(UNIT);
        let mut all = Vec::new();
        if let Some(asize) = top.config.asize.filter(|asize| end > *asize) {
            all.push(format!("{self}: ends at {end:#x}, but vdev {:x} is of {asize:#x} bytes", self.vdev));
        }
        if !self.offset.is_multiple_of(sector) {
            all.push(format!("{self}: blocks start at multiples of {sector:#x}"));
        }
        if !size.is_multiple_of(UNIT) {
            all.push(format!("{self}: blocks have multiples of {UNIT:#x} bytes"));
        }
        all
    }

    /// Position of the first byte on a plain device: gang headers are proven by it.
    pub(crate) fn on_device(&self) -> usize {
        usize::try_from(self.offset.saturating_add(DATA_AT)).unwrap_or_default()
    }

    /// The bytes there. No checksum is known: sides and parity are compared, and where they differ that is a doubt.
    pub(crate) fn read(&self, store: &Store, birth: u64, part: Part) -> Result<Raw, Failure> {
        let extent = self.extent(birth);
        let nothing = |why: String| Failure(Exit::Nothing, format!("{self}: {why}"));
        let child = match part {
            Part::Whole => return self.read_whole(store, &extent),
            Part::Copy(n) | Part::Child(n) => n,
        };
        let stretches = store.vdevs.stretches(self.vdev, &extent).map_err(nothing)?;
        let is_copy = matches!(part, Part::Copy(_));
        let wanted = |stretch: &&Stretch| stretch.child == child;
        let mut wanted: Vec<&Stretch> = stretches.iter().filter(wanted).collect();
        if is_copy && stretches.iter().any(|stretch| stretch.role != Role::Data) {
            return Err(nothing("a striped vdev has no copies: --child N reads what a child has".into()));
        }
        if wanted.is_empty() {
            let last = stretches.iter().map(|stretch| stretch.child).max().unwrap_or_default();
            let what = if is_copy { "side" } else { "child" };
            return Err(nothing(format!(
                "nothing of it is on {what} {child}: they are numbered 0 to {last}"
            )));
        }
        if !is_copy {
            wanted.sort_by_key(|stretch| stretch.side.at);
        }
        let mut raw = Raw::default();
        for stretch in wanted {
            raw.bytes.extend(stretch.read()?);
        }
        if is_copy {
            raw.bytes.truncate(self.psize);
        }
        Ok(raw)
    }

    /// Where the birth is not known, the width of an expanded RAID-Z is that with which parity fits best.
    fn read_whole(&self, store: &Store, extent: &Extent) -> Result<Raw, Failure> {
        let mut best = self.read_born(store, extent)?;
        let top = store.vdevs.top(self.vdev).filter(|_| extent.birth == Extent::ANY_BIRTH);
        for txg in top.map(|top| top.config.expand_txgs.as_slice()).unwrap_or_default().iter().rev() {
            if best.doubts.is_empty() {
                break;
            }
            let older = self.read_born(store, &Extent { birth: txg.saturating_sub(1), ..*extent });
            if let Some(older) = older.ok().filter(|older| older.doubts.len() < best.doubts.len()) {
                best = older;
            }
        }
        Ok(best)
    }

    fn read_born(&self, store: &Store, extent: &Extent) -> Result<Raw, Failure> {
        let vdevs = &store.vdevs;
        let mut faults = Vec::new();
        let bytes = vdevs.read(self.vdev, extent, &|_| true, &mut faults);
        let tried = || faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let bytes = bytes.ok_or_else(|| Failure(Exit::Nothing, format!("{self}: {}", tried())))?;
        let mut found = Vec::new();
        vdevs.scrub(self.vdev, extent, &bytes, Proven::Nothing, &mut found);
        faults.retain(|fault| !found.contains(fault));
        let doubts = found.iter().chain(&faults).map(doubt).collect();
        Ok(Raw { bytes, doubts })
    }
}

/// What is known of a block without a checksum: not who is right.
fn doubt(fault: &Fault) -> String {
    let Fault { leaf, at, len, kind } = fault;
    let what = match kind {
        zfsp::vdev::FaultKind::Wrong => "other bytes than the ones read: one of the sides is wrong".into(),
        zfsp::vdev::FaultKind::WrongParity => {
            "parity that does not fit the data: one of them is wrong".into()
        }
        other => other.to_string(),
    };
    format!("{leaf} at {at:#x}, {len:#x} bytes: {what}")
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{:x}:{:x}:{:x}>", self.vdev, self.offset, self.psize)
    }
}

/// Algorithms that are tried, the strictest first: what is not theirs fails early.
pub(crate) const TRIED: [Compression; 5] =
    [Compression::LZ4, Compression::ZSTD, Compression::GZIP_6, Compression::LZJB, Compression::ZLE];

/// The block that `stored` is, with the algorithm that gives just so many bytes: of `lsize`, or of any size that
/// blocks usually have.
pub(crate) fn guess(stored: &[u8], lsize: Option<usize>) -> Option<(Compression, Vec<u8>)> {
    let sizes: Vec<usize> = match lsize {
        Some(lsize) => vec![lsize],
        None => usual_sizes().filter(|size| *size > stored.len()).collect(),
    };
    let packed =
        |algorithm: Compression| sizes.iter().find_map(|size| decompress(algorithm, stored, *size).ok());
    TRIED.into_iter().find_map(|algorithm| Some((algorithm, packed(algorithm)?)))
}

/// Powers of two first; then what short files have: multiples of 512 bytes up to 128 KiB.
fn usual_sizes() -> impl Iterator<Item = usize> {
    let powers = (9..=24u32).filter_map(|shift| 1usize.checked_shl(shift));
    let multiples = (1..=256usize).map(|n| n.saturating_mul(512)).filter(|size| !size.is_power_of_two());
    powers.chain(multiples)
}

/// Bytes of the pointer at `at` of a block.
pub(crate) fn pointer_bytes(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at..)?.get(..BLKPTR_SIZE)
}
