//! The chain of blocks of an intent log: each leads to the next, which must be the next one in number.
//!
//! A pointer to a log block holds no checksum, but names the chain in two words and the object set in a third, and
//! counts its blocks in the fourth. A block proves itself with these words and holds the pointer to the next one; so
//! no block can come twice in a chain, and there is an end. Handbook: `docs/format/13-space.md`, 13.8, "Chain
//! structure" and "Validity and replay algorithm".

use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::{Blkptr, Encrypted, Pointer};
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::Cksum;
use zfsp_grammar::zil::chain::{ZilBlock, slim_order};
use zfsp_grammar::zil::header::ZilHeader;
use zfsp_grammar::zil::record::Record;

use super::fate::Fate;
use crate::block::{Lost, Store, Why};
use crate::object::{Bookmark, Loss, ObjectAt};
use crate::vdev::{Fault, FaultKind};

/// A block of an intent log, with its records.
#[derive(Clone, Debug)]
pub struct LogBlock {
    /// What leads to it, in its plain words.
    pub pointer: Blkptr,
    /// Number in the chain.
    pub seq: u64,
    /// Whether the bodies of its records are ciphertext.
    pub sealing: Sealing,
    /// An import claimed it.
    pub was_claimed: bool,
    /// What failed or lied before its bytes were had.
    pub faults: Vec<Fault>,
    /// It is of this chain, but its proof fails: it was not wholly written, or damaged since. A replay ends here.
    pub damage: Option<Lost>,
    pub(super) fates: Vec<Fate>,
    pub(super) bytes: Vec<u8>,
}

impl LogBlock {
    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
    /// Its fields.
    #[must_use]
    pub fn parsed(&self) -> Option<ZilBlock<'_>> {
        parse(&self.bytes, self.sealing).ok()
    }
    /// Its records, in the order in which they count, each with what a replay would do with it.
    pub fn records(&self) -> impl Iterator<Item = (Record<'_>, &Fate)> {
        let records = match self.parsed() {
            Some(ZilBlock::Slim(block)) => block.records,
            Some(ZilBlock::Trailing(block)) => block.records,
            None => Vec::new(),
        };
        records.into_iter().zip(&self.fates)
    }
    /// Byte order of its writer.
    #[must_use]
    pub fn order(&self) -> Order {
        self.pointer.prop.order()
    }
    /// What a record of it that cannot be applied means: a replay ends there.
    pub(crate) fn refused(&self, objset: u64, record: &Record<'_>, what: &str) -> Loss {
        let at = ObjectAt { objset, object: 0 }.block(-2, self.seq);
        let (seq, kind) = (record.seq, record.kind.txtype());
        Loss::new(at, Why::Corrupt(format!("record {seq}, {kind}: {what}: nothing behind it is replayed")))
    }
    /// Why a replay ends in this block before its last record, if it does: a record that cannot be applied, or a MAC that
    /// is wrong. A block that was only written in part is the usual end.
    pub(crate) fn cut(&self, objset: u64) -> Option<Loss> {
        if let Some(lost) = self.damage.as_ref().filter(|lost| lost.may_be_forged()) {
            return Some(Loss { at: ObjectAt { objset, object: 0 }.block(-2, self.seq), lost: lost.clone() });
        }
        self.records().find_map(|(record, fate)| match fate {
            Fate::Ends(flaw) => Some(self.refused(objset, &record, &flaw.to_string())),
            _ => None,
        })
    }
    /// Those records that a replay would apply.
    pub fn pending(&self) -> impl Iterator<Item = Record<'_>> {
        self.records().filter(|(_, fate)| **fate == Fate::Pending).map(|(record, _)| record)
    }
}

/// Whether the bodies of a block's records are ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// They never were.
    InClear,
    /// They are: there is no key, or it does not open the block.
    Locked,
    /// They were, and the key has opened them.
    Opened,
}

/// Where a chain ends, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The next block was allocated ahead, but never written: the usual end.
    #[error("block {0} was never written")]
    NotWritten(u64),
    /// An import found the end before this block.
    #[error("block {0} was not claimed")]
    NotClaimed(u64),
    /// A block that was claimed, or one of which nothing could be read, or one that is not what it should be: the log
    /// may go on behind it.
    #[error("{0}")]
    Lost(Loss),
}

impl End {
    /// What is lost, if this is no good end.
    #[must_use]
    pub fn loss(&self) -> Option<&Loss> {
        match self {
            Self::Lost(loss) => Some(loss),
            Self::NotWritten(_) | Self::NotClaimed(_) => None,
        }
    }
}

/// A way along a chain.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    objset: u64,
    next: Pointer,
    /// Highest block that was claimed, if any import claimed the log.
    claimed: Option<u64>,
}

