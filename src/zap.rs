//! ZAPs: names and values of an object, leaf by leaf.
//!
//! Only what is asked for is read: a name costs the header and one leaf. Handbook: `docs/format/10-zap.md`.
//!
//! ```
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! use zfsp::zap::Zap;
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let directory = pool.directory()?;
//! assert_eq!(Zap::of(&directory)?.number("root_dataset")?, Some(32));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::collections::{BTreeSet, HashSet};

use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::zap::fat::{FatHeader, TableInfo};
use zfsp_grammar::zap::leaf::Leaf;
use zfsp_grammar::zap::micro::MicroZap;
use zfsp_grammar::zap::value::{Attribute, Integers, Key};
use zfsp_grammar::zap::{BlockType, Zap as Grammar};

use crate::block::{Block, Why};
use crate::object::{Loss, Object};

/// The attributes of an object that is a ZAP.
#[derive(Debug)]
pub struct Zap<'o> {
    object: &'o Object,
    first: Block,
}

impl<'o> Zap<'o> {
    /// The ZAP in that object.
    ///
    /// # Errors
    /// [`Loss`], if its first block cannot be had, or is none of a ZAP.
    pub fn of(object: &'o Object) -> Result<Self, Loss> {
        let zap = Self { object, first: object.block(0)? };
        match zap.kind() {
            // zeros are a ZAP without attributes: its first block was never written
            Some(BlockType::MICRO | BlockType::HEADER) | None => Ok(zap),
            Some(_) => Err(zap.corrupt(0, "no ZAP starts here".into())),
        }
    }

    fn kind(&self) -> Option<BlockType> {
        let word = self.first.bytes.first_chunk::<8>()?;
        let kind = match self.first.order {
            Order::Little => u64::from_le_bytes(*word),
            Order::Big => u64::from_be_bytes(*word),
        };
        (kind != 0).then_some(BlockType(kind))
    }

    fn corrupt(&self, blkid: u64, what: String) -> Loss {
        Loss::new(self.object.at.block(0, blkid), Why::Corrupt(what))
    }

    /// The value of the name, byte for byte; `None` if there is none.
    ///
    /// # Errors
    /// [`Loss`] of the part that would have it.
    pub fn get(&self, name: &[u8]) -> Result<Option<Integers>, Loss> {
        let key = Key::Name(name.to_vec());
        if self.kind() != Some(BlockType::HEADER) {
            let found = self.micro()?.and_then(|zap| zap.get(name));
            return Ok(found.map(Integers::word));
        }
        let header = self.header()?;
        let hash = key.hash(&header.hashing());
        let number = self.leaf_number(&header, hash)?;
        let block = self.object.block(number)?;
        let leaf = self.leaf(number, &block)?;
        match leaf.find(hash, &key) {
            Some(Ok(attribute)) => Ok(Some(attribute.value)),
            Some(Err(problem)) => Err(self.corrupt(number, problem.text.into_owned())),
            None => Ok(None),
        }
    }

