//! How many bytes a structure may take, where nobody says.

use zfsp_grammar::eck::{ECK_MAGIC, ECK_SIZE};
use zfsp_grammar::label::{BOOTENV_AT, LABEL_SIZE, VDEV_PHYS_AT, VDEV_PHYS_SIZE};
use zfsp_grammar::uberblock::SLOT_SIZES;

/// Bytes that blocks have at most, unless a pool was told otherwise.
const USUAL_BLOCK: usize = 128 << 10;

/// Bytes worth reading for the structure called `name`.
#[must_use]
pub fn most(name: &str) -> usize {
    match name {
        "label" | "auto" => LABEL_SIZE,
        "vdev-phys" => VDEV_PHYS_SIZE,
        "bootenv" => VDEV_PHYS_AT - BOOTENV_AT,
        "uberblock" => 8192,
        "gang" => 16_384,
        _ => USUAL_BLOCK,
    }
}

/// Of bytes that nobody has measured, those that belong to the structure: the self-proving ones
/// end where their proof does.
#[must_use]
pub fn trim<'b>(name: &str, bytes: &'b [u8]) -> &'b [u8] {
    let sizes: &[usize] = match name {
        "uberblock" => &SLOT_SIZES,
        "gang" => &[512, 1024, 2048, 4096, 8192, 16_384],
        "label" => return bytes.get(..LABEL_SIZE).unwrap_or(bytes),
        _ => return bytes,
    };
    let proven = sizes.iter().find_map(|size| bytes.get(..*size).filter(|b| ends_in_proof(b)));
    proven.or_else(|| bytes.get(..*sizes.first()?)).unwrap_or(bytes)
}

/// True if the last 40 bytes are a `zio_eck`, by its magic.
#[must_use]
pub fn ends_in_proof(bytes: &[u8]) -> bool {
    let magic = bytes.len().checked_sub(ECK_SIZE).and_then(|at| bytes.get(at..)?.first_chunk());
    magic.is_some_and(|b| u64::from_le_bytes(*b) == ECK_MAGIC || u64::from_be_bytes(*b) == ECK_MAGIC)
}
