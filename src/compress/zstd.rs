//! zstd: a length, a word of version and level, and a frame without its magic.
//!
//! Handbook: `docs/format/05-compression.md`, 5.7.

use std::io::Read;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What every zstd frame but those of ZFS begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// A window never needs to exceed the block.
const LARGEST_WINDOW: u64 = 16 << 20;

pub(super) fn decompress(stored: &[u8], lsize: usize) -> Result<Vec<u8>, &'static str> {
    let (rest, len) = super::counted(stored).ok_or("cut short")?;
    let frame = rest.get(4..).and_then(|rest| rest.get(..len)).ok_or("cut short")?;
    let mut source = MAGIC.as_slice().chain(frame);
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(LARGEST_WINDOW);
    decoder.reset(&mut source).map_err(|_| "no zstd frame")?;
    let mut block = Vec::with_capacity(lsize);
    let mut part = [0; 4096];
    while !decoder.is_finished() || decoder.can_collect() > 0 {
        decoder
            .decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| "a block of the zstd frame is damaged")?;
        loop {
            let n = decoder.read(&mut part).map_err(|_| "a block of the zstd frame is damaged")?;
            if n == 0 {
                break;
            }
            block.extend_from_slice(part.get(..n).unwrap_or_default());
            if block.len() > lsize {
                return Err("longer than the logical size");
            }
        }
    }
    Ok(block)
}
