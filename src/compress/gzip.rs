//! gzip, which is a zlib stream (RFC 1950). Handbook: `docs/format/05-compression.md`, 5.5.

use flate2::{Decompress, FlushDecompress, Status};

pub(super) fn decompress(stored: &[u8], lsize: usize) -> Result<Vec<u8>, &'static str> {
    let mut block = Vec::with_capacity(lsize);
    match Decompress::new(true).decompress_vec(stored, &mut block, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) => Ok(block),
        Ok(_) if block.len() == lsize => Err("longer than the logical size"),
        Ok(_) => Err("cut short"),
        Err(_) => Err("no zlib stream"),
    }
}
