//! The records of a file: which bytes, in which state, and where on which device.

use std::ops::Range;

use serde_json::{Value, json};
use zfsp::block::{Store, Why};
use zfsp::file::{File, Piece, Source};
use zfsp::namespace::escape::escaped;
use zfsp_grammar::blkptr::Pointer;

use crate::copies::Copies;
use crate::names::Names;
use crate::session::Session;
use crate::style::{BAD, DIM, GOOD, ODD, styled};

/// A record, or a row of holes.
#[derive(Debug)]
pub(super) struct Block {
    range: Range<u64>,
    state: State,
    pointer: Option<Pointer>,
}

/// What there is of a record.
#[derive(Debug)]
enum State {
    /// It could be read, and is what its checksum says.
    Good,
    /// Nothing is stored: zeros.
    Hole,
    /// Only the intent log has it.
    Logged,
    /// It is what its checksum says, but encrypted, and there is no key.
    Locked,
    /// It could not be had.
    Lost(String),
}

impl Block {
    /// The records of a file, read and checked one after the other.
    pub(super) fn all<'f>(file: &'f File, store: &'f Store) -> impl Iterator<Item = Block> + 'f {
        file.pieces(0..file.size()).map(|piece| Block::of(store, piece))
    }

    fn of(store: &Store, Piece { range, source }: Piece) -> Self {
        match source {
            Source::Hole => Self { range, state: State::Hole, pointer: None },
            Source::Bytes(..) => Self { range, state: State::Logged, pointer: None },
            Source::Lost(loss) => Self { range, state: State::Lost(loss.to_string()), pointer: None },
            Source::Block { pointer, .. } => {
                let state = match store.read(&pointer) {
                    Ok(_) => State::Good,
                    Err(lost) if lost.why == Why::Locked => State::Locked,
                    Err(lost) => State::Lost(lost.to_string()),
                };
                Self { range, state, pointer: Some(pointer) }
            }
        }
    }

    /// Says what is lost.
    pub(super) fn warn(&self, session: &mut Session<'_>, name: &[u8]) {
        if let State::Lost(why) = &self.state {
            let Range { start, end } = self.range;
            session.warn(format_args!("{}: bytes {start} to {end}: {why}", escaped(name)));
        }
    }

    fn word(&self) -> &'static str {
        match (&self.state, &self.pointer) {
            (State::Hole, _) => "hole",
            (State::Logged, _) => "in the log",
            (State::Locked, _) => "locked",
            (State::Lost(_), _) => "lost",
            (State::Good, Some(Pointer::Embedded(_))) => "embedded",
            (State::Good, _) => "good",
        }
    }

    pub(super) fn text(&self, store: &Store, names: &Names) -> String {
        let style = match self.state {
            State::Hole => DIM,
            State::Good => GOOD,
            State::Logged | State::Locked => ODD,
            State::Lost(_) => BAD,
        };
        let Range { start, end } = self.range;
        let length = end.saturating_sub(start);
        let pointer = self.pointer.map(|pointer| format!("  {pointer}")).unwrap_or_default();
        let mut out = format!("{start:>#14x}  {length:>#8x}  {}{pointer}\n", styled(style, self.word()));
        if let State::Lost(why) = &self.state {
            out.push_str(&format!("  {}\n", styled(BAD, why)));
        }
        if let Some(copies) = self.copies(store, names) {
            out.push_str(&copies.text());
        }
        out
    }

    pub(super) fn json(&self, store: &Store, names: &Names) -> Value {
        let Range { start, end } = self.range;
        let mut row = json!({ "offset": start, "length": end.saturating_sub(start), "state": self.word() });
        let pointer = self.pointer.map(|pointer| ("pointer", json!(pointer.to_string())));
        let copies = self.copies(store, names).map(|copies| ("copies", json!(copies)));
        let why = match &self.state {
            State::Lost(why) => Some(("reason", json!(why))),
            _ => None,
        };
        if let Some(row) = row.as_object_mut() {
            row.extend(
                [pointer, copies, why].into_iter().flatten().map(|(name, value)| (name.into(), value)),
            );
        }
        row
    }

    fn copies(&self, store: &Store, names: &Names) -> Option<Copies> {
        let pointer = self.pointer?;
        let b = pointer.stored()?;
        Some(Copies::of(store, names, &b, &store.stored(&pointer)))
    }
}
