//! Where a block lies, copy by copy, device by device, and which of it is right.

use anstyle::Style;
use serde::Serialize;
use zfsp::block::Store;
use zfsp::block::{Lost, Stored};
use zfsp::vdev::{Extent, Fault, Role, Stretch};
use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::{Blkptr, Dva};
use zfsp_grammar::gang::GangHeader;
use zfsp_grammar::input::{Input, Parse};

use crate::names::Names;
use crate::style::{BAD, GOOD, ODD};
use crate::table::{Align, Cell, Table};

/// A stretch of a device that belongs to a block.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    /// Number of the copy: of the DVA.
    pub(crate) copy: usize,
    pub(crate) dva: String,
    /// What lies there: `data`, `P`, `gang header`.
    pub(crate) holds: String,
    pub(crate) vdev: u32,
    pub(crate) child: usize,
    pub(crate) device: String,
    /// Bytes from the start of the device.
    pub(crate) offset: u64,
    pub(crate) length: usize,
    /// Bytes from the start of the block.
    pub(crate) block_offset: usize,
    pub(crate) state: State,
    /// The device may have missed what was written then.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) may_be_stale: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(is: &bool) -> bool {
    !is
}

/// What is known of the bytes of a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// They are what the checksum proves.
    Good,
    /// They are not, or could not be read.
    Bad,
    /// Nothing proves them.
    Unproven,
}

/// All copies of a block, and of a gang block its pieces.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Copies {
    pub(crate) parts: Vec<Part>,
    /// Vdevs that cannot tell where a copy lies, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unknown: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a gang block.
#[derive(Debug, Serialize)]
pub(crate) struct Piece {
    pub(crate) pointer: String,
    pub(crate) copies: Copies,
}

/// Levels of gang blocks that are shown.
const DEEPEST: usize = 8;

impl Copies {
    /// Of the block that `b` leads to, and what it was had as.
    pub(crate) fn of(store: &Store, names: &Names, b: &Blkptr, stored: &Result<Stored, Lost>) -> Self {
        Self::nested(store, names, b, stored, DEEPEST)
    }

    fn nested(store: &Store, names: &Names, b: &Blkptr, stored: &Result<Stored, Lost>, depth: usize) -> Self {
        let faults = match stored {
            Ok(stored) => store.faults(b, stored),
            Err(Lost { faults, .. }) => faults.clone(),
        };
        let state = match (stored, b.prop.checksum()) {
            (Ok(_), Checksum::OFF | Checksum::NOPARITY) => State::Unproven,
            (Ok(_), _) => State::Good,
            (Err(_), _) => State::Unproven,
        };
        let mut all = Self::default();
        let mut header = None;
        for (copy, dva) in b.dva.iter().enumerate().filter(|(_, dva)| dva.asize() != 0) {
            let mut size = usize::try_from(b.prop.psize().bytes()).unwrap_or_default();
            if dva.is_gang() {
                let found = store.gang_header(b, dva, &mut Vec::new());
                size = found.as_ref().map_or(zfsp_grammar::gang::SMALLEST, Vec::len);
                header = header.or(found);
            }
            let extent = Extent { offset: dva.offset(), size, birth: b.written().0 };
            match store.vdevs.stretches(dva.vdev(), &extent) {
                Ok(stretches) => {
                    let parts =
                        stretches.iter().map(|stretch| part(names, copy, dva, stretch, state, &faults));
                    all.parts.extend(parts);
                }
                Err(why) => all.unknown.push(format!("copy {copy} {dva}: {why}")),
            }
        }
        let order = b.prop.order();
        let header = header.as_deref().and_then(|bytes| GangHeader::parse(Input::new(bytes, order)).ok());
        if let (Some((_, header)), Some(depth)) = (header, depth.checked_sub(1)) {
            let pieces = header.pieces().filter_map(|piece| Some((piece, piece.stored()?)));
            all.pieces.extend(pieces.map(|(piece, plain)| {
                let stored = store.stored_block(&plain);
                let copies = Self::nested(store, names, &plain, &stored, depth);
                Piece { pointer: piece.to_string(), copies }
            }));
        }
        all
    }

