//! zstd-packed images (RFC 8878), unpacked as a stream.

use std::{
    error::Error as StdError,
    io::{self, BufRead, Read},
    iter, mem,
};

use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};

use crate::error::Error;

/// First bytes of a zstd frame.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// What `zstd --long=31` may ask for. A fresh decoder allocates as data comes, so only data can make it that large.
const MAX_WINDOW: u64 = 1 << 31;

/// A last block of no bytes, and a checksum: given to a decoder that has failed, it lets go of what it holds back as
/// its window.
const LAST_BLOCK: [u8; 7] = [1, 0, 0, 0, 0, 0, 0];

/// The content of all frames of a packed file, one after the other; frames to be skipped are skipped.
///
/// Damage ends it: what was unpacked before comes first, the error after it, once.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    state: State,
    /// Content of the frames before this one, in bytes.
    before: u64,
    /// Content so far.
    given: u64,
    /// Where the first frame starts whose content does not have its checksum.
    mismatch: Option<u64>,
}

enum State {
    Between,
    Inside,
    Broken(io::Error),
    Done,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        let decoder = FrameDecoder::new();
        Self { source, decoder, state: State::Between, before: 0, given: 0, mismatch: None }
    }

    /// Size of the content up to the end of the last frame that was begun, as its header states it.
    pub(super) fn stated_len(&self) -> Option<u64> {
        match self.decoder.content_size() {
            0 => None,
            size => self.before.checked_add(size),
        }
    }

    /// Start of the content that a checksum disproves.
    pub(super) fn mismatch(&self) -> Option<u64> {
        self.mismatch
    }

    /// Goes to the next frame; false at the end of the file.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            // a decoder that is used again allocates the window that the frame claims
            self.decoder = FrameDecoder::new();
            self.decoder.set_max_window_size(MAX_WINDOW);
            self.before = self.given;
            match self.decoder.init(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end_frame(&mut self) {
        self.state = State::Between;
        let stored = self.decoder.get_checksum_from_data();
        if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
            self.mismatch = self.mismatch.or(Some(self.before));
        }
    }

    fn take(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buf)?;
        self.given = self.given.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between => {
                    if !self.next_frame()? {
                        return Ok(0);
                    }
                    self.state = State::Inside;
                }
                State::Inside if self.decoder.can_collect() > 0 => {
                    self.state = State::Inside;
                    return self.take(buf);
                }
                State::Inside if self.decoder.is_finished() => self.end_frame(),
                State::Inside => {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    self.state = match self.decoder.decode_blocks(&mut self.source, one) {
                        Ok(_) => State::Inside,
                        Err(error) => {
                            let one = BlockDecodingStrategy::UptoBlocks(1);
                            let let_go = self.decoder.decode_blocks(&LAST_BLOCK[..], one);
                            State::Broken(let_go.map_or_else(io::Error::other, |_| io::Error::other(error)))
                        }
                    };
                }
                State::Broken(error) => match self.take(buf)? {
                    0 => return Err(error),
                    count => {
                        self.state = State::Broken(error);
                        return Ok(count);
                    }
                },
            }
        }
    }
}

/// Content that is there in full, but is not what was packed.
pub(super) fn mismatch() -> Error {
    Error::corrupt("damaged zstd data: content checksum does not match")
}

/// Tells damage of the packed file from trouble with reading it: the decoder reports both alike.
pub(super) fn blame(source: io::Error) -> Error {
    let first: &(dyn StdError + 'static) = &source;
    let mut causes = iter::successors(Some(first), |error| (*error).source())
        .filter_map(|error| error.downcast_ref::<io::Error>());
    if causes.clone().any(|error| error.raw_os_error().is_some()) {
        return source.into();
    }
    if causes.any(|error| error.kind() == io::ErrorKind::UnexpectedEof) {
        return Error::corrupt("damaged zstd data: the file is cut short");
    }
    Error::corrupt(format!("damaged zstd data: {source}"))
}
