//! What a replay does with each record: which count, and which one ends the log.
//!
//! Handbook: `docs/format/13-space.md`, 13.8, "Validity and replay algorithm", step 6.

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::quantity::Txg;
use zfsp_grammar::zil::chain::{CHAIN_SIZE, ZilBlock};
use zfsp_grammar::zil::header::ZilHeader;
use zfsp_grammar::zil::record::{Body, Record, TxType};

use super::Standing;
use crate::block::{Lost, Store};

/// What a replay does with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It applies it. If the object of an operation that may be logged out of order is gone, it has no effect.
    Pending,
    /// It did already: `replay_seq` is as high.
    Replayed,
    /// Nothing: the txg of the record is in the tree.
    Synced,
    /// Nothing: the import that claims the log does not claim the record, or one before it.
    NotClaimed,
    /// It ends here: the record cannot be applied.
    Ends(Flaw),
    /// Nothing: the log has ended before.
    BehindEnd,
    /// Nothing: the proof of its block fails, which ends the log.
    Unproven,
    /// Nothing: the log is not to be replayed, see [`Standing::Checkpointed`].
    Checkpointed,
}

/// Why a record ends the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The block that holds what was written cannot be had: the log was cut off before that was written.
    #[error("the block of its data cannot be read: {0}")]
    DataLost(Lost),
    /// It clones a block that is not in the tree either.
    #[error("it clones a block that was written in txg {0}, which is not in the tree")]
    CloneOfNew(Txg),
    /// A type that the format does not know.
    #[error("its type is not known")]
    UnknownType,
    /// What follows its header contradicts its type.
    #[error("its fields contradict each other")]
    Corrupt,
}

/// Goes along the records of a log.
#[derive(Debug)]
pub(super) struct Judge<'l> {
    standing: Standing,
    replay_seq: u64,
    /// The highest record that counts: the last one when the log is claimed.
    last_seq: Option<u64>,
    was_claimed: bool,
    /// A record was not claimed: none behind it is, though its number be lower.
    is_beyond_claim: bool,
    has_ended: bool,
    store: &'l Store,
}

impl<'l> Judge<'l> {
    pub(super) fn of(
        header: &ZilHeader,
        standing: Standing,
        last_seq: Option<u64>,
        store: &'l Store,
    ) -> Self {
        Self {
            standing,
            replay_seq: header.replay_seq,
            last_seq,
            was_claimed: header.claim_txg.0 != 0,
            is_beyond_claim: false,
            has_ended: false,
            store,
        }
    }

    /// Of the records of the next block.
    pub(super) fn fates(&mut self, block: &ZilBlock<'_>, is_damaged: bool) -> Vec<Fate> {
        let fates = block.records().iter().map(|record| match is_damaged && !self.has_ended {
            true => Fate::Unproven,
            false => self.fate(record),
        });
        let fates = fates.collect();
        // something that is no record ends the log, and so does what is not proven
        self.has_ended |= is_damaged || is_cut(block);
        fates
    }

    fn fate(&mut self, record: &Record<'_>) -> Fate {
        let first = match self.standing {
            Standing::Checkpointed => return Fate::Checkpointed,
            Standing::Synced => return Fate::Synced,
            Standing::Pending(first) => first,
        };
        if self.has_ended {
            return Fate::BehindEnd;
        }
        self.is_beyond_claim |= self.last_seq.is_some_and(|last| record.seq > last);
        if self.is_beyond_claim {
            return Fate::NotClaimed;
        }
        if record.seq <= self.replay_seq {
            return Fate::Replayed;
        }
        if record.txg < first {
            return Fate::Synced;
        }
        match self.flaw(record, first) {
            None => Fate::Pending,
            Some(flaw) => {
                self.has_ended = true;
                Fate::Ends(flaw)
            }
        }
    }

    fn flaw(&self, record: &Record<'_>, first: Txg) -> Option<Flaw> {
        match &record.body {
            None => return Some(Flaw::Corrupt),
            Some(Body::Unknown(_)) => return Some(Flaw::UnknownType),
            Some(_) if !is_known(record.kind.txtype()) => return Some(Flaw::UnknownType),
            Some(Body::CloneRange(clone)) => return clones_new(&clone.bps, first),
            Some(Body::EncryptedClone(clone)) => return clones_new(&clone.bps, first),
            Some(_) => {}
        }
        let pointer = separate_block(record).filter(|_| !self.was_claimed)?;
        if pointer.stored().is_none() || pointer.logical_birth() < first {
            return None;
        }
        self.store.stored(pointer).err().map(Flaw::DataLost)
    }
}

fn is_known(txtype: TxType) -> bool {
    (TxType::CREATE..=TxType::CLONE_RANGE).contains(&txtype)
}

fn clones_new(pointers: &[Pointer], first: Txg) -> Option<Flaw> {
    let written = pointers.iter().filter_map(Pointer::stored).map(|b| b.written());
    written.into_iter().find(|txg| *txg >= first).map(Flaw::CloneOfNew)
}

/// The pointer to the block that holds what was written, where the record does not hold it itself.
pub(crate) fn separate_block<'r>(record: &'r Record<'_>) -> Option<&'r Pointer> {
    let (pointer, data) = match &record.body {
        Some(Body::Write(write)) => (&write.blkptr, [write.data, write.padding]),
        Some(Body::EncryptedWrite(write)) => (&write.blkptr, [write.data, &[]]),
        _ => return None,
    };
    let is_write = record.kind.txtype() == TxType::WRITE;
    (is_write && data.iter().all(|data| data.is_empty())).then_some(pointer)
}

/// Whether there is something behind the records of a block that is none.
fn is_cut(block: &ZilBlock<'_>) -> bool {
    let records = block.records().iter().map(|record| record.reclen.0).fold(0, u64::saturating_add);
    let chain = match block {
        ZilBlock::Slim(_) => u64::try_from(CHAIN_SIZE).unwrap_or_default(),
        ZilBlock::Trailing(_) => 0,
    };
    records.saturating_add(chain) < block.chain().nused.0
}