    /// The single number of the name; `None` if there is none, or if its value is no number.
    ///
    /// # Errors
    /// [`Loss`] of the part that would have it.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Loss> {
        Ok(self.get(name.as_bytes())?.filter(|value| value.width == 8).and_then(|value| value.first()))
    }

    /// All attributes. A leaf that is lost is an error, and so is a bad attribute; the next one follows.
    pub fn entries(&self) -> Box<dyn Iterator<Item = Result<Attribute, Loss>> + '_> {
        if self.kind() != Some(BlockType::HEADER) {
            return match self.micro() {
                Ok(None) => Box::new(std::iter::empty()),
                Ok(Some(zap)) => {
                    let all: Vec<_> = Grammar::Micro(zap).entries().collect();
                    Box::new(all.into_iter().map(|entry| self.judged(0, entry)))
                }
                Err(loss) => Box::new(std::iter::once(Err(loss))),
            };
        }
        let (numbers, losses) = match self.header() {
            Ok(header) => self.leaves(&header),
            Err(loss) => (self.all_blocks(), vec![loss]),
        };
        let leaves = numbers.into_iter().flat_map(|number| self.entries_of(number));
        Box::new(losses.into_iter().map(Err).chain(leaves))
    }

    /// The attributes in those of these blocks that are leaves: what two states of a ZAP do not have in common is in
    /// leaves that differ. `None` if there are no leaves.
    pub(crate) fn entries_in(&self, blocks: &BTreeSet<u64>) -> Option<Vec<Result<Attribute, Loss>>> {
        let header = self.header().ok().filter(|_| self.kind() == Some(BlockType::HEADER))?;
        let TableInfo { blk, numblks, nextblk, .. } = header.ptrtbl;
        // a table that grows is written anew, with twice the blocks
        let tables =
            [blk..blk.saturating_add(numblks), nextblk..nextblk.saturating_add(numblks.saturating_mul(2))];
        let is_table = |number: &u64| {
            *number == 0 || tables.iter().any(|table| table.start != 0 && table.contains(number))
        };
        let leaves =
            blocks.iter().copied().filter(|number| !is_table(number) && *number <= self.object.maxblkid);
        let is_hole = |number: &u64| self.object.pointer(*number).is_ok_and(|pointer| pointer.is_hole());
        Some(leaves.filter(|number| !is_hole(number)).flat_map(|number| self.entries_of(number)).collect())
    }

    fn judged(
        &self,
        number: u64,
        entry: Result<Attribute, zfsp_grammar::tree::Problem>,
    ) -> Result<Attribute, Loss> {
        entry.map_err(|problem| self.corrupt(number, problem.text.into_owned()))
    }

    fn micro(&self) -> Result<Option<MicroZap<'_>>, Loss> {
        if self.kind().is_none() {
            return Ok(None);
        }
        let read = MicroZap::parse(Input::new(&self.first.bytes, self.first.order));
        read.map(|(_, zap)| Some(zap))
            .map_err(|error| self.corrupt(0, format!("micro ZAP: {}", fault(error))))
    }

    fn header(&self) -> Result<FatHeader<'_>, Loss> {
        let read = FatHeader::parse(Input::new(&self.first.bytes, self.first.order));
        read.map(|(_, header)| header).map_err(|error| self.corrupt(0, format!("fat ZAP: {}", fault(error))))
    }

    fn leaf<'b>(&self, number: u64, block: &'b Block) -> Result<Leaf<'b>, Loss> {
        let read = Leaf::parse(Input::new(&block.bytes, block.order));
        read.map(|(_, leaf)| leaf).map_err(|error| self.corrupt(number, format!("leaf: {}", fault(error))))
    }

    fn leaf_number(&self, header: &FatHeader<'_>, hash: u64) -> Result<u64, Loss> {
        if header.ptrtbl.is_embedded() {
            return header
                .leaf_of(hash)
                .ok_or_else(|| self.corrupt(0, "the pointer table is too short".into()));
        }
        let outside = || self.corrupt(0, "the pointer table is too short".into());
        let (blkid, word) = header.ptrtbl.place(header.ptrtbl.index(hash)).ok_or_else(outside)?;
        let block = self.object.block(blkid)?;
        let words = block.bytes.as_chunks::<8>().0;
        let word = usize::try_from(word).ok().and_then(|word| words.get(word)).ok_or_else(outside)?;
        Ok(match block.order {
            Order::Little => u64::from_le_bytes(*word),
            Order::Big => u64::from_be_bytes(*word),
        })
    }

    /// The blocks that the pointer table names, each once. Where a part of the table is lost, every block may be a leaf.
    fn leaves(&self, header: &FatHeader<'_>) -> (Vec<u64>, Vec<Loss>) {
        if header.ptrtbl.is_embedded() {
            return (self.distinct(header.table.iter()), Vec::new());
        }
        let TableInfo { blk, numblks, .. } = header.ptrtbl;
        let mut numbers = Vec::new();
        let end = blk.saturating_add(numblks);
        for found in self.object.blocks(blk) {
            let read = match found {
                Ok((blkid, _)) if blkid >= end => break,
                Ok((blkid, _)) => self.object.block(blkid),
                Err(loss) => Err(loss),
            };
            match read {
                Ok(block) => {
                    let words = block.bytes.as_chunks::<8>().0.iter().map(|word| match block.order {
                        Order::Little => u64::from_le_bytes(*word),
                        Order::Big => u64::from_be_bytes(*word),
                    });
                    numbers.extend(self.distinct(words));
                }
                Err(loss) => return (self.all_blocks(), vec![loss]),
            }
        }
        (self.distinct(numbers.into_iter()), Vec::new())
    }

    fn distinct(&self, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut seen = HashSet::new();
        numbers
            .filter(|number| *number != 0 && *number <= self.object.maxblkid && seen.insert(*number))
            .collect()
    }

    /// Every block behind the first that is no hole.
    fn all_blocks(&self) -> Vec<u64> {
        self.object.blocks(1).filter_map(|found| found.ok().map(|(blkid, _)| blkid)).collect()
    }

    fn entries_of(&self, number: u64) -> Vec<Result<Attribute, Loss>> {
        let block = match self.object.block(number) {
            Ok(block) => block,
            Err(loss) => return vec![Err(loss)],
        };
        match self.leaf(number, &block) {
            Ok(leaf) => leaf.entries().map(|entry| self.judged(number, entry)).collect(),
            Err(loss) => vec![Err(loss)],
        }
    }
}
