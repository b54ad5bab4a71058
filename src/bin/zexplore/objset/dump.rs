//! The content of an object into a file: holes stay holes where the file system has such.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use zfsp::decode::content;
use zfsp::object::{Loss, Object};

use crate::common::exit::{Exit, Failure};
use crate::common::output::written;

/// Writes the content to `path`; what is lost is zeros there, and returned.
pub(super) fn write(object: &Object, path: &Path) -> Result<Vec<Loss>, Failure> {
    let length = object.dnode().and_then(|dnode| content::length(&dnode.bonus));
    let length =
        length.and_then(|length| u64::try_from(length).ok()).map_or(object.size(), |n| n.min(object.size()));
    let failure = |e: io::Error| Failure(Exit::Nothing, format!("{}: {e}", path.display()));
    let mut losses = Vec::new();
    if path.as_os_str() == "-" {
        written(copy(object, length, &mut losses, &mut Stream { out: io::stdout().lock(), at: 0 }))?;
    } else {
        let mut file = create(path).map_err(failure)?;
        copy(object, length, &mut losses, &mut file).map_err(failure)?;
    }
    Ok(losses)
}

#[allow(clippy::disallowed_methods)] // an output, no evidence
fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// Where blocks go.
trait Output {
    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// All is `length` bytes long.
    fn end(&mut self, length: u64) -> io::Result<()>;
}

impl Output for File {
    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.seek(SeekFrom::Start(at))?;
        self.write_all(bytes)
    }
    fn end(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A pipe: zeros are written where there is nothing.
struct Stream<W> {
    out: W,
    at: u64,
}

/// Zeros that are written at once.
static ZEROS: [u8; 65_536] = [0; 65_536];

impl<W: Write> Output for Stream<W> {
    fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.end(at)?;
        self.at = at.saturating_add(u64::try_from(bytes.len()).unwrap_or_default());
        self.out.write_all(bytes)
    }
    fn end(&mut self, length: u64) -> io::Result<()> {
        let mut left = length.saturating_sub(self.at);
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
            self.out.write_all(ZEROS.get(..count).unwrap_or_default())?;
            left = left.saturating_sub(u64::try_from(count).unwrap_or(left));
        }
        self.at = self.at.max(length);
        Ok(())
    }
}

fn copy(object: &Object, length: u64, losses: &mut Vec<Loss>, out: &mut dyn Output) -> io::Result<()> {
    for found in object.blocks(0) {
        let block = found.and_then(|(blkid, _)| Ok((blkid, object.block(blkid)?)));
        match block {
            Ok((blkid, block)) => {
                let at = blkid.saturating_mul(object.block_size);
                let Some(left) = length.checked_sub(at).filter(|left| *left > 0) else { break };
                let left = usize::try_from(left).unwrap_or(usize::MAX);
                out.put(at, block.bytes.get(..left).unwrap_or(&block.bytes))?;
            }
            Err(loss) => losses.push(loss),
        }
    }
    out.end(length)
}