    /// True if nothing is bad.
    pub(crate) fn are_sound(&self) -> bool {
        self.unknown.is_empty()
            && self.parts.iter().all(|part| part.state != State::Bad)
            && self.pieces.iter().all(|piece| piece.copies.are_sound())
    }

    pub(crate) fn text(&self) -> String {
        let mut out = table(&self.parts).to_string();
        for why in &self.unknown {
            out.push_str(&format!("  {BAD}{why}{BAD:#}\n"));
        }
        for (n, Piece { pointer, copies }) in self.pieces.iter().enumerate() {
            out.push_str(&format!("piece {n}  {pointer}\n"));
            out.push_str(&copies.text());
        }
        out
    }
}

/// Where the stretches of a block lie that is known by its place only.
pub(crate) fn parts_of_place(names: &Names, place: &str, stretches: &[Stretch]) -> Vec<Part> {
    let part = |stretch| Part {
        dva: place.into(),
        ..part(names, 0, &Dva::default(), stretch, State::Unproven, &[])
    };
    stretches.iter().map(part).collect()
}

fn part(names: &Names, copy: usize, dva: &Dva, stretch: &Stretch, state: State, faults: &[Fault]) -> Part {
    let Stretch { vdev, child, role, block_offset, len, side } = stretch;
    let fault = faults.iter().find(|fault| touches(fault, stretch));
    let absent = (!side.is_present()).then(|| "device missing".to_owned());
    let fault = fault.map(|fault| fault.kind.to_string()).or(absent);
    let holds = match role {
        Role::Data if dva.is_gang() => "gang header".into(),
        Role::Data => "data".into(),
        Role::Parity(n) => ["P", "Q", "R"].get(*n).map_or_else(|| format!("parity {n}"), ToString::to_string),
        Role::Padding => "padding".into(),
    };
    Part {
        copy,
        dva: dva.to_string(),
        holds,
        vdev: *vdev,
        child: *child,
        device: names.short(&side.leaf.name).into(),
        offset: side.at,
        length: *len,
        block_offset: *block_offset,
        may_be_stale: !side.is_current,
        state: if fault.is_some() { State::Bad } else { state },
        fault,
    }
}

fn touches(fault: &Fault, stretch: &Stretch) -> bool {
    let len = u64::try_from(stretch.len).unwrap_or(u64::MAX);
    let (from, to) = (stretch.side.at, stretch.side.at.saturating_add(len));
    fault.leaf == stretch.side.leaf.name && fault.at < to && fault.at.saturating_add(fault.len) > from
}

/// The stretches, one a row.
pub(crate) fn table(parts: &[Part]) -> Table {
    let several = parts.iter().any(|part| part.block_offset != 0);
    let mut table = Table::new(&[
        ("copy", Align::Right),
        ("place", Align::Left),
        ("holds", Align::Left),
        ("of the block", Align::Right),
        ("vdev", Align::Right),
        ("child", Align::Right),
        ("device", Align::Left),
        ("at", Align::Right),
        ("length", Align::Right),
        ("", Align::Left),
    ])
    .indented(2);
    let mut last = None;
    for part in parts {
        let is_new = last.replace(part.copy) != Some(part.copy);
        let (state, style): (&str, Style) = match (part.state, &part.fault) {
            (_, Some(fault)) => (fault, BAD),
            (State::Good, None) => ("good", GOOD),
            (_, None) if part.may_be_stale => ("may be stale", ODD),
            (_, None) => ("unproven", ODD),
        };
        let first = |text: String| if is_new { text } else { String::new() };
        let within =
            if several && part.holds == "data" { format!("{:#x}", part.block_offset) } else { String::new() };
        table.row([
            first(part.copy.to_string()).into(),
            first(part.dva.clone()).into(),
            part.holds.as_str().into(),
            within.into(),
            part.vdev.into(),
            part.child.into(),
            part.device.as_str().into(),
            format!("{:#x}", part.offset).into(),
            format!("{:#x}", part.length).into(),
            Cell::styled(style, state),
        ]);
    }
    table
}