/// A block that is next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) at: Bookmark,
    pub(crate) pointer: Blkptr,
    pub(super) seq: u64,
    /// With salt and IV, if it is encrypted.
    pub(super) encrypted: Option<Encrypted>,
    pub(crate) was_claimed: bool,
}

impl Chain {
    /// From its start.
    pub(crate) fn of(objset: u64, header: &ZilHeader) -> Self {
        let claimed = (header.claim_txg.0 != 0).then_some(header.claim_blk_seq);
        Self { objset, next: header.log, claimed }
    }

    /// What is to be read next.
    pub(crate) fn step(&self) -> Result<Step, End> {
        let at = |seq| ObjectAt { objset: self.objset, object: 0 }.block(-2, seq);
        let Some(pointer) = self.next.stored() else {
            return Err(lost(at(0), "its pointer leads to no block".into()));
        };
        let Cksum([.., seq]) = pointer.cksum;
        if self.claimed.is_some_and(|last| seq > last) {
            return Err(End::NotClaimed(seq));
        }
        let prop = pointer.prop;
        let (kind, level, compression) = (prop.r#type(), prop.level(), prop.compression());
        if kind != ObjectType::INTENT_LOG || level != 0 || compression != Compression::OFF {
            return Err(lost(
                at(seq),
                format!("its pointer leads to level {level} of {kind}, {compression}"),
            ));
        }
        let encrypted = match self.next {
            Pointer::Encrypted(b) => Some(b),
            _ => None,
        };
        Ok(Step { at: at(seq), pointer, seq, encrypted, was_claimed: self.claimed.is_some() })
    }

    /// Goes on behind the block of that step.
    pub(crate) fn follow<'b>(
        &mut self,
        step: &Step,
        bytes: &'b [u8],
        sealing: Sealing,
    ) -> Result<ZilBlock<'b>, End> {
        let block = parse(bytes, sealing).map_err(|why| lost(step.at, why))?;
        let next = block.chain().next_blk;
        if !is_link(&step.pointer, &next) {
            return Err(lost(step.at, "the block behind it is not the next of its chain".into()));
        }
        self.next = next;
        Ok(block)
    }
}

impl Step {
    /// Whether its records are ciphertext as they are stored.
    pub(crate) fn sealing(&self) -> Sealing {
        if self.encrypted.is_some() { Sealing::Locked } else { Sealing::InClear }
    }

    /// Decrypts the records of its block where they are, if there is the key.
    ///
    /// # Errors
    /// [`Why::Unauthentic`], if the MAC of the block is wrong: then it is as before. `Corrupt`, if it has none: no MAC
    /// proves where a log starts, and anybody can write one in clear.
    pub(crate) fn open(&self, store: &Store, bytes: &mut [u8]) -> Result<Sealing, Why> {
        store.demand_mac(self.encrypted.is_some())?;
        let (Some(key), Some(b)) = (&store.key, &self.encrypted) else { return Ok(self.sealing()) };
        let Some(order) = slim_order(Input::new(bytes, Order::Little)) else {
            return Err(Why::Unsupported("an encrypted log block of the form before pool version 23".into()));
        };
        key.open_log(b, order, bytes).map_err(Why::Unauthentic)?;
        Ok(Sealing::Opened)
    }

    /// The end of a chain whose next block cannot be had. What was not claimed and is of others was never written.
    pub(super) fn unreadable(&self, lost: Lost) -> End {
        let is_of_others = |fault: &Fault| matches!(fault.kind, FaultKind::Wrong | FaultKind::WrongParity);
        if !self.was_claimed && lost.why == Why::NoCopy && lost.faults.iter().any(is_of_others) {
            return End::NotWritten(self.seq);
        }
        End::Lost(Loss { at: self.at, lost })
    }
}

/// Whether these bytes are of the chain to which `pointer` leads, by their link to the next block.
pub(super) fn leads_on(pointer: &Blkptr, bytes: &[u8]) -> bool {
    parse(bytes, Sealing::Locked).is_ok_and(|block| is_link(pointer, &block.chain().next_blk))
}

/// Whether `next` is the pointer in the block that `pointer` leads to: one further in the same chain.
fn is_link(pointer: &Blkptr, next: &Pointer) -> bool {
    let Cksum([a, b, objset, seq]) = pointer.cksum;
    let next = next.stored().map(|next| next.cksum);
    seq.checked_add(1).is_some_and(|seq| next == Some(Cksum([a, b, objset, seq])))
}

fn lost(at: Bookmark, what: String) -> End {
    End::Lost(Loss::new(at, Why::Corrupt(what)))
}

fn parse(bytes: &[u8], sealing: Sealing) -> Result<ZilBlock<'_>, String> {
    // the block tells its order
    let i = Input::new(bytes, Order::Little);
    let read = if sealing == Sealing::Opened { ZilBlock::parse_opened(i) } else { ZilBlock::parse(i) };
    read.map(|(_, block)| block).map_err(|error| fault(error).to_string())
}
