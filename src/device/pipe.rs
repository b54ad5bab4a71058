//! What comes through a pipe: read whole, since it cannot be read twice.

use std::io::{Cursor, Read};
use std::path::Path;

use super::packed::{MAGIC, Sparse, unpack};
use crate::error::{Error, Result};

/// All of `reader`, unpacked if it is a packed image.
pub(super) fn read(path: &Path, mut reader: impl Read) -> Result<Sparse> {
    let mut head = Vec::new();
    let error = |source| Error::Io { path: path.to_owned(), source };
    reader.by_ref().take(4).read_to_end(&mut head).map_err(error)?;
    let packed = head == MAGIC;
    let whole = Cursor::new(head).chain(reader);
    if packed { unpack(path, whole) } else { Sparse::fill(path, whole) }
}
