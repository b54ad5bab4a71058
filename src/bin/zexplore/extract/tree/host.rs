//! The host's file system: the one place that writes a tree.
//!
//! All is done relative to open directories, by names without a slash, and no symbolic link is ever followed: what is
//! written stays below the directory that the user has named, whoever else writes there.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use zfsp_grammar::mode::FileType as Kind;
use zfsp_grammar::znode::Time;

use super::super::facts::Facts;
use super::super::note::Note;
use crate::common::output::EVIDENCE;

/// A directory of the host that is open.
#[derive(Debug)]
pub(super) struct Dir(OwnedFd);

/// What a file is known by as long as it exists.
pub(super) type Identity = (u64, u64);

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// While something is being made, it is for nobody else.
const MINE: Mode = Mode::RWXU;

impl Dir {
    /// A directory that the user has named: links in the path are his.
    pub(super) fn of_user(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::open(path, OPEN, Mode::empty())?))
    }

    /// A directory in this one.
    pub(super) fn open(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(fs::openat(&self.0, name, OPEN | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// The directory above.
    pub(super) fn above(&self) -> io::Result<Self> {
        self.open(b"..")
    }

    /// Makes a directory.
    pub(super) fn make(&self, name: &[u8]) -> io::Result<Self> {
        fs::mkdirat(&self.0, name, MINE)?;
        self.open(name)
    }

    /// Makes a directory where there may be one already, which is made accessible; what else is there goes away.
    pub(super) fn make_over(&self, name: &[u8]) -> io::Result<Self> {
        match fs::mkdirat(&self.0, name, MINE) {
            Err(rustix::io::Errno::EXIST) => {}
            made => {
                made?;
                return self.open(name);
            }
        }
        match self.open(name) {
            Ok(dir) => {
                fs::fchmod(&dir.0, MINE)?;
                Ok(dir)
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.make_accessible(name)?;
                self.open(name)
            }
            Err(_) => {
                self.remove(name)?;
                self.make(name)
            }
        }
    }

    /// Gives the owner back his rights to a directory.
    #[cfg(target_os = "linux")]
    fn make_accessible(&self, name: &[u8]) -> io::Result<()> {
        let found = fs::openat(&self.0, name, OPEN | OFlags::NOFOLLOW | OFlags::PATH, Mode::empty())?;
        Ok(fs::chmodat(fs::CWD, through(&found).as_path(), MINE, AtFlags::empty())?)
    }

    /// Gives the owner back his rights to a directory.
    #[cfg(not(target_os = "linux"))]
    fn make_accessible(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::chmodat(&self.0, name, MINE, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub(super) fn stat(&self, name: &[u8]) -> io::Result<Stat> {
        Ok(fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.stat(name).is_ok()
    }

    /// True if a file of that name has this size and this time of its last change.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the types differ between hosts
    pub(super) fn has_file(&self, name: &[u8], size: u64, mtime: Time) -> bool {
        self.stat(name).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
                && u64::try_from(stat.st_size).ok() == Some(size)
                && i64::try_from(stat.st_mtime).ok() == Some(mtime.sec.0.cast_signed())
                && u64::try_from(stat.st_mtime_nsec).ok() == Some(mtime.nsec)
        })
    }

    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the types differ between hosts
    pub(super) fn identity(&self) -> io::Result<Identity> {
        let stat = fs::fstat(&self.0)?;
        Ok((u64::try_from(stat.st_dev).unwrap_or_default(), u64::try_from(stat.st_ino).unwrap_or_default()))
    }

    /// True if only who runs this can change what is in it.
    pub(super) fn is_mine(&self) -> bool {
        let others = Mode::RWXG | Mode::RWXO;
        fs::fstat(&self.0).is_ok_and(|stat| {
            stat.st_uid == rustix::process::geteuid().as_raw()
                && !Mode::from_raw_mode(stat.st_mode).intersects(others)
        })
    }

    /// The names in it.
    pub(super) fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if ![&b"."[..], b".."].contains(&name.as_slice()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Makes a file that was not there.
    pub(super) fn create(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Opens a file for reading.
    pub(super) fn read(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, Mode::empty())?.into())
    }

    /// Makes a symbolic link.
    pub(super) fn symlink(&self, target: &[u8], name: &[u8]) -> io::Result<()> {
        Ok(fs::symlinkat(target, &self.0, name)?)
    }

    /// Makes what is neither file, directory nor link.
    #[cfg(not(target_vendor = "apple"))]
    pub(super) fn make_special(&self, name: &[u8], kind: Kind, device: (u64, u64)) -> io::Result<()> {
        let kind = match kind {
            Kind::FIFO => FileType::Fifo,
            Kind::SOCKET => FileType::Socket,
            Kind::CHAR => FileType::CharacterDevice,
            Kind::BLOCK => FileType::BlockDevice,
            other => return Err(io::Error::other(format!("a {other}: there is no such thing here"))),
        };
        let number = |n: u64| u32::try_from(n).map_err(|_| io::Error::other(format!("device number {n}")));
        let device = fs::makedev(number(device.0)?, number(device.1)?);
        Ok(fs::mknodat(&self.0, name, kind, Mode::RUSR | Mode::WUSR, device)?)
    }

    /// Makes what is neither file, directory nor link.
    #[cfg(target_vendor = "apple")]
    pub(super) fn make_special(&self, _name: &[u8], kind: Kind, _device: (u64, u64)) -> io::Result<()> {
        Err(io::Error::other(format!("a {kind}: cannot be made here")))
    }

    /// Moves what is called `name` into another directory; what is there goes away.
    #[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the types differ between hosts
    pub(super) fn rename(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        let is_evidence = |stat: fs::Stat| {
            let (dev, ino) = (u64::try_from(stat.st_dev), u64::try_from(stat.st_ino));
            zfsp::device::is_opened(dev.unwrap_or_default(), ino.unwrap_or_default())
        };
        if to.stat(new).is_ok_and(is_evidence) {
            return Err(io::Error::other(EVIDENCE));
        }
        Ok(fs::renameat(&self.0, name, &to.0, new)?)
    }

    /// Moves what is called `name` into another directory, unless something is there.
    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    pub(super) fn rename_new(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        use rustix::io::Errno;
        match fs::renameat_with(&self.0, name, &to.0, new, fs::RenameFlags::NOREPLACE) {
            // file systems that cannot: EINVAL is how they say so
            Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => self.rename_unless(name, to, new),
            renamed => Ok(renamed?),
        }
    }

    /// Moves what is called `name` into another directory, unless something is there.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    pub(super) fn rename_new(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        self.rename_unless(name, to, new)
    }

    /// The same in two steps: what appears between them goes away.
    fn rename_unless(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        if to.has(new) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename(name, to, new)
    }

    /// Gives what is called `name` another name.
    pub(super) fn link(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        Ok(fs::linkat(&self.0, name, &to.0, new, AtFlags::empty())?)
    }

    pub(super) fn remove(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }

    pub(super) fn remove_dir(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// Gives it its owner, attributes, mode and times.
    pub(super) fn dress(&self, facts: &Facts, path: &[u8], keeps_owners: bool) -> Vec<Note> {
        dress(&self.0, facts, path, keeps_owners)
    }

    /// The same for what is in this directory and is no file: a link, a device. Nobody else may write here.
    pub(super) fn dress_special(
        &self,
        name: &[u8],
        kind: Kind,
        facts: &Facts,
        path: &[u8],
        keeps_owners: bool,
    ) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut refused = |what, error: io::Error| notes.push(Note::refused(path, what, error));
        if keeps_owners {
            let (uid, gid) = owner(facts);
            if let Err(error) = fs::chownat(&self.0, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW) {
                refused("owner", error.into());
            }
        }
        for xattr in &facts.xattrs {
            if let Err(error) = set_special_xattr(&self.0, name, &xattr.name(), &xattr.value) {
                refused("xattr", named(&xattr.name(), &error));
            }
        }
        // links have no mode of their own
        if kind != Kind::SYMLINK {
            let mode = Mode::from_raw_mode(raw(facts.permissions));
            if let Err(error) = fs::chmodat(&self.0, name, mode, AtFlags::empty()) {
                refused("mode", error.into());
            }
        }
        if let Some(times) = times(facts)
            && let Err(error) = fs::utimensat(&self.0, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        {
            refused("times", error.into());
        }
        notes
    }
}

/// Gives a file or directory its owner, attributes, mode and times: in this order, for each takes away from those
/// before what the kernel does not trust any more.
pub(super) fn dress(file: impl AsFd, facts: &Facts, path: &[u8], keeps_owners: bool) -> Vec<Note> {
    let file = file.as_fd();
    let mut notes = Vec::new();
    let mut refused = |what, error: io::Error| notes.push(Note::refused(path, what, error));
    if keeps_owners {
        let (uid, gid) = owner(facts);
        if let Err(error) = fs::fchown(file, uid, gid) {
            refused("owner", error.into());
        }
    }
    for xattr in &facts.xattrs {
        if let Err(error) = set_xattr(file, &xattr.name(), &xattr.value) {
            refused("xattr", named(&xattr.name(), &error));
        }
    }
    if let Err(error) = fs::fchmod(file, Mode::from_raw_mode(raw(facts.permissions))) {
        refused("mode", error.into());
    }
    if let Some(times) = times(facts)
        && let Err(error) = fs::futimens(file, &times)
    {
        refused("times", error.into());
    }
    notes
}

/// True for who may give files away.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A name as the host has it.
pub(super) fn name(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

/// The bytes of a name.
pub(super) fn bytes(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

/// Errors after which nothing will go better: no room, no device.
pub(super) fn is_fatal(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let errno = rustix::io::Errno::from_io_error(error);
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
        || errno == Some(rustix::io::Errno::IO)
        || errno == Some(rustix::io::Errno::MFILE)
}

fn owner(facts: &Facts) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(facts.owner.0)), Some(Gid::from_raw(facts.owner.1)))
}

fn times(facts: &Facts) -> Option<Timestamps> {
    let (atime, mtime) = facts.times?;
    let spec = |time: Time| Timespec {
        tv_sec: time.sec.0.cast_signed(),
        tv_nsec: time.nsec.min(999_999_999).try_into().unwrap_or_default(),
    };
    Some(Timestamps { last_access: spec(atime), last_modification: spec(mtime) })
}

#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions)] // the types differ between hosts
fn raw(permissions: u32) -> fs::RawMode {
    fs::RawMode::try_from(permissions).unwrap_or_default()
}

fn named(name: &[u8], error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", zfsp::namespace::escape::escaped(name)))
}

/// The way to what is open, past its name.
#[cfg(target_os = "linux")]
fn through(file: impl AsFd) -> std::path::PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()).into()
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn set_xattr(file: impl AsFd, name: &[u8], value: &[u8]) -> io::Result<()> {
    Ok(fs::fsetxattr(file, name, value, fs::XattrFlags::empty())?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn set_xattr(_file: impl AsFd, _name: &[u8], _value: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn set_special_xattr(dir: &OwnedFd, file: &[u8], name: &[u8], value: &[u8]) -> io::Result<()> {
    let path = through(dir).join(OsStr::from_bytes(file));
    Ok(fs::lsetxattr(path.as_path(), name, value, fs::XattrFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn set_special_xattr(_dir: &OwnedFd, _file: &[u8], _name: &[u8], _value: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
