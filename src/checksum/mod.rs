//! Checksums: bytes to 256 bits, one file an algorithm.
//!
//! Handbook: `docs/format/04-checksums.md`.

pub mod embedded;
pub mod fletcher;
pub mod sha256;

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use zfsp_grammar::input::Order::{Big, Little};

    use super::fletcher::{fletcher2, fletcher4};
    use super::sha256::sha256;

    /// Chapter 04, 4.12: whole blocks, in both orders where the order counts.
    #[test]
    fn whole_blocks() {
        let byte = |n: usize| u8::try_from(n % 256).unwrap();
        let z512 = vec![0; 512];
        let a512: Vec<u8> = (0..512).map(byte).collect();
        let b4096: Vec<u8> = (0..4096).map(|n| byte(7 * n + 3)).collect();
        let zero = "0000000000000000:0000000000000000:0000000000000000:0000000000000000";
        for (block, two, two_big, four, four_big, sha) in [
            (
                z512,
                zero,
                zero,
                zero,
                zero,
                "076a27c79e5ace2a:3d47f9dd2e83e4ff:6ea8872b3c2218f6:6c92b89b55f36560",
            ),
            (
                a512,
                "efcfaf8f6f4f2f00:f0d0b09070503000:4a38261401efdd00:dac8b6a492806d80",
                "0f2f4f6f8fafcfe0:1030507090b0d0e0:cfe1f406182a3b70:60728496a8bacbf0",
                "00000040c03fbf00:00000da342e27500:000214fa7f828a80:003d9765c9f3c980",
                "0000003f3fc04080:00000d4262c315c0:000204948f886b00:003b7e5b56b441e0",
                "110009dcee21620b:166f3abfecb5eff7:a873be729d1c2d53:822e7acc5f34eb9b",
            ),
            (
                b4096,
                "857e878079827b00:7d867f78817a8300:9d9ef7f0f1da9980:ddf6eff0999a9580",
                "827980877e857c00:7a81787f867d8400:d9f0f7f69d9c9200:9998eff6f5dc9e00",
                "000001f9fe020400:0003f3511b235e00:0545fd1458c93000:48df841dc7fb3700",
                "0000020601fdf800:00040b5f15095800:05660bfc3628dc00:68f2a45a3479bc00",
                "7486da8f1e13943f:ae21a0b043f1e996:40d7d8ebafb25266:478b5cddae1272b5",
            ),
        ] {
            assert_eq!(fletcher2(&block, Little).to_string(), two);
            assert_eq!(fletcher2(&block, Big).to_string(), two_big);
            assert_eq!(fletcher4(&block, Little).to_string(), four);
            assert_eq!(fletcher4(&block, Big).to_string(), four_big);
            assert_eq!(sha256(&[&block]).to_string(), sha);
        }
    }
}
