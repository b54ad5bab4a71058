//! What the kernel asks, and the tree answers. Nothing is decided here but how an answer is worded.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fuser::{
    Errno, FileAttr, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};
use zfsp::block::Cache;
use zfsp::dataset::Space;
use zfsp::error::Error;
use zfsp::file::{Reader, Sought};
use zfsp::fs::{Inode, LinuxFlags};
use zfsp::mount::{Listing, Made, Named, Node, Number, Stat, Tree};
use zfsp_grammar::mode::FileType;

use super::answer::{FOR_EVER, NOTHING, UNKNOWN, attributes, errno, file_type, unread};
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
    /// Told when nothing is served any more.
    pub(super) end: Sender<()>,
    pub(super) files: Handles<Reader>,
    pub(super) directories: Handles<Directory>,
}

/// What is shown of a node.
struct Shown {
    attributes: FileAttr,
    generation: Generation,
    /// How long that is right.
    ttl: Duration,
}

/// A directory that is open: by the numbers of its nodes, which lie side by side.
#[derive(Debug)]
pub(super) struct Directory {
    number: Number,
    listing: OnceLock<Answer<Listing>>,
}

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
/// Bytes of a link that a kernel takes: a path.
const LONGEST_TARGET: usize = 4095;
/// Units of the space that is told.
const UNIT: u64 = 512;
const UNIT_SIZE: u32 = 512;
/// Bytes that are best read at once.
const AT_ONCE: u32 = 128 << 10;

type Answer<T> = Result<T, Errno>;

impl Server {
    fn number(&self, ino: INodeNo) -> Number {
        if ino == INodeNo::ROOT { self.tree.root() } else { Number(ino.0) }
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

    fn shown(&self, number: Number) -> Answer<Shown> {
        let stat = self.tree.stat(number).map_err(|error| self.failed(number, &error))?;
        if file_type(stat.kind).is_none() {
            let what = format!("a {}, which FUSE does not have: it is shown as a socket", stat.kind);
            self.log.lose(&self.tree, number, &Error::unsupported(what));
        }
        Ok(Shown::of(&stat))
    }

    /// What a listing shows of a node. What cannot be read has a name all the same; whoever wants more asks again, and is
    /// told.
    fn listed(&self, number: Number, kind: FileType) -> Shown {
        match self.tree.stat(number) {
            Ok(stat) if number != self.tree.root() => Shown::of(&stat),
            Ok(_) | Err(_) => {
                Shown { attributes: unread(number, kind), generation: Generation(0), ttl: Duration::ZERO }
            }
        }
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

    fn xattr(&self, ino: INodeNo, name: &[u8]) -> Answer<Vec<u8>> {
        let number = self.number(ino);
        if name == CRTIME {
            let stat = self.tree.stat(number).map_err(|error| self.failed(number, &error))?;
            let crtime = stat.crtime;
            return Ok(format!("{}.{:09}", crtime.sec.0.cast_signed(), crtime.nsec).into_bytes());
        }
        let found = self.inode(ino)?.map(|inode| inode.xattr(name)).transpose();
        let found = found.map_err(|loss| self.failed(number, &loss.into()))?;
        found.flatten().ok_or(Errno::NO_XATTR)
    }

    /// The names of extended attributes, each with a zero behind it. What is lost of them is told.
    fn xattr_names(&self, ino: INodeNo) -> Answer<Vec<u8>> {
        let Some(inode) = self.inode(ino)? else { return Ok(Vec::new()) };
        let (names, losses) = inode.xattr_names();
        for loss in losses {
            self.failed(self.number(ino), &loss.into());
        }
        let names = names.into_iter().filter(|name| !name.is_empty() && !name.contains(&0));
        Ok(names.flat_map(|name| name.into_iter().chain([0])).collect())
    }

    /// The entries of a directory that is open: read when somebody asks for the first of them.
    fn listing<'d>(&self, directory: &'d Directory) -> Answer<&'d Listing> {
        let number = directory.number;
        let read = || {
            let mut listing = self.tree.list(number).map_err(|error| self.failed(number, &error))?;
            listing.entries.sort_by_key(|entry| entry.number);
            for loss in &listing.losses {
                self.log.lose(&self.tree, number, loss);
            }
            Ok(listing)
        };
        directory.listing.get_or_init(read).as_ref().map_err(|errno| *errno)
    }

