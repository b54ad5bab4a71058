//! The numbers of checksum and compression algorithms, as block pointers, dnodes and properties
//! carry them.
//!
//!
//! ```
//! use zfsp_grammar::algorithms::{Checksum, Compression};
//!
//! assert_eq!(Checksum(7).to_string(), "fletcher4");
//! assert_eq!(Compression(15).to_string(), "lz4");
//! ```
//! The handbook says what each computes: [`docs/format/04-checksums.md`] and
//! [`docs/format/05-compression.md`].
//!
//! [`docs/format/04-checksums.md`]: crate::handbook::checksums
//! [`docs/format/05-compression.md`]: crate::handbook::compression

symbols! {
    /// `enum zio_checksum`: how a block is proven (chapter 04, 4.1).
    pub struct Checksum(u8) {
        /// property value only
        INHERIT = 0 "inherit",
        /// property value only: fletcher4
        ON = 1 "on",
        OFF = 2 "off",
        /// SHA-256, embedded in the parts of a label
        LABEL = 3 "label",
        /// SHA-256, embedded in a gang header
        GANG_HEADER = 4 "gang_header",
        /// fletcher2, embedded at the end of a log block (pool version below 23)
        ZILOG = 5 "zilog",
        FLETCHER2 = 6 "fletcher2",
        FLETCHER4 = 7 "fletcher4",
        SHA256 = 8 "sha256",
        /// fletcher4 over the used part, embedded in the head of a log block
        ZILOG2 = 9 "zilog2",
        /// none, and no RAID-Z parity either
        NOPARITY = 10 "noparity",
        /// SHA-512/256
        SHA512 = 11 "sha512",
        /// Skein-512-256, salted
        SKEIN = 12 "skein",
        /// Edon-R-512, salted
        EDONR = 13 "edonr",
        /// BLAKE3, salted
        BLAKE3 = 14 "blake3",
    }
}

symbols! {
    /// `enum zio_compress`: how a block is compressed (chapter 05, 5.1).
    pub struct Compression(u8) {
        /// property value only
        INHERIT = 0 "inherit",
        /// property value only: lz4, formerly lzjb
        ON = 1 "on",
        OFF = 2 "uncompressed",
        LZJB = 3 "lzjb",
        /// never on a stored block
        EMPTY = 4 "empty",
        GZIP_1 = 5 "gzip-1",
        GZIP_2 = 6 "gzip-2",
        GZIP_3 = 7 "gzip-3",
        GZIP_4 = 8 "gzip-4",
        GZIP_5 = 9 "gzip-5",
        GZIP_6 = 10 "gzip-6",
        GZIP_7 = 11 "gzip-7",
        GZIP_8 = 12 "gzip-8",
        GZIP_9 = 13 "gzip-9",
        ZLE = 14 "zle",
        LZ4 = 15 "lz4",
        ZSTD = 16 "zstd",
    }
}
