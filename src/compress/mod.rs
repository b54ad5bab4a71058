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
            (t2(), "gzip-6", "789c6360181e2031293925352d3d03173dd0ee1bac00008ef20c91"),
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

    /// Chapter 05, 5.8: a payload embedded in a block pointer.
    #[test]
    fn embedded_payload() {
        let stored = hex("0000000d2f21000100ffe7500000000000");
        let block = [vec![0x21], vec![0; 511]].concat();
        assert_eq!(decompress(Compression::LZ4, &stored, 512), Ok(block));
    }

    #[test]
    fn another_size_is_corrupt() {
        for (name, stored) in [
            ("lz4", "00000020ff055a4653206f6e2d6469736b20666f726d61742e201400ffd5506469736b20"),
            ("zstd", "00000020030028a50000dd0000a05a4653206f6e2d6469736b20666f726d61742e200100d24f9d4c"),
            ("gzip-6", "789c8b720b56c8cfd34dc92cce5648cb2fca4d2cd153881a151b316200100fac90"),
            ("zle", "ff471f6162636465666768616263646566676861626364656667686162636465666768ff97"),
        ] {
            for lsize in [0, 1, 511, 513, 4096] {
                let block = decompress(by_name(name).unwrap(), &hex(stored), lsize);
                // zle has no end of its own: it stops when the block is full
                let stops = name == "zle" && lsize == 0;
                assert_eq!(block.is_ok(), stops, "{name} as {lsize}: {block:?}");
            }
        }
    }

    #[test]
    fn a_bomb_stays_small() {
        // a zstd frame of 30 blocks, each one byte repeated 128 KiB times
        let repeated = [0x02, 0x00, 0x10, 0x00];
        let last = [0x03, 0x00, 0x10, 0x00];
        let frame = [vec![0x00, 0x70], repeated.repeat(29), last.to_vec()].concat();
        let len = u32::try_from(frame.len()).unwrap().to_be_bytes();
        let stored = [&len[..], &[3, 0, 0x28, 0xa5], &frame].concat();
        let whole = decompress(Compression::ZSTD, &stored, 30 << 17);
        assert_eq!(whole, Ok(vec![0; 30 << 17]));
        assert!(decompress(Compression::ZSTD, &stored, 512).is_err());
        assert_eq!(
            decompress(Compression::ZLE, &[0xff], (16 << 20) + 1),
            Err(Error::TooLarge((16 << 20) + 1))
        );
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
        fn altered_frames_end_well(block in text(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
            for (algorithm, mut stored) in packed(&block) {
                for (at, byte) in &changes {
                    *at.get_mut(&mut stored) = *byte;
                }
                if let Ok(altered) = decompress(algorithm, &stored, block.len()) {
                    prop_assert_eq!(altered.len(), block.len());
                }
            }
        }
        #[test]
        fn there_and_back(block in text(), padding in 0usize..600) {
            for (algorithm, mut stored) in packed(&block) {
                stored.resize(stored.len() + padding, 0);
                prop_assert_eq!(decompress(algorithm, &stored, block.len()), Ok(block.clone()));
            }
        }
    }

    /// Blocks with repetitions near and far, runs of zeros, and noise.
    fn text() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            (1usize..400).prop_map(|n| vec![0; n]),
            (any::<u8>(), 1usize..200).prop_map(|(byte, n)| vec![byte; n]),
            (proptest::collection::vec(any::<u8>(), 3..30), 1usize..20).prop_map(|(word, n)| word.repeat(n)),
            proptest::collection::vec(any::<u8>(), 1..200),
        ];
        proptest::collection::vec(part, 1..12).prop_map(|parts| parts.concat())
    }

    /// The block as each algorithm may store it.
    fn packed(block: &[u8]) -> Vec<(Compression, Vec<u8>)> {
        use std::io::Write;
        let counted = |middle: &[u8], packed: &[u8]| {
            [&u32::try_from(packed.len()).unwrap().to_be_bytes(), middle, packed].concat()
        };
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
        zlib.write_all(block).unwrap();
        let level = ruzstd::encoding::CompressionLevel::Fastest;
        let frame = ruzstd::encoding::compress_to_vec(block, level);
        vec![
            (Compression::OFF, block.to_vec()),
            (Compression::LZJB, lzjb::tests::compress(block)),
            (Compression::ZLE, zle::tests::compress(block)),
            (Compression::GZIP_6, zlib.finish().unwrap()),
            (Compression::LZ4, counted(&[], &lz4_flex::block::compress(block))),
            (
                Compression::ZSTD,
                counted(&[3, 0, 0x28, 0xa5], frame.strip_prefix(&[0x28, 0xb5, 0x2f, 0xfd]).unwrap()),
            ),
        ]
    }
}