    /// What comes from place `offset` on: number of the entry, place behind it, its kind, its name. An error says that
    /// there may be others, when all that are left were given.
    fn entries<'d>(
        &self,
        directory: &'d Directory,
        offset: u64,
    ) -> Answer<impl Iterator<Item = (Number, u64, FileType, &'d [u8])> + use<'d>> {
        let listing = self.listing(directory)?;
        let all = u64::try_from(listing.entries.len()).unwrap_or(u64::MAX).saturating_add(2);
        if let Some(loss) = listing.losses.first().filter(|_| offset >= all) {
            return Err(errno(loss));
        }
        // datasets are searched for the one above: only where that is asked for
        let above = if offset < 2 { self.tree.above(directory.number) } else { directory.number };
        let dots = [(directory.number, &b"."[..]), (above, b"..")];
        let dots = dots.map(|(number, name)| (number, FileType::DIRECTORY, name));
        let entries = listing.entries.iter();
        let entries = entries.map(|entry| (entry.number, entry.kind, entry.name.as_slice()));
        let all = dots.into_iter().chain(entries).zip(1u64..);
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(all.skip(skipped).map(|((number, kind, name), behind)| (number, behind, kind, name)))
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

impl Shown {
    fn of(stat: &Stat) -> Self {
        let is_lost = matches!(stat.number.parts(), Some((_, Named::Made(Made::Root))));
        Self {
            attributes: attributes(stat),
            generation: Generation(stat.generation),
            // what cannot be read now may be readable later
            ttl: if is_lost { Duration::ZERO } else { FOR_EVER },
        }
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

    fn destroy(&mut self) {
        // whoever does not wait for it has gone already
        let _ = self.end.send(());
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let parent = self.number(parent);
        let found = self.tree.lookup(parent, name.as_bytes()).map_err(|error| self.failed(parent, &error));
        match found.and_then(|found| self.shown(found)) {
            // damage may lead back to the root: a circle, which the kernel has to know as one
            Ok(shown) if shown.attributes.ino.0 == self.tree.root().0 => reply.error(Errno::ELOOP),
            Ok(shown) => reply.entry(&shown.ttl, &shown.attributes, shown.generation),
            // that there is no such name is for ever, too
            Err(errno) if errno.code() == Errno::ENOENT.code() => {
                reply.entry(&FOR_EVER, &unread(NOTHING, FileType::REGULAR), Generation(0));
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.shown(self.number(ino)) {
            Ok(shown) => reply.attr(&shown.ttl, &shown.attributes),
            Err(errno) => reply.error(errno),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        let target = self.inode(ino).and_then(|inode| {
            let inode = inode.filter(|inode| inode.kind() == FileType::SYMLINK).ok_or(Errno::EINVAL)?;
            let target = inode.target().map_err(|loss| self.failed(self.number(ino), &loss.into()))?;
            if target.len() > LONGEST_TARGET {
                let what = format!("a link of {} bytes: {LONGEST_TARGET} are the most", target.len());
                self.log.lose(&self.tree, self.number(ino), &Error::unsupported(what));
                return Err(Errno::ENAMETOOLONG);
            }
            Ok(target)
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
        let directory = Directory { number: self.number(ino), listing: OnceLock::new() };
        let flags = FopenFlags::FOPEN_CACHE_DIR | FopenFlags::FOPEN_KEEP_CACHE;
        reply.opened(self.directories.add(directory.into()), flags);
    }

    fn readdir(&self, _: &Request, _: INodeNo, fh: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let Some(directory) = self.directories.get(fh) else { return reply.error(Errno::EBADF) };
        match self.entries(&directory, offset) {
            Err(errno) => reply.error(errno),
            Ok(mut entries) => {
                // until there is no more room
                let _ = entries.any(|(number, behind, kind, name)| {
                    let kind = file_type(kind).unwrap_or(UNKNOWN);
                    reply.add(INodeNo(number.0), behind, kind, OsStr::from_bytes(name))
                });
                reply.ok();
            }
        }
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
        match self.entries(&directory, offset) {
            Err(errno) => reply.error(errno),
            Ok(mut entries) => {
                let _ = entries.any(|(number, behind, kind, name)| {
                    let Shown { attributes, generation, ttl } = self.listed(number, kind);
                    let (ino, name) = (INodeNo(number.0), OsStr::from_bytes(name));
                    reply.add(ino, behind, name, &ttl, &attributes, generation)
                });
                reply.ok();
            }
        }
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
        answer_xattr(self.xattr_names(ino), size, reply);
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
