//! Checksums: bytes to 256 bits, one file an algorithm; and whether stored bytes are what a block
//! pointer says.
//!
//! Handbook: `docs/format/04-checksums.md`.

use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::Blkptr;
use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use self::kept::Kept;
use self::salt::Salted;

pub mod blake3;
pub mod edonr;
pub mod embedded;
pub mod fletcher;
mod gang_header;
pub(crate) mod kept;
pub(crate) mod log_block;
mod salt;
pub mod sha256;
pub mod sha512;
pub mod skein;
mod threefish;

pub use gang_header::gang_header;
pub use log_block::log_block;

/// What the blocks of one pool are checked with.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    salted: Option<Salted>,
}

/// Whether stored bytes are those that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The checksum holds.
    Verified,
    /// There is none: the algorithm is `off` or `noparity`.
    Unchecked,
    /// It does not hold.
    Wrong {
        /// the whole sum of the bytes; `None` for what is no log block at all: without magic, or with
        /// more used than there is
        computed: Option<Cksum>,
    },
}

/// Why nothing can be said about bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The pointer contradicts the format, or the pool.
    #[error("checksum {0}: {1}")]
    Corrupt(Checksum, &'static str),
    /// Nobody knows the number.
    #[error("unsupported checksum {0}")]
    Unsupported(Checksum),
}

impl Checker {
    /// The checker of a pool with this salt. Pools that were never written by software that knows of
    /// salts have none.
    #[must_use]
    pub fn new(salt: Option<[u8; 32]>) -> Self {
        Checker { salted: salt.map(Salted::new) }
    }
    /// Whether `bytes`, as stored, are what `pointer` says, whose words are read in the plain way.
    ///
    /// No key is needed: of encrypted blocks the ciphertext is checked. Blocks of the intent log are
    /// checked by [`log_block`].
    ///
    /// # Errors
    /// See [`Checker::sum`].
    pub fn verify(&self, pointer: &Blkptr, bytes: &[u8]) -> Result<Verdict, Error> {
        let (prop, algorithm) = (pointer.prop, pointer.prop.checksum());
        if matches!(algorithm, Checksum::ZILOG | Checksum::ZILOG2) {
            return log_block(pointer, bytes);
        }
        let order = prop.order();
        let kept = Kept::by(prop, algorithm);
        Ok(match self.sum(algorithm, order, bytes)? {
            Some(sum) => Verdict::of(sum, |sum| kept.holds(sum, pointer.cksum)),
            None => Verdict::Unchecked,
        })
    }
    /// The checksum of `bytes`, as stored, by a writer of this byte order; `None` by the algorithms that
    /// check nothing.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for what is never an algorithm of stored blocks, and for a salted one in a
    /// pool without salt; [`Error::Unsupported`] for numbers that nobody knows.
    pub fn sum(&self, algorithm: Checksum, order: Order, bytes: &[u8]) -> Result<Option<Cksum>, Error> {
        Ok(self.function(algorithm)?.map(|function| match function {
            Function::Plain(sum) => sum(bytes, order),
            Function::Skein(salted) => salted.skein.sum(bytes, order),
            Function::Edonr(salted) => salted.edonr.sum(bytes, order),
            Function::Blake3(salted) => salted.blake3.sum(bytes, order),
        }))
    }
    /// Whether blocks of this pointer can be verified, or need not be.
    ///
    /// # Errors
    /// See [`Checker::sum`].
    pub fn supports(&self, pointer: &Blkptr) -> Result<(), Error> {
        match pointer.prop.checksum() {
            Checksum::ZILOG | Checksum::ZILOG2 => Ok(()),
            algorithm => self.function(algorithm).map(drop),
        }
    }
    fn function(&self, algorithm: Checksum) -> Result<Option<Function<'_>>, Error> {
        let salted = || self.salted.as_ref().ok_or(Error::Corrupt(algorithm, "the pool has no salt"));
        Ok(Some(match algorithm {
            Checksum::OFF | Checksum::NOPARITY => return Ok(None),
            Checksum::FLETCHER2 => Function::Plain(fletcher::fletcher2),
            Checksum::FLETCHER4 => Function::Plain(fletcher::fletcher4),
            Checksum::SHA256 => Function::Plain(|bytes, _| sha256::sha256(&[bytes])),
            Checksum::SHA512 => Function::Plain(sha512::sha512),
            Checksum::SKEIN => Function::Skein(salted()?),
            Checksum::EDONR => Function::Edonr(salted()?),
            Checksum::BLAKE3 => Function::Blake3(salted()?),
            Checksum::INHERIT | Checksum::ON => {
                return Err(Error::Corrupt(algorithm, "only the value of a property"));
            }
            Checksum::LABEL | Checksum::GANG_HEADER | Checksum::ZILOG | Checksum::ZILOG2 => {
                return Err(Error::Corrupt(algorithm, "only for what proves itself"));
            }
            _ => return Err(Error::Unsupported(algorithm)),
        }))
    }
}

