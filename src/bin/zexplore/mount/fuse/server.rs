//! What the kernel asks, and the tree answers. Nothing is decided here but how an answer is worded.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry,
    ReplyIoctl, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};
use zfsp::block::Cache;
use zfsp::dataset::Space;
use zfsp::error::Error;
use zfsp::file::{Reader, Sought};
use zfsp::fs::xattr::{Xattr, Xattrs};
use zfsp::fs::{Inode, LinuxFlags};
use zfsp::mount::{Listing, Node, Number, Tree};
use zfsp_grammar::mode::FileType;

use super::answer::{FOR_EVER, attributes, errno, file_type, unread};
use super::handles::Handles;
use super::log::Log;

/// A tree that is served.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) tree: Arc<Tree<'static>>,
    /// Blocks of files and volumes.
    pub(super) cache: Arc<Cache>,
    pub(super) space: Space,
    /// Bytes of the longest name.
    pub(super) longest_name: u32,
    /// The kernel reads further ahead than it usually does.
    pub(super) kernel_asks_ahead: Arc<AtomicBool>,
    /// The kernel checks permissions, those of ACLs too.
    pub(super) checks_permissions: bool,
    pub(super) log: Arc<Log>,
    pub(super) files: Handles<Reader>,
    pub(super) directories: Handles<Directory>,
}

/// A directory that is being read: by the numbers of its nodes, which lie side by side.
#[derive(Debug)]
pub(super) struct Directory {
    number: Number,
    listing: Listing,
}

/// The number that the kernel has for the root.
const ROOT: u64 = 1;
/// Requests that the kernel may have under way for what nobody waits for yet.
const MOST_AHEAD: u16 = 64;
/// An attribute for the time of creation, which no listing shows: FUSE has no other way to it.
const CRTIME: &[u8] = b"system.zfs_crtime";
const FS_IOC_GETFLAGS: u32 = 0x8008_6601;
const FS_IOC32_GETFLAGS: u32 = 0x8004_6601;
const FS_IOC_FSGETXATTR: u32 = 0x801c_581f;
/// What `lseek` is asked for.
#[cfg(not(target_os = "macos"))]
const SOUGHT: [(i32, Sought); 2] = [(3, Sought::Data), (4, Sought::Hole)];
#[cfg(target_os = "macos")]
const SOUGHT: [(i32, Sought); 2] = [(3, Sought::Hole), (4, Sought::Data)];
/// Units of the space that is told.
const UNIT: u64 = 512;
const UNIT_SIZE: u32 = 512;
/// Bytes that are best read at once.
const AT_ONCE: u32 = 128 << 10;

type Answer<T> = Result<T, Errno>;

impl Server {
    fn number(&self, ino: INodeNo) -> Number {
        if ino.0 == ROOT { self.tree.root() } else { Number(ino.0) }
    }

    /// What failed is told, unless it is only that there is no such thing.
    fn failed(&self, number: Number, error: &Error) -> Errno {
        let errno = errno(error);
        if errno.code() != Errno::ENOENT.code() {
            self.log.lose(&self.tree, number, error);
        }
        errno
    }

    fn node(&self, ino: INodeNo) -> Answer<Node> {
        let number = self.number(ino);
        self.tree.node(number).map_err(|error| self.failed(number, &error))
    }

    fn inode(&self, ino: INodeNo) -> Answer<Option<Box<Inode>>> {
        Ok(match self.node(ino)? {
            Node::Inode(inode) => Some(inode),
            Node::Made(_) | Node::Volume(_) => None,
        })
    }

    fn attributes(&self, number: Number) -> Answer<fuser::FileAttr> {
        let stat = self.tree.stat(number).map_err(|error| self.failed(number, &error))?;
        Ok(attributes(&stat))
    }

    fn reader(&self, ino: INodeNo) -> Answer<Arc<Reader>> {
        let file = match self.node(ino)? {
            Node::Inode(inode) if inode.kind() == FileType::REGULAR => inode.open(),
            Node::Volume(volume) if volume.is_locked() => {
                let number = self.number(ino);
                let dataset = self.tree.dataset_of(number).map_err(|error| errno(&error))?;
                return Err(self.failed(number, &self.tree.names().locked(dataset)));
            }
            Node::Volume(volume) => volume.data(),
            Node::Inode(_) => return Err(Errno::EINVAL),
            Node::Made(_) => return Err(Errno::EISDIR),
        };
        Ok(Reader::new(file, self.cache.clone(), !self.kernel_asks_ahead.load(Ordering::Relaxed)))
    }

