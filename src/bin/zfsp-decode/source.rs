//! Where the bytes come from.

use std::path::Path;

use zfsp::decode::extent;
use zfsp::device::Device;
use zfsp::error::Place;
use zfsp::pool::{Options, Pool};
use zfsp::{compress, dump};
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::eck::ECK_MAGIC;
use zfsp_grammar::input::Order;
use zfsp_grammar::label::{BOOTENV_AT, LABEL_SIZE, VDEV_PHYS_AT, VDEV_PHYS_SIZE};
use zfsp_grammar::notation;
use zfsp_grammar::uberblock::UBERBLOCK_MAGIC;

use crate::args::{Args, Origin};
use crate::common::block::{self, Found};
use crate::common::opener::Opener;
use crate::common::output::WARNING;
use crate::common::{pool, user_keys};
use crate::{ERROR, Exit, Failure, blkptr_bytes, name_of};

/// The bytes to decode.
#[derive(Default)]
pub(crate) struct Source {
    /// What messages call them.
    pub(crate) name: String,
    /// Position of the first.
    pub(crate) at: usize,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether some of them were lost, or may be wrong: standard error has said so.
    pub(crate) is_damaged: bool,
    /// They are dnodes of a dataset that is locked: bonuses may be ciphertext.
    pub(crate) is_sealed: bool,
    /// What the way to the bytes tells of them.
    pub(crate) structure: Option<&'static str>,
    pub(crate) order: Option<Order>,
    /// The pool that they are of.
    pub(crate) pool: Option<Pool>,
    /// The whole device, for hints.
    device: Option<Device>,
}

/// Text dumps are taken from files up to this size; what is larger is raw.
const LARGEST_DUMP: u64 = 64 << 20;

impl Source {
    /// What the arguments name.
    pub(crate) fn read(args: &Args, structure: &str) -> Result<Self, Failure> {
        let mut source = match (&args.hex, &args.file) {
            _ if !args.origin.paths.is_empty() => Self::of_pool(args, structure)?,
            (Some(text), _) => Self::of_text(args, text)?,
            (None, Some(word))
                if structure == "blkptr" && blkptr_bytes(&word.to_string_lossy()).is_some() =>
            {
                Self::of_text(args, &word.to_string_lossy())?
            }
            (None, file) => Self::of_file(args, file.as_deref().unwrap_or(Path::new("-")), structure)?,
        };
        if let Some((algorithm, lsize)) = args.decompress {
            source.bytes = compress::decompress(algorithm, &source.bytes, lsize)
                .map_err(|e| Failure(Exit::Nothing, format!("{} at {:#x}: {e}", source.name, source.at)))?;
            if algorithm != Compression::OFF {
                // positions count in the block now
                source.at = 0;
            }
        }
        Ok(source)
    }

    fn of_text(args: &Args, text: &str) -> Result<Self, Failure> {
        let is_pointer = notation::words(text).is_some() || args.structure.as_deref() == Some("blkptr");
        let bytes = blkptr_bytes(text).filter(|_| is_pointer).or_else(|| dump::hex(text));
        let bytes = bytes.ok_or_else(|| Failure(Exit::Usage, format!("no hex digits: '{text}'")))?;
        let name = "the given bytes".to_owned();
        Self { name, bytes, ..Self::default() }.cut(args, None)
    }

    /// A block of a pool.
    fn of_pool(args: &Args, structure: &str) -> Result<Self, Failure> {
        let Origin { paths, pool, txg, checkpoint, keys, key_files, dva, bp, object, .. } = &args.origin;
        let keys = user_keys::read(keys, key_files)?;
        let mut is_damaged = false;
        let mut warn = |what: String| {
            anstream::eprintln!("{WARNING}zfsp-decode:{WARNING:#} {what}");
            is_damaged = true;
        };
        let options = Options { pool: pool.clone(), txg: *txg, checkpoint: *checkpoint };
        let pool = pool::open(paths, &options, &keys, &mut warn)?;
        let wanted = Some(structure).filter(|name| *name != "auto");
        let found = match (dva, bp, object) {
            (Some(place), ..) => block::of_place(&pool.store, place)?,
            (_, Some(notation), _) => block::of_notation(&Opener::of(&pool), notation)?,
            (_, _, Some(target)) => target.read(&pool, wanted)?,
            _ => return Err(Failure(Exit::Usage, "say which block: --dva, --bp or --object".into())),
        };
        found.doubts.iter().cloned().for_each(&mut warn);
        if let Some(note) = &found.note {
            anstream::eprintln!("{note}");
        }
        let Found { name, bytes, at, order, structure, is_sealed, .. } = found;
        let pool = Some(pool);
        Self { name, at, bytes, order, structure, pool, is_damaged, is_sealed, device: None }.cut(args, None)
    }

