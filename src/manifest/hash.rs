//! Hashes of content.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::Hex;
use crate::file::{Content, File};
use crate::object::Loss;

/// Content up to this size is hashed as a whole, holes included.
pub(super) const LONGEST: u64 = 1 << 30;

/// The SHA-256 of the content, or of its data alone if it is too long.
pub(super) fn hash(file: &File) -> Result<Hex, Loss> {
    let mut hash = Hash(Sha256::new());
    let skips_holes = file.size() > LONGEST;
    file.stream(0..file.size(), |chunk| match &chunk.content {
        Content::Hole if skips_holes => Ok(()),
        Content::Lost(loss) => Err(loss.clone()),
        Content::Data(_) | Content::Hole => {
            // a hash takes all that is written to it
            let _ = chunk.write(&mut hash);
            Ok(())
        }
    })?;
    Ok(Hex(hash.0.finalize().into()))
}

/// Takes what is written to it.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