    /// What is lost of them is told.
    fn xattrs(&self, ino: INodeNo) -> Answer<Xattrs> {
        let xattrs = self.inode(ino)?.map(|inode| inode.xattrs()).unwrap_or_default();
        for loss in &xattrs.losses {
            self.log.lose(&self.tree, self.number(ino), &loss.clone().into());
        }
        Ok(xattrs)
    }

    fn xattr(&self, ino: INodeNo, name: &[u8]) -> Answer<Vec<u8>> {
        if name == CRTIME {
            let number = self.number(ino);
            let stat = self.tree.stat(number).map_err(|error| self.failed(number, &error))?;
            let crtime = stat.crtime;
            return Ok(format!("{}.{:09}", crtime.sec.0.cast_signed(), crtime.nsec).into_bytes());
        }
        let Xattrs { all, losses } = self.xattrs(ino)?;
        let found = all.into_iter().find(|xattr| xattr.name() == name);
        // it may be what is lost
        let missing = || if losses.is_empty() { Errno::NO_XATTR } else { Errno::EIO };
        found.map(|xattr| xattr.value).ok_or_else(missing)
    }

    fn open_directory(&self, ino: INodeNo) -> Answer<Directory> {
        let number = self.number(ino);
        let mut listing = self.tree.list(number).map_err(|error| self.failed(number, &error))?;
        listing.entries.sort_by_key(|entry| entry.number);
        for loss in &listing.losses {
            self.log.lose(&self.tree, number, loss);
        }
        Ok(Directory { number, listing })
    }

    /// The flags of an inode, as the kernel's structure for them.
    fn flags(&self, ino: INodeNo, command: u32) -> Answer<Vec<u8>> {
        let kinds = [FileType::REGULAR, FileType::DIRECTORY];
        let inode = self.inode(ino)?.filter(|inode| kinds.contains(&inode.kind())).ok_or(Errno::ENOTTY)?;
        let LinuxFlags { xflags, fsflags } = inode.attributes.flags.into();
        let project = u32::try_from(inode.attributes.projid.unwrap_or_default()).unwrap_or(u32::MAX);
        Ok(match command {
            FS_IOC_GETFLAGS | FS_IOC32_GETFLAGS => fsflags.to_ne_bytes().to_vec(),
            FS_IOC_FSGETXATTR => {
                // flags, hints of sizes that ZFS does not have, project; the rest is padding
                [xflags, 0, 0, project, 0, 0, 0].into_iter().flat_map(u32::to_ne_bytes).collect()
            }
            _ => return Err(Errno::ENOTTY),
        })
    }
}

impl Directory {
    /// What comes from place `offset` on: number of the entry, place behind it, its kind, its name.
    fn from(&self, offset: u64) -> impl Iterator<Item = (Number, u64, FileType, &[u8])> {
        let dots = [&b"."[..], b".."].map(|name| (self.number, FileType::DIRECTORY, name));
        let entries = self.listing.entries.iter();
        let entries = entries.map(|entry| (entry.number, entry.kind, entry.name.as_slice()));
        let all = dots.into_iter().chain(entries).zip(1u64..);
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        all.skip(skipped).map(|((number, kind, name), behind)| (number, behind, kind, name))
    }

    /// Why there may be other entries: told when all that are left were given.
    fn end(&self, offset: u64) -> Option<Errno> {
        let all = u64::try_from(self.listing.entries.len()).unwrap_or(u64::MAX).saturating_add(2);
        self.listing.losses.first().map(errno).filter(|_| offset >= all)
    }
}