/// What makes a sum of bytes.
enum Function<'s> {
    Plain(fn(&[u8], Order) -> Cksum),
    Skein(&'s Salted),
    Edonr(&'s Salted),
    Blake3(&'s Salted),
}

impl Verdict {
    fn of(sum: Cksum, holds: impl Fn(Cksum) -> bool) -> Self {
        if holds(sum) { Verdict::Verified } else { Verdict::Wrong { computed: Some(sum) } }
    }
}

/// 32 bytes as four words, written in this order.
fn words(bytes: &[u8; 32], order: Order) -> Cksum {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = match order {
            Order::Little => u64::from_le_bytes(*bytes),
            Order::Big => u64::from_be_bytes(*bytes),
        };
    }
    Cksum(words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use zfsp_grammar::blkptr::Prop;
    use zfsp_grammar::input::Order::{Big, Little};
    use zfsp_grammar::object_type::ObjectType;

    use super::*;

    const ALGORITHMS: [Checksum; 7] = [
        Checksum::FLETCHER2,
        Checksum::FLETCHER4,
        Checksum::SHA256,
        Checksum::SHA512,
        Checksum::SKEIN,
        Checksum::EDONR,
        Checksum::BLAKE3,
    ];
    const ZERO: &str = "0000000000000000:0000000000000000:0000000000000000:0000000000000000";
    const Z512: [[&str; 2]; 7] = [
        [ZERO, ZERO],
        [ZERO, ZERO],
        [
            "076a27c79e5ace2a:3d47f9dd2e83e4ff:6ea8872b3c2218f6:6c92b89b55f36560",
            "076a27c79e5ace2a:3d47f9dd2e83e4ff:6ea8872b3c2218f6:6c92b89b55f36560",
        ],
        [
            "5b9416975c402b55:1bc2ae9be6ae0cfc:b88df5fb0b56052a:a6422bc42c4c1abd",
            "552b405c9716945b:fc0caee69baec21b:2a05560bfbf58db8:bd1a4c2cc42b42a6",
        ],
        [
            "109f2ea97b30f4fc:f23d66cc23e4eef4:7a78159e8b3761c5:70f32bd924fee9e0",
            "fcf4307ba92e9f10:f4eee423cc663df2:c561378b9e15787a:e0e9fe24d92bf370",
        ],
        [
            "0d00b58664fa7c50:7802fba8da630b5d:57d4f6db197c77b8:8c1fe4b0b798f54c",
            "507cfa6486b5000d:5d0b63daa8fb0278:b8777c19dbf6d457:4cf598b7b0e41f8c",
        ],
        [
            "c752cd04d56f8f60:f53871be99de6f63:1adbe7b8d8843e49:c25011996e4b107c",
            "608f6fd504cd52c7:636fde99be7138f5:493e84d8b8e7db1a:7c104b6e991150c2",
        ],
    ];
    const A512: [[&str; 2]; 7] = [
        [
            "efcfaf8f6f4f2f00:f0d0b09070503000:4a38261401efdd00:dac8b6a492806d80",
            "0f2f4f6f8fafcfe0:1030507090b0d0e0:cfe1f406182a3b70:60728496a8bacbf0",
        ],
        [
            "00000040c03fbf00:00000da342e27500:000214fa7f828a80:003d9765c9f3c980",
            "0000003f3fc04080:00000d4262c315c0:000204948f886b00:003b7e5b56b441e0",
        ],
        [
            "110009dcee21620b:166f3abfecb5eff7:a873be729d1c2d53:822e7acc5f34eb9b",
            "110009dcee21620b:166f3abfecb5eff7:a873be729d1c2d53:822e7acc5f34eb9b",
        ],
        [
            "6cf5b1411d91141d:0ea8ddb86fa627f0:991896779c0da9d7:3bdc08f7e9f3faed",
            "1d14911d41b1f56c:f027a66fb8dda80e:d7a90d9c77961899:edfaf3e9f708dc3b",
        ],
        [
            "df06b17bad515284:c1074e6c80f80357:0564949cf231e28f:3b30efa65148a406",
            "845251ad7bb106df:5703f8806c4e07c1:8fe231f29c946405:06a44851a6ef303b",
        ],
        [
            "86f009c293823406:1787f335116ef352:616de2d3955eb1e1:0f0e3039494fa11f",
            "06348293c209f086:52f36e1135f38717:e1b15e95d3e26d61:1fa14f4939300e0f",
        ],
        [
            "68e5f03a15d32d73:2e2d8e52a9e2d91f:b6eb0668176e2d68:95bf9be2259b6c22",
            "732dd3153af0e568:1fd9e2a9528e2d2e:682d6e176806ebb6:226c9b25e29bbf95",
        ],
    ];
    const B4096: [[&str; 2]; 7] = [
        [
            "857e878079827b00:7d867f78817a8300:9d9ef7f0f1da9980:ddf6eff0999a9580",
            "827980877e857c00:7a81787f867d8400:d9f0f7f69d9c9200:9998eff6f5dc9e00",
        ],
        [
            "000001f9fe020400:0003f3511b235e00:0545fd1458c93000:48df841dc7fb3700",
            "0000020601fdf800:00040b5f15095800:05660bfc3628dc00:68f2a45a3479bc00",
        ],
        [
            "7486da8f1e13943f:ae21a0b043f1e996:40d7d8ebafb25266:478b5cddae1272b5",
            "7486da8f1e13943f:ae21a0b043f1e996:40d7d8ebafb25266:478b5cddae1272b5",
        ],
        [
            "5e073280615621d3:2fde81a5511a407f:5faf7423a2ff0e34:47f64548f004290f",
            "d32156618032075e:7f401a51a581de2f:340effa22374af5f:0f2904f04845f647",
        ],
        [
            "9e127a7cc0e2b2bd:70effc5fa674b73c:7be445679793a2c1:7610b9ae7ba8397b",
            "bdb2e2c07c7a129e:3cb774a65ffcef70:c1a293976745e47b:7b39a87baeb91076",
        ],
        [
            "79b0305381fdb4f3:429add9592ce1cfb:b6c51d8b799b56ce:caa6706b6f8d30ba",
            "f3b4fd815330b079:fb1cce9295dd9a42:ce569b798b1dc5b6:ba308d6f6b70a6ca",
        ],
        [
            "596a657ebfb3d4f6:8ed9640a108f2daa:b3e4782b0467a6f5:2bafa4f7690cc85f",
            "f6d4b3bf7e656a59:aa2d8f100a64d98e:f5a667042b78e4b3:5fc80c69f7a4af2b",
        ],
    ];

    fn byte(n: usize) -> u8 {
        u8::try_from(n % 256).unwrap()
    }
    fn salted() -> Checker {
        Checker::new(Some(std::array::from_fn(byte)))
    }
    fn b4096() -> Vec<u8> {
        (0..4096).map(|n| byte(7 * n + 3)).collect()
    }
    fn pointer(algorithm: Checksum, kind: ObjectType, order: Order, encrypted: bool, cksum: Cksum) -> Blkptr {
        let prop = u64::from(algorithm.0) << 40
            | u64::from(kind.0) << 48
            | u64::from(encrypted) << 61
            | u64::from(order == Little) << 63;
        Blkptr { prop: Prop(prop), cksum, ..Blkptr::default() }
    }

    /// Chapter 04, 4.12: whole blocks, by writers of both orders.
    #[test]
    fn whole_blocks() {
        let a512: Vec<u8> = (0..512).map(byte).collect();
        for (block, sums) in [(vec![0; 512], Z512), (a512, A512), (b4096(), B4096)] {
            for (algorithm, [little, big]) in ALGORITHMS.into_iter().zip(sums) {
                let sum = |order| salted().sum(algorithm, order, &block).unwrap().unwrap().to_string();
                assert_eq!(sum(Little), little, "{algorithm}");
                assert_eq!(sum(Big), big, "{algorithm}");
            }
        }
    }
    #[test]
    fn what_the_pointer_says_counts() {
        let block = b4096();
        for (algorithm, order) in ALGORITHMS.into_iter().flat_map(|a| [(a, Little), (a, Big)]) {
            let checker = salted();
            let sum = checker.sum(algorithm, order, &block).unwrap().unwrap();
            let right = pointer(algorithm, ObjectType::PLAIN_FILE_CONTENTS, order, false, sum);
            assert_eq!(checker.verify(&right, &block), Ok(Verdict::Verified));
            let mut wrong = right;
            wrong.cksum.0[3] ^= 1;
            let verdict = Ok(Verdict::Wrong { computed: Some(sum) });
            assert_eq!(checker.verify(&wrong, &block), verdict);
            // encrypted, the last word is of the MAC
            let mac = |folded: bool, Cksum([a, b, c, d]): Cksum| {
                if folded { Cksum([a ^ c, b ^ d, 7, 7]) } else { Cksum([a, b, 7, 7]) }
            };
            let weak = matches!(algorithm, Checksum::FLETCHER2 | Checksum::FLETCHER4 | Checksum::EDONR);
            for folded in [true, false] {
                let half = pointer(algorithm, ObjectType::PLAIN_FILE_CONTENTS, order, true, mac(folded, sum));
                let expected = if folded == weak { Ok(Verdict::Verified) } else { verdict.clone() };
                assert_eq!(checker.verify(&half, &block), expected, "{algorithm}");
            }
            let objset = pointer(algorithm, ObjectType::OBJSET, order, true, sum);
            assert_eq!(checker.verify(&objset, &block), Ok(Verdict::Verified));
        }
    }
    #[test]
    fn what_cannot_be_checked() {
        for algorithm in (0..=u8::MAX).map(Checksum) {
            let pointer = pointer(algorithm, ObjectType::ZVOL, Little, false, Cksum([1; 4]));
            let verdict = |checker: Checker| checker.verify(&pointer, &[0; 512]);
            match algorithm {
                Checksum::OFF | Checksum::NOPARITY => {
                    assert_eq!(verdict(Checker::default()), Ok(Verdict::Unchecked));
                }
                Checksum(0 | 1 | 3 | 4 | 5 | 9) => {
                    assert!(matches!(verdict(salted()), Err(Error::Corrupt(a, _)) if a == algorithm));
                }
                Checksum(15..) => assert_eq!(verdict(salted()), Err(Error::Unsupported(algorithm))),
                Checksum::SKEIN | Checksum::EDONR | Checksum::BLAKE3 => {
                    assert!(
                        matches!(verdict(Checker::default()), Err(Error::Corrupt(a, _)) if a == algorithm)
                    );
                    assert!(matches!(verdict(salted()), Ok(Verdict::Wrong { .. })));
                }
                _ => assert!(matches!(verdict(Checker::default()), Ok(Verdict::Wrong { .. }))),
            }
        }
        let error = Checker::default().sum(Checksum::SKEIN, Little, &[]).unwrap_err();
        assert_eq!(error.to_string(), "checksum skein: the pool has no salt");
    }
}