    fn of_file(args: &Args, path: &Path, structure: &str) -> Result<Self, Failure> {
        let failure = |e: zfsp::error::Error| Failure(Exit::Nothing, e.to_string());
        if structure == "blkptr" && path.to_string_lossy().contains(':') && !path.exists() {
            let why = format!(
                "{}: no file, and no block pointer as zdb prints it or of sixteen hex words",
                path.display()
            );
            return Err(Failure(Exit::Usage, why));
        }
        let device = Device::open(path).map_err(failure)?;
        let name = name_of(path);
        let most = if args.decompress.is_some() { LARGEST_BLOCK } else { extent::most(structure) };
        let most = most.saturating_mul(args.count.max(1));
        if device.len() <= LARGEST_DUMP {
            let (whole, is_damaged) = read(&device, 0, usize::MAX).map_err(failure)?;
            let dump = dump::read(&whole)
                .map_err(|e| failure(e.at(Place { device: Some(name.as_str().into()), offset: None })))?;
            if dump.form != dump::Form::Raw {
                warn(&device, is_damaged);
                let bytes = dump.bytes.into_owned();
                let source = Self { name, at: dump.at, bytes, is_damaged, ..Self::default() };
                return source.cut(args, Some(most));
            }
        }
        let length = args.length.map_or(most, |n| usize::try_from(n).unwrap_or(usize::MAX));
        let (bytes, is_damaged) = read(&device, args.at, length).map_err(failure)?;
        warn(&device, is_damaged);
        let at = usize::try_from(args.base.unwrap_or(0).saturating_add(args.at)).unwrap_or(usize::MAX);
        Ok(Self { name, at, bytes, is_damaged, device: Some(device), ..Self::default() })
    }

    /// The part that `--at` and `--length` name. A dump that states positions is asked in these.
    fn cut(self, args: &Args, most: Option<usize>) -> Result<Self, Failure> {
        let at = usize::try_from(args.at).unwrap_or(usize::MAX);
        let skip = at.checked_sub(self.at).unwrap_or(at);
        let length = args.length.map_or(most, |n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
        let rest = self.bytes.get(skip..).unwrap_or_default();
        let bytes = rest.get(..length).unwrap_or(rest).to_vec();
        let start = args.base.map_or(self.at, |base| usize::try_from(base).unwrap_or(usize::MAX));
        Ok(Self { at: start.saturating_add(skip), bytes, ..self })
    }

    /// Where else in the file a structure like this one is found.
    pub(crate) fn hint(&self, structure: &str) -> String {
        let Some(device) = &self.device else { return String::new() };
        if self.bytes.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
            return "\n  this is text, but no dump that is known: xxd, hexdump -C, zdb -R or hex digits"
                .into();
        }
        let mut found = match structure {
            "label" => places(device, LABEL_SIZE, 0, is_label),
            "vdev-phys" => places(device, LABEL_SIZE, VDEV_PHYS_AT, is_label),
            "bootenv" => places(device, LABEL_SIZE, BOOTENV_AT, is_label),
            "uberblock" => places(device, UBERBLOCK_STEP, 0, is_uberblock),
            _ => return String::new(),
        };
        found.retain(|at| usize::try_from(*at) != Ok(self.at));
        let found: Vec<String> = found.iter().take(MOST_PLACES).map(|at| format!("{at:#x}")).collect();
        match found.as_slice() {
            [] => format!("\n  no other {structure} is found in {}", self.name),
            [first, ..] => {
                let all = found.join(", ");
                format!("\n  found elsewhere in {}: at {all}\n  try --at {first}", self.name)
            }
        }
    }
}

/// Up to `length` bytes, without those that a damaged image has lost; whether its damage touches them.
fn read(device: &Device, at: u64, length: usize) -> Result<(Vec<u8>, bool), zfsp::error::Error> {
    let Some(lost) = device.loss().and_then(|loss| loss.place().offset) else {
        return Ok((device.read(at, length)?, false));
    };
    let wanted = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    let bytes = device.read(at, length).or_else(|e| match usize::try_from(lost.saturating_sub(at)) {
        Ok(left) if left > 0 => device.read(at, left),
        _ => Err(e),
    })?;
    Ok((bytes, lost < wanted))
}

fn warn(device: &Device, is_damaged: bool) {
    if let Some(loss) = device.loss().filter(|_| is_damaged) {
        anstream::eprintln!("{ERROR}zfsp-decode:{ERROR:#} {loss}");
    }
}

/// Stored bytes that a compressed block has at most.
const LARGEST_BLOCK: usize = 16 << 20;
/// Uberblocks start at multiples of this.
const UBERBLOCK_STEP: usize = 1024;
/// Places that a hint names.
const MOST_PLACES: usize = 4;
/// Bytes searched at each end of a large device: labels stand nowhere else.
const SEARCHED: u64 = 4 << 20;

/// Places of what `is` recognises at multiples of `step`, where it starts `part` bytes further on.
fn places(device: &Device, step: usize, part: usize, is: fn(&[u8]) -> bool) -> Vec<u64> {
    let len = device.len();
    let mut found = Vec::new();
    let whole = len <= SEARCHED.saturating_mul(2);
    let starts = if whole { vec![0] } else { vec![0, len.saturating_sub(SEARCHED) & !0x3_ffff] };
    for start in starts {
        let searched = usize::try_from(SEARCHED.saturating_mul(2)).unwrap_or_default();
        let Ok(bytes) = device.read(start, searched) else { continue };
        for at in (0..bytes.len()).step_by(step) {
            if bytes.get(at..).is_some_and(is) {
                let at = u64::try_from(at.saturating_add(part)).unwrap_or_default();
                found.push(start.saturating_add(at));
            }
        }
    }
    found.dedup();
    found
}

fn magic(bytes: &[u8], magic: u64) -> bool {
    let found = bytes.first_chunk().map(|b| (u64::from_le_bytes(*b), u64::from_be_bytes(*b)));
    found.is_some_and(|(le, be)| le == magic || be == magic)
}

fn is_label(bytes: &[u8]) -> bool {
    let eck = VDEV_PHYS_AT.saturating_add(VDEV_PHYS_SIZE).saturating_sub(zfsp_grammar::eck::ECK_SIZE);
    bytes.get(eck..).is_some_and(|b| magic(b, ECK_MAGIC))
}

fn is_uberblock(bytes: &[u8]) -> bool {
    magic(bytes, UBERBLOCK_MAGIC)
}
