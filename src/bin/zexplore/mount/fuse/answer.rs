//! How answers are worded for the kernel.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{Errno, FileAttr, INodeNo};
use zfsp::error::{Error, Place};
use zfsp::mount::{Number, Stat};
use zfsp_grammar::device::Device;
use zfsp_grammar::mode::FileType;
use zfsp_grammar::znode::Time;

/// How long an answer is right: nothing ever changes.
pub(super) const FOR_EVER: Duration = Duration::from_secs(1 << 30);
/// Largest block that is named: kernels count in powers of two, and the largest would be too much for some programs.
const LARGEST_BLOCK: u64 = 128 << 10;
/// What doors and whiteouts of other systems are shown as.
pub(super) const UNKNOWN: fuser::FileType = fuser::FileType::Socket;
/// The number that stands for no node.
pub(super) const NOTHING: Number = Number(0);
/// Bytes of a sector.
const SECTOR: u64 = 512;

/// The number of an error.
pub(super) fn errno(error: &Error) -> Errno {
    match error {
        Error::Locked { .. } => Errno::EACCES,
        // a device that is not there is another matter
        Error::Io { place, source }
            if *place == Place::default() && source.kind() == std::io::ErrorKind::NotFound =>
        {
            Errno::ENOENT
        }
        Error::Io { .. } | Error::Corrupt { .. } | Error::Unsupported { .. } => Errno::EIO,
    }
}

/// What `stat` shows.
pub(super) fn attributes(stat: &Stat) -> FileAttr {
    FileAttr {
        ino: INodeNo(stat.number.0),
        size: stat.size,
        blocks: stat.blocks,
        atime: time(stat.atime),
        mtime: time(stat.mtime),
        ctime: time(stat.ctime),
        crtime: time(stat.crtime),
        kind: file_type(stat.kind).unwrap_or(UNKNOWN),
        perm: stat.permissions,
        nlink: u32::try_from(stat.links).unwrap_or(u32::MAX),
        uid: stat.uid,
        gid: stat.gid,
        rdev: stat.rdev.map_or(0, device),
        blksize: u32::try_from(stat.block_size.clamp(SECTOR, LARGEST_BLOCK)).unwrap_or_default(),
        flags: 0,
    }
}

/// The same of what is known only by the entry that leads to it.
pub(super) fn unread(number: Number, kind: FileType) -> FileAttr {
    FileAttr {
        ino: INodeNo(number.0),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: file_type(kind).unwrap_or(UNKNOWN),
        perm: 0,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 512,
        flags: 0,
    }
}

/// The type as FUSE has it, if it does.
pub(super) fn file_type(kind: FileType) -> Option<fuser::FileType> {
    Some(match kind {
        FileType::REGULAR => fuser::FileType::RegularFile,
        FileType::DIRECTORY => fuser::FileType::Directory,
        FileType::SYMLINK => fuser::FileType::Symlink,
        FileType::FIFO => fuser::FileType::NamedPipe,
        FileType::SOCKET => fuser::FileType::Socket,
        FileType::CHAR => fuser::FileType::CharDevice,
        FileType::BLOCK => fuser::FileType::BlockDevice,
        _ => return None,
    })
}

/// What no clock here can show is the start of all time.
fn time(time: Time) -> SystemTime {
    let seconds = time.sec.0.cast_signed();
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let at = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    at.and_then(|at| at.checked_add(Duration::from_nanos(time.nsec))).unwrap_or(UNIX_EPOCH)
}

/// Twelve bits of major, twenty of minor, as Linux packs them.
fn device(device: Device) -> u32 {
    let (major, minor) = device.likely();
    let packed = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xf_ff00) << 12);
    u32::try_from(packed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use zfsp_grammar::quantity::Timestamp;

    #[test]
    fn times_before_1970_and_beyond_all_clocks() {
        let of = |sec: i64, nsec| time(Time { sec: Timestamp(sec.cast_unsigned()), nsec });
        assert_eq!(of(-2, 500_000_000), UNIX_EPOCH - Duration::from_millis(1500));
        assert_eq!(of(1 << 33, 1), UNIX_EPOCH + Duration::new(1 << 33, 1));
        for (sec, nsec) in [(i64::MIN, 0), (i64::MAX, u64::MAX), (0, u64::MAX)] {
            let _ = of(sec, nsec);
        }
    }

    #[test]
    fn devices_are_packed_as_linux_does() {
        assert_eq!(device(Device(1 << 20 | 3)), 0x103);
        assert_eq!(device(Device(0xfff << 20 | 0xf_ffff)), 0xffff_ffff);
        assert_eq!(device(Device(259 << 20 | 70_000)), 0x1111_0370);
    }
}
