//! Command history: what was done to the pool, by whom, when.
//!
//! The log wraps: what is older than it can hold is lost, but for the records of the pool's creation. Handbook:
//! `docs/format/11-dsl.md`, 11.16.
//!
//! ```
//! use zfsp::history::History;
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let history = History::of(&pool)?.expect("a history");
//! let last = history.events().last().expect("it was created, at least")?;
//! assert_eq!(last.record().expect("it was decoded before").action().to_string(), "zpool export lab");
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::ops::Range;
use std::sync::Arc;

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::history::{HistoryHeader, Record};
use zfsp_grammar::input::{Input, Order, Parse, fault};

use crate::block::{Block, Why};
use crate::error::{Error, Result};
use crate::object::{Loss, Object};
use crate::pool::Pool;

/// The history of a pool.
#[derive(Clone, Debug)]
pub struct History {
    object: Object,
    /// How the log lies in its object.
    pub header: HistoryHeader,
}

/// Bytes of a log: writers make none larger.
const MOST_LOG: u64 = 1 << 30;
/// Bytes of a record that are looked at: those of writers are some kilobytes.
const MOST_RECORD: u64 = 1 << 20;
/// Bytes that are read to find records behind damage, in all of a log: a crafted one has a start that could be one at
/// each offset.
const MOST_SEARCHED: u64 = 64 << 20;
/// Bytes that tell whether a record may start there: its length, the head of a packed list, the version of the list.
const START: u64 = 20;
/// Bytes of the length before each record.
const LENGTH: u64 = 8;

impl History {
    /// The history of the pool; `None` if it has none. Pools that are too old for commands in it may have events.
    ///
    /// # Errors
    /// If it cannot be found, or if its figures contradict each other.
    pub fn of(pool: &Pool) -> Result<Option<Self>> {
        let Some(number) = pool.directory_number("history")?.filter(|number| *number != 0) else {
            return Ok(None);
        };
        let object = pool.mos.object(number)?;
        let header = match object.dnode().map(|dnode| dnode.bonus) {
            Some(Bonus::History(header)) => header,
            _ => return Err(Error::corrupt(format!("{}: no history", object.at))),
        };
        if header.pieces().is_none() || header.phys_max_off.0 > MOST_LOG {
            return Err(Error::corrupt(format!("{}: history: offsets contradict each other", object.at)));
        }
        Ok(Some(Self { object, header }))
    }

    /// All events, oldest first. What is damaged is an error, and those behind it follow.
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        let HistoryHeader { pool_create_len, bof, eof, .. } = self.header;
        let (part, ring) = (0..pool_create_len.0, Some(bof.0..eof.0));
        Events { history: self, part, ring, is_lost: false, left: MOST_SEARCHED, told: None, block: None }
    }
}

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where it stands in the log, as if that never wrapped.
    pub at: u64,
    bytes: Vec<u8>,
}

impl Event {
    /// What it says.
    #[must_use]
    pub fn record(&self) -> Option<Record<'_>> {
        parse(&self.bytes).ok()
    }
}

fn parse(bytes: &[u8]) -> Result<Record<'_>, String> {
    let read = Record::parse(Input::new(bytes, Order::Little));
    read.map(|(_, record)| record).map_err(|error| fault(error).to_string())
}

/// Events, one after the other.
#[derive(Debug)]
pub struct Events<'h> {
    history: &'h History,
    /// What is left of the part that is read: logical offsets.
    part: Range<u64>,
    /// The part behind it.
    ring: Option<Range<u64>>,
    /// Where the next record starts is not known: something is damaged.
    is_lost: bool,
    /// Bytes that may still be read in searches.
    left: u64,
    /// The last loss.
    told: Option<Loss>,
    /// The block that was read last.
    block: Option<(u64, Arc<Block>)>,
}

impl Iterator for Events<'_> {
    type Item = Result<Event, Loss>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.part.start >= self.part.end {
                (self.part, self.is_lost) = (self.ring.take()?, false);
                continue;
            }
            match self.advance() {
                Ok(Some(event)) => return Some(Ok(event)),
                Ok(None) => {}
                // both parts may lie in the same block
                Err(loss) if self.told.as_ref() == Some(&loss) => {}
                Err(loss) => {
                    self.told = Some(loss.clone());
                    return Some(Err(loss));
                }
            }
        }
    }
}

