//! Flags of inodes as Linux shows them.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.5.

use zfsp_grammar::znode::ZnodeFlags;

/// Flags of an inode in the two forms that Linux has for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinuxFlags {
    /// What `FS_IOC_FSGETXATTR` shows.
    pub xflags: u32,
    /// What `FS_IOC_GETFLAGS` and `lsattr` show.
    pub fsflags: u32,
}

impl From<ZnodeFlags> for LinuxFlags {
    fn from(flags: ZnodeFlags) -> Self {
        let all = [
            (flags.immutable(), 0x8, 0x10),
            (flags.appendonly(), 0x10, 0x20),
            (flags.nodump(), 0x80, 0x40),
            (flags.projinherit(), 0x200, 0x2000_0000),
        ];
        let is_set = all.into_iter().filter(|(is_set, ..)| *is_set);
        is_set.fold(Self::default(), |Self { xflags, fsflags }, (_, xflag, fsflag)| Self {
            xflags: xflags | xflag,
            fsflags: fsflags | fsflag,
        })
    }
}
