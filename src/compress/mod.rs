//! Compression: stored bytes back to the block they were, one file an algorithm.
//!
//! Every decoder is given the logical size and returns exactly that many bytes, or an error; what
//! stands behind the compressed bytes is padding and ignored. Handbook:
//! `docs/format/05-compression.md`.

use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::LARGEST_BLOCK;

mod gzip;
mod lz4;
mod lzjb;
mod zle;
mod zstd;

/// Why stored bytes are no block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes contradict the algorithm.
    #[error("{0}: {1}")]
    Corrupt(Compression, &'static str),
    /// No decoder knows the number.
    #[error("unsupported compression {0}")]
    Unsupported(Compression),
    /// Blocks have 16 MiB at most.
    #[error("logical size {0} exceeds 16 MiB")]
    TooLarge(usize),
}

/// The block of `lsize` bytes that is stored as `stored`.
///
/// # Errors
/// [`Error`], if it cannot be had; never a part of it.
pub fn decompress(algorithm: Compression, stored: &[u8], lsize: usize) -> Result<Vec<u8>, Error> {
    if u64::try_from(lsize).map_or(true, |lsize| lsize > LARGEST_BLOCK) {
        return Err(Error::TooLarge(lsize));
    }
    let decoded = match algorithm {
        Compression::OFF => stored.get(..lsize).map(<[u8]>::to_vec).ok_or("cut short"),
        Compression::LZJB => lzjb::decompress(stored, lsize),
        Compression(5..=13) => gzip::decompress(stored, lsize),
        Compression::ZLE => zle::decompress(stored, lsize),
        Compression::LZ4 => lz4::decompress(stored, lsize),
        Compression::ZSTD => zstd::decompress(stored, lsize),
        _ => return Err(Error::Unsupported(algorithm)),
    };
    match decoded {
        Ok(block) if block.len() == lsize => Ok(block),
        Ok(_) => Err(Error::Corrupt(algorithm, "another size than the logical one")),
        Err(why) => Err(Error::Corrupt(algorithm, why)),
    }
}

/// The algorithm called `name`: as properties and zdb call it.
#[must_use]
pub fn by_name(name: &str) -> Option<Compression> {
    match name {
        "off" => Some(Compression::OFF),
        "gzip" => Some(Compression::GZIP_6),
        _ => (3..=16).map(Compression).find(|c| c.name() == Some(name) && *c != Compression::EMPTY),
    }
}

/// A length in front of compressed bytes: four bytes, big-endian on every pool.
fn counted(stored: &[u8]) -> Option<(&[u8], usize)> {
    let (len, rest) = stored.split_first_chunk::<4>()?;
    Some((rest, usize::try_from(u32::from_be_bytes(*len)).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }
    fn t1() -> Vec<u8> {
        b"ZFS on-disk format. ".iter().copied().cycle().take(512).collect()
    }
    fn t2() -> Vec<u8> {
        [vec![0; 200], b"abcdefgh".repeat(4), vec![0; 280]].concat()
    }

    /// Chapter 05, 5.8.
    #[test]
    fn vectors() {
        let vectors = [
            (
                t1(),
                "lzjb",
                "005a4653206f6e2d640069736b20666f726df061742e20fc14fc50fc8cfcc807fd18fd54fd9053206f6e2d006469736b20666f72006d61742e205a465300206f6e2d6469736b0020",
            ),
            (t1(), "gzip-1", "78018b720b56c8cfd34dc92cce5648cb2fca4d2cd153881a151b31610000100fac90"),
            (t1(), "gzip-6", "789c8b720b56c8cfd34dc92cce5648cb2fca4d2cd153881a151b316200100fac90"),
            (t1(), "gzip-9", "78da8b720b56c8cfd34dc92cce5648cb2fca4d2cd153881a151b316200100fac90"),
            (t1(), "lz4", "00000020ff055a4653206f6e2d6469736b20666f726d61742e201400ffd5506469736b20"),
            (
                t1(),
                "zstd",
                "00000020030028a50000dd0000a05a4653206f6e2d6469736b20666f726d61742e200100d24f9d4c",
            ),
            (
                t2(),
                "lzjb",
                "0e00fc01fc42fc4200616263e064656667685408fc63fc4203fc42fc42000000000000000000000000000000000000",
            ),
            (t2(), "zle", "ff471f6162636465666768616263646566676861626364656667686162636465666768ff97"),
            (t2(), "gzip-1", "78016360181e2031293925352d3d03173d3c7c497d5f00008ef20c91"),
            (t2(), "gzip-9", "78da6360181e2031293925352d3d0317cd300ab002008ef20c91"),
            (t2(), "lz4", "0000001f1f000100b48f61626364656667680800050fe700b40f020039500000000000"),
            (t2(), "zstd", "0000001e030028a50000cd000050000061626364656667680400001308d186022b201f52000b"),
        ];
        for (block, name, stored) in vectors {
            let algorithm = by_name(name).unwrap();
            assert_eq!(decompress(algorithm, &hex(stored), 512), Ok(block.clone()), "{name}");
            // padding up to the sector is no fault
            let padded = [hex(stored), vec![0; 100]].concat();
            assert_eq!(decompress(algorithm, &padded, 512), Ok(block), "{name}, padded");
        }
    }

    #[test]
    fn unknown_is_unsupported() {
        assert_eq!(decompress(Compression(17), &[0; 512], 512), Err(Error::Unsupported(Compression(17))));
        assert_eq!(
            decompress(Compression::EMPTY, &[0; 512], 512),
            Err(Error::Unsupported(Compression::EMPTY))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end_well(algorithm in 0u8..20, stored: Vec<u8>, lsize in 0usize..70_000) {
            if let Ok(block) = decompress(Compression(algorithm), &stored, lsize) {
                prop_assert_eq!(block.len(), lsize);
            }
        }
        #[test]
        fn altered_vectors_end_well(at in 0usize..40, byte: u8, which in 0usize..2) {
            let (name, text) = [
                ("lz4", "00000020ff055a4653206f6e2d6469736b20666f726d61742e201400ffd5506469736b20"),
                ("zstd", "00000020030028a50000dd0000a05a4653206f6e2d6469736b20666f726d61742e200100d24f9d4c"),
            ][which];
            let mut stored = hex(text);
            let len = stored.len();
            stored[at % len] = byte;
            let _ = decompress(by_name(name).unwrap(), &stored, 512);
        }
        #[test]
        fn lz4_there_and_back(block in proptest::collection::vec(0u8..4, 1..4096)) {
            let packed = lz4_flex::block::compress(&block);
            let stored = [&u32::try_from(packed.len()).unwrap().to_be_bytes(), packed.as_slice()].concat();
            prop_assert_eq!(decompress(Compression::LZ4, &stored, block.len()), Ok(block));
        }
    }
}