impl Filesystem for Server {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let mut wanted = vec![
            InitFlags::FUSE_ASYNC_READ,
            InitFlags::FUSE_ASYNC_DIO,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_READDIRPLUS_AUTO,
        ];
        #[cfg(target_os = "linux")]
        wanted.extend([InitFlags::FUSE_CACHE_SYMLINKS, InitFlags::FUSE_HAS_IOCTL_DIR]);
        #[cfg(target_os = "linux")]
        if self.checks_permissions {
            wanted.push(InitFlags::FUSE_POSIX_ACL);
        }
        for flag in wanted {
            // what an older kernel does not have is done without
            let _ = config.add_capabilities(flag);
        }
        let _ = config.set_max_background(MOST_AHEAD);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let parent = self.number(parent);
        let found = self.tree.lookup(parent, name.as_bytes());
        match found.map_err(|error| self.failed(parent, &error)).and_then(|found| {
            let stat = self.tree.stat(found).map_err(|error| self.failed(found, &error))?;
            Ok((attributes(&stat), stat.generation))
        }) {
            Ok((attributes, generation)) => reply.entry(&FOR_EVER, &attributes, Generation(generation)),
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attributes(self.number(ino)) {
            Ok(attributes) => reply.attr(&FOR_EVER, &attributes),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.inode(ino).and_then(|inode| {
            let inode = inode.filter(|inode| inode.kind() == FileType::SYMLINK).ok_or(Errno::EINVAL)?;
            inode.target().map_err(|loss| self.failed(self.number(ino), &loss.into()))
        });
        match target {
            Ok(target) => reply.data(&target),
            Err(errno) => reply.error(errno),
        }
    }

    fn open(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.reader(ino) {
            // nothing ever changes: what the kernel has is right
            Ok(reader) => {
                reply.opened(self.files.add(reader), FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_NOFLUSH)
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(reader) = self.files.get(fh) else { return reply.error(Errno::EBADF) };
        // never a part: the kernel would take zeros for the rest
        match reader.read(offset..offset.saturating_add(size.into())) {
            Ok(bytes) => reply.data(&bytes),
            Err(loss) => reply.error(self.failed(self.number(ino), &loss.into())),
        }
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        self.files.remove(fh);
        reply.ok();
    }

    fn lseek(&self, _: &Request, _: INodeNo, fh: FileHandle, offset: i64, whence: i32, reply: ReplyLseek) {
        let Some(reader) = self.files.get(fh) else { return reply.error(Errno::EBADF) };
        let Some((_, sought)) = SOUGHT.iter().find(|(known, _)| *known == whence) else {
            return reply.error(Errno::EINVAL);
        };
        let from = u64::try_from(offset).ok();
        let found = from.and_then(|from| reader.file().seek_to(*sought, from));
        match found.and_then(|found| i64::try_from(found).ok()) {
            Some(found) => reply.offset(found),
            None => reply.error(Errno::ENXIO),
        }
    }

    fn opendir(&self, _: &Request, ino: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.open_directory(ino) {
            Ok(directory) => {
                let flags = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
                reply.opened(self.directories.add(directory.into()), flags);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn readdir(&self, _: &Request, _: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let Some(directory) = self.directories.get(fh) else { return reply.error(Errno::EBADF) };
        if let Some(errno) = directory.end(offset) {
            return reply.error(errno);
        }
        for (number, behind, kind, name) in directory.from(offset) {
            let kind = file_type(kind).unwrap_or(fuser::FileType::RegularFile);
            if reply.add(INodeNo(number.0), behind, kind, OsStr::from_bytes(name)) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _: &Request,
        _: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let Some(directory) = self.directories.get(fh) else { return reply.error(Errno::EBADF) };
        if let Some(errno) = directory.end(offset) {
            return reply.error(errno);
        }
        for (number, behind, kind, name) in directory.from(offset) {
            let (attributes, generation, ttl) = match self.tree.stat(number) {
                Ok(stat) => (attributes(&stat), stat.generation, FOR_EVER),
                // it has a name all the same; whoever wants more asks again, and is told
                Err(_) => (unread(number, kind), 0, std::time::Duration::ZERO),
            };
            let (ino, name) = (INodeNo(number.0), OsStr::from_bytes(name));
            if reply.add(ino, behind, name, &ttl, &attributes, Generation(generation)) {
                break;
            }
        }
        reply.ok();
    }

    fn releasedir(&self, _: &Request, _: INodeNo, fh: FileHandle, _: OpenFlags, reply: ReplyEmpty) {
        self.directories.remove(fh);
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let Space { size, used } = self.space;
        let free = size.saturating_sub(used) / UNIT;
        reply.statfs(size / UNIT, free, free, 0, 0, AT_ONCE, self.longest_name, UNIT_SIZE);
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        answer_xattr(self.xattr(ino, name.as_bytes()), size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = self.xattrs(ino).map(|xattrs| {
            let names = xattrs.all.iter().map(Xattr::name).filter(|name| !name.contains(&0));
            names.flat_map(|name| name.into_iter().chain([0])).collect()
        });
        answer_xattr(names, size, reply);
    }

    fn ioctl(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        _: IoctlFlags,
        command: u32,
        _: &[u8],
        _: u32,
        reply: ReplyIoctl,
    ) {
        match self.flags(ino, command) {
            Ok(flags) => reply.ioctl(0, &flags),
            Err(errno) => reply.error(errno),
        }
    }
}

/// The bytes, or how many there are, as it was asked for.
fn answer_xattr(found: Answer<Vec<u8>>, size: u32, reply: ReplyXattr) {
    match found {
        Err(errno) => reply.error(errno),
        Ok(bytes) => match u32::try_from(bytes.len()) {
            Ok(len) if size == 0 => reply.size(len),
            Ok(len) if len <= size => reply.data(&bytes),
            _ => reply.error(Errno::ERANGE),
        },
    }
}
