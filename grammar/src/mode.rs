//! The mode of a file: what it is, and who may do what.
//!
//! The low 16 bits are those of every Unix. Handbook: [`docs/format/12-zpl.md`], 12.3.
//!
//! ```
//! use zfsp_grammar::mode::Mode;
//!
//! assert_eq!(Mode(0xa1ff).to_string(), "lrwxrwxrwx");
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::string::String;
use core::fmt;

use crate::quantity::Reserved;
use crate::spec::{Describe, FromBits};
use crate::tree::Value;

symbols! {
    /// What a file is: the top four bits of its mode, and of a directory entry's value.
    ///
    /// Chapter 12, 12.3.
    pub struct FileType(u8) {
        /// directory entries of ZPL version 1 do not say it
        NONE = 0 "unknown",
        FIFO = 1 "fifo",
        CHAR = 2 "char device",
        DIRECTORY = 4 "directory",
        BLOCK = 6 "block device",
        REGULAR = 8 "file",
        SYMLINK = 10 "symlink",
        SOCKET = 12 "socket",
        /// Solaris
        DOOR = 13 "door",
        /// BSD; on Solaris an event port
        WHITEOUT = 14 "whiteout",
    }
}

impl FileType {
    /// As `ls -l` shows it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::FIFO => 'p',
            Self::CHAR => 'c',
            Self::DIRECTORY => 'd',
            Self::BLOCK => 'b',
            Self::REGULAR => '-',
            Self::SYMLINK => 'l',
            Self::SOCKET => 's',
            Self::DOOR => 'D',
            Self::WHITEOUT => 'w',
            _ => '?',
        }
    }
    /// True for what has a device number.
    #[must_use]
    pub fn is_device(self) -> bool {
        matches!(self, Self::CHAR | Self::BLOCK)
    }
}

/// Read, write and execute for owner, group and others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permissions(pub u16);

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, letter) in (0u32..9).zip("rwxrwxrwx".chars()) {
            let set = self.0 & 0x100u16.unbounded_shr(n) != 0;
            write!(f, "{}", if set { letter } else { '-' })?;
        }
        Ok(())
    }
}

impl Describe for Permissions {
    fn value(&self) -> Value {
        Value::says(self)
    }
}

impl FromBits for Permissions {
    fn from_bits(bits: u64) -> Self {
        Permissions(u16::from_bits(bits))
    }
}

bits! {
    /// `mode`: type and permissions.
    ///
    /// Chapter 12, 12.3.
    pub struct Mode(u64) {
        /// of owner, group and others
        0..9   permissions: Permissions,
        /// in a directory: only owners may remove
        9..10  sticky: bool,
        10..11 setgid: bool,
        11..12 setuid: bool,
        12..16 kind: FileType,
        16..64 reserved: Reserved,
    }
}

impl fmt::Display for Mode {
    /// As `ls -l` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters: String = alloc::format!("{}{}", self.kind().letter(), self.permissions());
        for (set, at, special) in [(self.setuid(), 3, 's'), (self.setgid(), 6, 's'), (self.sticky(), 9, 't')]
        {
            if set {
                let with = |(n, c)| match c {
                    'x' if n == at => special,
                    _ if n == at => special.to_ascii_uppercase(),
                    c => c,
                };
                letters = letters.chars().enumerate().map(with).collect();
            }
        }
        f.write_str(&letters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn as_ls_shows_it() {
        for (mode, letters) in [
            (0o100_644, "-rw-r--r--"),
            (0o041_777, "drwxrwxrwt"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0xa1ff, "lrwxrwxrwx"),
        ] {
            assert_eq!(Mode(mode).to_string(), letters);
        }
    }
}
