//! What is to be kept of a file beside its content, and what only the sidecar can hold.

use zfsp::fs::xattr::Xattr;
use zfsp::fs::{Attributes, Inode};
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::spec::{Describe, Parts};
use zfsp_grammar::znode::{Time, ZnodeFlags};

use super::items::What;
use super::note::Note;

/// What is to be kept of a file beside its content.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// The lower twelve bits of the mode.
    pub(super) permissions: u32,
    pub(super) owner: (u32, u32),
    /// Last access, last change; nothing is known of volumes.
    pub(super) times: Option<(Time, Time)>,
    /// Major and minor.
    pub(super) device: (u64, u64),
    /// With their names as Linux shows them.
    pub(super) xattrs: Vec<Xattr>,
    /// What cannot be kept.
    pub(super) notes: Vec<Note>,
}

/// Who owns what belongs to someone whom the host cannot name.
const NOBODY: u32 = 65_534;
const SETUID_AND_SETGID: u32 = 0o6000;
/// What a volume becomes is for its owner.
const OF_VOLUMES: u32 = 0o600;
/// Of a directory of which nothing is known.
const OF_LOST: u32 = 0o700;

impl Facts {
    /// `keeps_owners`: otherwise who extracts owns it, and must not lend his rights to others by setuid bits or
    /// capabilities.
    pub(super) fn of(what: &What, path: &[u8], keeps_owners: bool) -> Self {
        match what {
            What::Inode(inode) => Self::of_inode(inode, path, keeps_owners),
            What::Volume(_) => Self { permissions: OF_VOLUMES, ..Self::default() },
            What::Lost(_) => Self { permissions: OF_LOST, ..Self::default() },
        }
    }

    fn of_inode(inode: &Inode, path: &[u8], keeps_owners: bool) -> Self {
        let attributes = &inode.attributes;
        let Attributes { uid, gid, atime, mtime, flags, projid, rdev, .. } = attributes;
        let mut notes: Vec<Note> =
            attributes.losses.iter().map(|loss| Note::lost(path, "attributes", loss)).collect();
        let mut permissions = u32::try_from(attributes.mode.0 & 0o7777).unwrap_or_default();
        let known = (id(*uid), id(*gid));
        if known.0.is_none() || known.1.is_none() {
            notes.push(Note::only_here(path, "owner", vec![uid.to_string(), gid.to_string()]));
        }
        let is_kept = keeps_owners && known.0.is_some() && known.1.is_some();
        if permissions & SETUID_AND_SETGID != 0 && !is_kept && !inode.is_directory() {
            notes.push(Note::only_here(path, "mode", vec![format!("{permissions:04o}")]));
            permissions &= !SETUID_AND_SETGID;
        }
        let mut xattrs = inode.xattrs();
        if !is_kept {
            let trusted = xattrs.all.extract_if(.., |xattr| is_trusted(&xattr.name()));
            notes.extend(trusted.map(|xattr| Note::not_set(path, &xattr.name(), &xattr.value)));
        }
        notes.extend(xattrs.losses.iter().map(|loss| Note::lost(path, "xattr", loss)));
        if !flags.acl_trivial() {
            match inode.acl() {
                Ok(entries) if entries.is_empty() => {}
                Ok(entries) => {
                    let entries = entries.iter().map(ToString::to_string).collect();
                    notes.push(Note::only_here(path, "acl", entries));
                }
                Err(loss) => notes.push(Note::lost(path, "acl", loss)),
            }
        }
        let flags = special(*flags);
        if !flags.is_empty() {
            notes.push(Note::only_here(path, "flags", flags));
        }
        if let Some(projid) = projid.filter(|projid| *projid != 0) {
            notes.push(Note::only_here(path, "projid", vec![projid.to_string()]));
        }
        Self {
            permissions,
            owner: (known.0.unwrap_or(NOBODY), known.1.unwrap_or(NOBODY)),
            times: Some((*atime, *mtime)),
            device: rdev.map(|device| device.likely()).unwrap_or_default(),
            xattrs: xattrs.all,
            notes,
        }
    }
}

/// Where a symbolic link leads; a note if that is lost.
pub(super) fn target(inode: &Inode, path: &[u8]) -> Result<Vec<u8>, Note> {
    match inode.target() {
        Ok(target) if target.is_empty() => Err(Note::lost(path, "target", "there is none")),
        Ok(target) => Ok(target),
        Err(loss) => Err(Note::lost(path, "target", loss)),
    }
}

/// The id that a host can have: no identity of a domain, and not the one that means none.
fn id(fuid: Fuid) -> Option<u32> {
    u32::try_from(fuid.0).ok().filter(|id| *id != u32::MAX)
}

/// True for attributes that the kernel believes, as it believes setuid bits: capabilities, labels.
fn is_trusted(name: &[u8]) -> bool {
    name.starts_with(b"security.") || name.starts_with(b"trusted.")
}

/// The flags that a user has set.
fn special(flags: ZnodeFlags) -> Vec<String> {
    // from here on they are the user's
    const FIRST: u32 = 32;
    // nearly every file is new to backups and virus scanners; the last one says where the project is
    const COMMON: [&str; 4] = ["archive", "av_modified", "projid", "reserved2"];
    let Parts::Bits(_, _, bits) = ZnodeFlags::parts() else { return Vec::new() };
    let is_set = |lo: u32| flags.0.unbounded_shr(lo) & 1 != 0;
    let set = bits.iter().filter(|bit| bit.lo >= FIRST && !COMMON.contains(&bit.name) && is_set(bit.lo));
    set.map(|bit| bit.name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_users_have_names() {
        let all = ZnodeFlags(0x8408_0000_0004 | 1 << 36 | 1 << 39);
        assert_eq!(special(all), ["immutable", "nodump"]);
    }

    #[test]
    fn the_kernel_believes_what_only_root_sets() {
        for name in ["security.capability", "security.selinux", "trusted.overlay.opaque"] {
            assert!(is_trusted(name.as_bytes()), "{name}");
        }
        for name in ["user.security.capability", "user.trusted.x", "system.posix_acl_access", "security", ""]
        {
            assert!(!is_trusted(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn who_cannot_be_named_is_nobody() {
        assert_eq!(id(Fuid(0xffff_fffe)), Some(0xffff_fffe));
        assert_eq!(id(Fuid(0xffff_ffff)), None);
        assert_eq!(id(Fuid(0x1_0000_0000)), None);
    }
}