impl Events<'_> {
    /// The next event, if there is one where it is looked for.
    fn advance(&mut self) -> Result<Option<Event>, Loss> {
        if self.is_lost {
            self.search()?;
            return Ok(None);
        }
        let at = self.part.start;
        let mut length = [0; 8];
        self.read(at, &mut length)?;
        let length = u64::from_le_bytes(length);
        let left = self.part.end.saturating_sub(at).saturating_sub(LENGTH);
        if length > left.min(MOST_RECORD) {
            self.is_lost = true;
            self.part.start = at.saturating_add(1);
            let what = format!("record at {at:#x}: {length:#x} bytes long, and {left:#x} are left");
            return Err(self.corrupt(at, what));
        }
        let size = usize::try_from(length.saturating_add(LENGTH)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size];
        self.read(at, &mut bytes)?;
        match parse(&bytes) {
            Ok(_) => {
                self.part.start = at.saturating_add(LENGTH).saturating_add(length);
                Ok(Some(Event { at, bytes }))
            }
            Err(why) => {
                // its length may be as wrong as the rest
                self.is_lost = true;
                self.part.start = at.saturating_add(1);
                Err(self.corrupt(at, format!("record at {at:#x}: {why}")))
            }
        }
    }

    /// Looks for a record that is whole, from here on.
    fn search(&mut self) -> Result<(), Loss> {
        while self.part.start < self.part.end {
            if self.left == 0 {
                let at = self.part.start;
                self.part.start = self.part.end;
                return Err(
                    self.corrupt(at, format!("no record was found up to {at:#x}: the search was given up"))
                );
            }
            if self.starts_record(self.part.start)? {
                self.is_lost = false;
                return Ok(());
            }
            self.part.start = self.part.start.saturating_add(1);
        }
        Ok(())
    }

    /// Whether a whole record starts there.
    fn starts_record(&mut self, at: u64) -> Result<bool, Loss> {
        let mut start = [0; 20];
        let left = self.part.end.saturating_sub(at);
        if left < START {
            return Ok(false);
        }
        self.left = self.left.saturating_sub(START);
        self.read(at, &mut start)?;
        let Some((length, list)) = start.split_first_chunk::<8>() else { return Ok(false) };
        let length = u64::from_le_bytes(*length);
        // encoding, byte order, and two reserved bytes
        let is_list = matches!(list, [0 | 1, 0 | 1, 0, 0, ..]);
        if !is_list || length < START || length > left.saturating_sub(LENGTH).min(MOST_RECORD) {
            return Ok(false);
        }
        self.left = self.left.saturating_sub(length);
        let mut bytes = vec![0; usize::try_from(length.saturating_add(LENGTH)).unwrap_or(usize::MAX)];
        self.read(at, &mut bytes)?;
        Ok(parse(&bytes).is_ok_and(|record| record.time().is_some()))
    }

    /// Bytes of the log, from a logical offset on. If a block is lost, the search goes on behind it.
    fn read(&mut self, at: u64, to: &mut [u8]) -> Result<(), Loss> {
        let (mut at, mut to) = (at, to);
        while !to.is_empty() {
            let (blkid, skip, room) = self.place(at);
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(to.len());
            let from = usize::try_from(skip).unwrap_or(usize::MAX);
            let end = from.saturating_add(count);
            let (now, later) = to.split_at_mut(count);
            let read = self.block(blkid).and_then(|block| match block.bytes.get(from..end) {
                Some(bytes) => {
                    now.copy_from_slice(bytes);
                    Ok(())
                }
                None => Err(self.corrupt(at, "the block is too short".into())),
            });
            read.inspect_err(|_| {
                self.is_lost = true;
                self.part.start = at.saturating_add(room);
            })?;
            to = later;
            at = at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Where a logical offset lies: block, offset in it, and bytes up to the end of what follows there.
    fn place(&self, at: u64) -> (u64, u64, u64) {
        let HistoryHeader { pool_create_len, phys_max_off, .. } = self.history.header;
        let size = self.history.object.block_size.max(1);
        let physical = self.history.header.physical(at).unwrap_or_default();
        let skip = physical.checked_rem(size).unwrap_or_default();
        let end = if at < pool_create_len.0 { pool_create_len.0 } else { phys_max_off.0 };
        let room = size.saturating_sub(skip).min(end.saturating_sub(physical)).max(1);
        (physical.checked_div(size).unwrap_or_default(), skip, room)
    }

    fn block(&mut self, blkid: u64) -> Result<Arc<Block>, Loss> {
        match &self.block {
            Some((found, block)) if *found == blkid => Ok(block.clone()),
            _ => {
                let block = Arc::new(self.history.object.block(blkid)?);
                self.block = Some((blkid, block.clone()));
                Ok(block)
            }
        }
    }

    fn corrupt(&self, at: u64, what: String) -> Loss {
        let (blkid, ..) = self.place(at);
        Loss::new(self.history.object.at.block(0, blkid), Why::Corrupt(what))
    }
}
