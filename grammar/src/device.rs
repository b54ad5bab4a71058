//! Device numbers, in the word that the writer's kernel made of major and minor.
//!
//!
//! ```
//! use zfsp_grammar::device::Device;
//!
//! assert_eq!(Device(0x12c1_1170).likely(), (300, 70_000)); // written by Linux
//! assert_eq!(Device(0x1_0000_0003).likely(), (1, 3)); // by illumos or FreeBSD
//! ```
//! Nothing says which kernel: Linux has 20 bits of minor, illumos and FreeBSD 32. Handbook:
//! [`docs/format/12-zpl.md`], 12.8.
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::format;
use core::fmt;

use crate::input::{Input, Parse, Parsed};
use crate::spec::Describe;
use crate::tree::Value;

/// `rdev`: which device a special file stands for.
///
/// Chapter 12, 12.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Device(pub u64);

impl Device {
    /// Major and minor, if Linux wrote it.
    #[must_use]
    pub fn linux(self) -> (u64, u64) {
        (self.0 >> 20, self.0 & 0xf_ffff)
    }
    /// Major and minor, if illumos or FreeBSD wrote it.
    #[must_use]
    pub fn wide(self) -> (u64, u64) {
        (self.0 >> 32, self.0 & 0xffff_ffff)
    }
    /// The likely one: Linux does not reach 2^32.
    #[must_use]
    pub fn likely(self) -> (u64, u64) {
        if self.0 >> 32 == 0 { self.linux() } else { self.wide() }
    }
}

impl fmt::Display for Device {
    /// `major:minor`, the likely ones.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.likely();
        write!(f, "{major}:{minor}")
    }
}

impl Describe for Device {
    const SIZE: Option<usize> = Some(8);
    fn value(&self) -> Value {
        let ((a, b), (c, d)) = (self.linux(), self.wide());
        Value::says(match self.0 {
            0 => "none".into(),
            n if n >> 32 == 0 => format!("{a}:{b} (illumos, FreeBSD: {c}:{d})"),
            _ => format!("{c}:{d} (Linux: {a}:{b})"),
        })
    }
}

impl<'a> Parse<'a> for Device {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        u64::parse(i).map(|(i, n)| (i, Device(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_ones() {
        assert_eq!(Device(0x10_0003).likely(), (1, 3));
        assert_eq!(Device(0x12c1_1170).likely(), (300, 70_000));
        assert_eq!(Device(0x1_0000_0003).likely(), (1, 3));
    }
}
