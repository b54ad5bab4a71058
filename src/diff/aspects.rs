//! What is different about a file that is in both states.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.2 to 12.10.

use std::ops::Range;

use zfsp_grammar::mode::FileType;

use super::change::{Aspect, Lost, Side};
use super::{Options, content};
use crate::fs::acl::{self, Acl};
use crate::fs::xattr::Xattr;
use crate::fs::{Attributes, Inode};

/// What was found to be different.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences {
    pub(super) aspects: Vec<Aspect>,
    pub(super) ranges: Vec<Range<u64>>,
    pub(super) losses: Vec<Lost>,
}

/// Flags that users set or see; the others say how the file is kept, or that it was written to.
const FLAGS: u64 = 0x79_ff << 32;

impl Differences {
    /// Between two states of the same file. Entries of directories are not looked at, nor are extended attributes
    /// that are files: they have objects of their own.
    pub(super) fn of(a: &Inode, b: &Inode, options: Options) -> Self {
        let mut found = Self::default();
        found.attributes(&a.attributes, &b.attributes);
        found.acl(a, b);
        found.body(a, b, options);
        if a.attributes.dxattr != b.attributes.dxattr || a.attributes.xattr != b.attributes.xattr {
            found.xattrs(a, b);
        }
        found.aspects.sort_unstable();
        found.aspects.dedup();
        found
    }

    fn attributes(&mut self, a: &Attributes, b: &Attributes) {
        let project = |attributes: &Attributes| attributes.projid.unwrap_or_default();
        let all = [
            (Aspect::Mode, a.mode == b.mode),
            (Aspect::Owner, (a.uid, a.gid) == (b.uid, b.gid)),
            (Aspect::Size, a.size == b.size),
            (Aspect::Links, a.links == b.links),
            (Aspect::Flags, a.flags.0 & FLAGS == b.flags.0 & FLAGS),
            (Aspect::Project, project(a) == project(b)),
            (Aspect::Device, a.rdev == b.rdev),
            (Aspect::Atime, a.atime == b.atime),
            (Aspect::Mtime, a.mtime == b.mtime),
            (Aspect::Ctime, a.ctime == b.ctime),
            (Aspect::Crtime, a.crtime == b.crtime),
        ];
        self.aspects.extend(all.into_iter().filter(|(_, is_same)| !is_same).map(|(aspect, _)| aspect));
        for (side, attributes) in [(Side::A, a), (Side::B, b)] {
            self.losses.extend(attributes.losses.iter().map(|loss| side.lost(loss.clone())));
        }
    }

    fn acl(&mut self, a: &Inode, b: &Inode) {
        // one that says what the mode says is no ACL
        let is_trivial = |inode: &Inode| inode.attributes.flags.acl_trivial();
        if is_trivial(a) && is_trivial(b) {
            return;
        }
        let mut entries = |side: Side, inode: &Inode| -> Option<Vec<acl::Entry>> {
            match (&inode.attributes.acl, inode.acl()) {
                (Acl::Here(all), _) => Some(all.clone()),
                (Acl::There { .. }, Ok(all)) => Some(all),
                (Acl::There { .. }, Err(loss)) => {
                    self.losses.push(side.lost(loss));
                    None
                }
            }
        };
        let (all_a, all_b) = (entries(Side::A, a), entries(Side::B, b));
        if all_a.zip(all_b).is_some_and(|(a, b)| a != b) {
            self.aspects.push(Aspect::Acl);
        }
    }

    /// Content and target.
    fn body(&mut self, a: &Inode, b: &Inode, options: Options) {
        match (a.kind(), b.kind()) {
            (FileType::REGULAR, FileType::REGULAR) => {
                let (Some(object_a), Some(object_b)) = (a.object(), b.object()) else { return };
                let (size_a, size_b) = (a.attributes.size, b.attributes.size);
                let found = content::compare((object_a, size_a), (object_b, size_b), options.ranges);
                if !found.all.is_empty() {
                    self.aspects.push(Aspect::Content);
                }
                self.losses.extend(found.losses);
                if options.ranges {
                    self.ranges = found.all;
                }
            }
            (FileType::SYMLINK, FileType::SYMLINK) => match (a.target(), b.target()) {
                (Ok(a), Ok(b)) if a == b => {}
                (Ok(_), Ok(_)) => self.aspects.push(Aspect::Target),
                (a, b) => {
                    self.losses.extend(a.err().map(|loss| Side::A.lost(loss)));
                    self.losses.extend(b.err().map(|loss| Side::B.lost(loss)));
                }
            },
            _ => {}
        }
    }

    /// Adds what else was found.
    pub(super) fn join(&mut self, other: Self) {
        self.aspects.extend(other.aspects);
        self.aspects.sort_unstable();
        self.aspects.dedup();
        self.losses.extend(other.losses);
    }

    /// True if nothing is different, nor lost.
    pub(super) fn is_empty(&self) -> bool {
        self.aspects.is_empty() && self.losses.is_empty()
    }

    /// Compares all extended attributes.
    pub(super) fn xattrs(&mut self, a: &Inode, b: &Inode) {
        let (a, b) = (a.xattrs(), b.xattrs());
        let is_lost = !a.losses.is_empty() || !b.losses.is_empty();
        self.losses.extend(a.losses.into_iter().map(|loss| Side::A.lost(loss)));
        self.losses.extend(b.losses.into_iter().map(|loss| Side::B.lost(loss)));
        if is_lost {
            return;
        }
        let is_acl = |xattr: &&Xattr| xattr.stored.starts_with(b"system.posix_acl_");
        let differ = |wanted: bool| {
            let pick = |all: &[Xattr]| -> Vec<(Vec<u8>, Vec<u8>)> {
                let all = all.iter().filter(|xattr| is_acl(xattr) == wanted);
                all.map(|xattr| (xattr.stored.clone(), xattr.value.clone())).collect()
            };
            pick(&a.all) != pick(&b.all)
        };
        for (aspect, wanted) in [(Aspect::Xattrs, false), (Aspect::Acl, true)] {
            if differ(wanted) && !self.aspects.contains(&aspect) {
                self.aspects.push(aspect);
            }
        }
        self.aspects.sort_unstable();
    }
}
