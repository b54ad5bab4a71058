//! An object as a file.

use std::io::{self, Read, Seek, SeekFrom};

use super::Object;
use crate::block::Block;
use crate::error::Error;

/// An object as a file: see [`Object::reader`].
#[derive(Debug)]
pub struct Reader<'o> {
    object: &'o Object,
    size: u64,
    at: u64,
    block: Option<(u64, Block)>,
}

impl Object {
    /// Its bytes as a file: reads zeros in holes, an error where a block is lost.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { object: self, size: self.size(), at: 0, block: None }
    }
}

impl Reader<'_> {
    /// Ends the file at `size` bytes: the length of the content is not in the dnode.
    #[must_use]
    pub fn ending_at(mut self, size: u64) -> Self {
        self.size = size;
        self
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let blkid = self.at.checked_div(self.object.block_size).unwrap_or_default();
        if left == 0 || buf.is_empty() {
            return Ok(0);
        }
        if self.block.as_ref().is_none_or(|(found, _)| *found != blkid) {
            let block = self.object.block(blkid).map_err(|loss| io::Error::other(Error::from(loss)))?;
            self.block = Some((blkid, block));
        }
        let bytes = self.block.as_ref().map(|(_, block)| block.bytes.as_slice()).unwrap_or_default();
        let skip = usize::try_from(self.at.checked_rem(self.object.block_size).unwrap_or_default())
            .unwrap_or_default();
        let found = bytes.get(skip..).unwrap_or_default();
        let count = found.len().min(left).min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), found.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at)
    }
}
