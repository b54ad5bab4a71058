//! A stream that is held in memory, unpacked if it is packed, and what of it was lost on the way.

use std::io::{self, Read};

use super::{
    packed,
    sparse::{self, Budget, Sparse},
};
use crate::error::{Error, Result};

/// What came of a stream.
#[derive(Debug)]
pub(super) struct Held {
    sparse: Sparse,
    len: u64,
    loss: Option<Loss>,
}

/// Damage of a packed image, or an error in the middle of a stream.
#[derive(Debug)]
struct Loss {
    /// First byte that is lost, or in doubt.
    from: u64,
    error: Error,
}

impl Held {
    /// Reads to the end, through the unpacker if the first bytes ask for it.
    ///
    /// # Errors
    /// Where not a single byte came of it, and as [`Sparse::read_from`].
    pub(super) fn read_from(mut reader: impl Read, budget: &Budget) -> Result<Self> {
        let mut head = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut head)?;
        let is_packed = head == packed::MAGIC;
        let whole = io::Cursor::new(head).chain(reader);
        if !is_packed {
            let (sparse, fault) = Sparse::read_from(whole, budget)?;
            return Self::new(sparse, fault.map(Error::from), None);
        }
        let mut frames = packed::Frames::new(io::BufReader::new(whole));
        let (sparse, fault) = Sparse::read_from(&mut frames, budget)?;
        let mut held = Self::new(sparse, fault.map(packed::blame), frames.stated_len())?;
        if let Some(from) = frames.mismatch() {
            let error = held.loss.take().map_or_else(packed::mismatch, |loss| loss.error);
            held.loss = Some(Loss { from, error });
        }
        Ok(held)
    }

    fn new(sparse: Sparse, fault: Option<Error>, stated: Option<u64>) -> Result<Self> {
        let from = sparse.len();
        match fault {
            None => Ok(Self { sparse, len: from, loss: None }),
            Some(error) if from == 0 => Err(error),
            Some(error) => {
                let len = stated.filter(|len| *len <= sparse::MAX_LEN).unwrap_or(from).max(from);
                Ok(Self { sparse, len, loss: Some(Loss { from, error }) })
            }
        }
    }

    /// Size in bytes; of a packed image that is cut short the size that it states, lost bytes included.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Bytes that are held in memory.
    pub(super) fn stored(&self) -> u64 {
        self.sparse.stored()
    }

    /// What was lost, and from which byte on.
    pub(super) fn loss(&self) -> Option<(u64, &Error)> {
        self.loss.as_ref().map(|loss| (loss.from, &loss.error))
    }

    /// Fills `buf`; the caller has made sure that the range lies inside.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let wanted = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        let is_there = offset.checked_add(wanted).is_some_and(|end| end <= self.sparse.len());
        match &self.loss {
            Some(loss) if !is_there => {
                let what = format!("was not unpacked: {}", loss.error.reason());
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
            _ => self.sparse.read_at(offset, buf),
        }
    }
}
