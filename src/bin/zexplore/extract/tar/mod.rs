//! Into a pax archive, as GNU tar, bsdtar and all others read it: in one go, so that it can go into a pipe.

mod header;
mod sparse;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;
use zfsp::file::{File, zeros};
use zfsp::fs::xattr::Xattr;
use zfsp::namespace::{Location, Namespace};
use zfsp_grammar::mode::FileType;
use zfsp_grammar::posix_acl::{PosixAce, PosixAcl, Tag};

use super::content::{self, Asked, Stop};
use super::facts::{self, Facts};
use super::items::{Event, Item, Items, What, alone};
use super::note::Note;
use super::progress::Progress;
use super::record::Record;
use crate::common::exit::{Exit, Failure};
use crate::interrupt;
use header::{BLOCK, Kind, Member};
use sparse::Map;

/// An archive that is being written.
struct Archive<'a, 's, 'g> {
    out: Output,
    record: &'a mut Record<'s, 'g>,
    /// The first name of files that have others.
    names: HashMap<(u64, u64), Vec<u8>>,
    /// Bytes of these names.
    named: usize,
}

/// Something that is to be written.
struct Ready {
    item: Item,
    /// `None` if an archive cannot hold it.
    member: Option<Member>,
    notes: Vec<Note>,
    /// The content, if it is little, and how much of it is not lost.
    content: Option<(Map, Vec<u8>, u64)>,
}

/// Files that are read at once.
const AT_ONCE: usize = 128;
/// Files of more bytes are read one after the other, each by all threads.
const SMALL: u64 = 256 << 10;
/// Bytes of names that are remembered for hard links.
const MOST_NAMES: usize = 64 << 20;

/// Writes what is at that place into an archive; `-` is standard output.
pub(super) fn write(
    record: &mut Record<'_, '_>,
    names: &Namespace<'_>,
    location: &Location,
    file: &Path,
) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure(Exit::Nothing, format!("{}: {error}", file.display()));
    let out: Box<dyn Write> = match file.as_os_str() == "-" {
        true => Box::new(io::stdout()),
        false => Box::new(crate::common::output::create(file).map_err(failure)?),
    };
    let mut archive = Archive { out: Output::to(out), record, names: HashMap::new(), named: 0 };
    match archive.fill(Items::of(names, location), &alone(location, &location.dataset)) {
        Ok(()) => Ok(()),
        Err(Stop::Interrupted) => {
            archive.record.end();
            Err(Failure(Exit::Nothing, "interrupted: the archive is not complete".into()))
        }
        // who reads it has seen enough
        Err(Stop::Host(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stop::Host(error)) => {
            archive.record.end();
            Err(failure(error))
        }
    }
}

impl Archive<'_, '_, '_> {
    fn fill(&mut self, mut items: Items<'_>, alone: &[u8]) -> Result<(), Stop> {
        loop {
            let events: Vec<Event> = items.by_ref().take(AT_ONCE).collect();
            if events.is_empty() {
                break;
            }
            let progress = &self.record.progress;
            let ready: Vec<Result<Result<Ready, Note>, Stop>> = events
                .into_par_iter()
                .map(|event| match event {
                    Event::Item(item) => Ready::of(item, alone, progress).map(Ok),
                    Event::Note(note) => Ok(Err(note)),
                })
                .collect();
            for ready in ready {
                match ready? {
                    Ok(ready) => self.add(ready)?,
                    Err(note) => self.record.add(&note),
                }
            }
        }
        self.out.end()?;
        Ok(())
    }

    fn add(&mut self, ready: Ready) -> Result<(), Stop> {
        if interrupt::is_asked() {
            return Err(Stop::Interrupted);
        }
        let Ready { item, member, mut notes, content } = ready;
        let Some(mut member) = member else {
            self.record.add_all(&notes);
            return Ok(());
        };
        if item.what.is_linked() {
            let key = item.what.key();
            if let Some(first) = self.names.get(&key) {
                let link = Member { link: first.clone(), kind: Kind::HardLink, ..member.bare() };
                self.out.write_all(&link.header())?;
                self.record.linked(&item, true, &[]);
                self.record.done(&item.path, 0);
                return Ok(());
            }
            // then the others are copies
            if self.named < MOST_NAMES {
                self.named = self.named.saturating_add(member.path.len());
                self.names.insert(key, member.path.clone());
            }
        }
        if member.kind != Kind::File {
            self.record.add_all(&notes);
            self.out.write_all(&member.header())?;
            match member.kind {
                Kind::Directory => self.record.entered(&item.path),
                _ => self.record.done(&item.path, 0),
            }
            return Ok(());
        }
        let file = item.what.open();
        let (map, content) = match content {
            Some((map, content, copied)) => (map, Some((content, copied))),
            None => match Map::of(&file, &item.path, &mut notes)? {
                Some(map) => (map, None),
                None => {
                    notes.push(Note::refused(&item.path, "file", "more holes than an archive can list"));
                    self.record.add_all(&notes);
                    return Ok(());
                }
            },
        };
        let text = if map.has_holes() { map.text() } else { Vec::new() };
        member.sparse = map.has_holes().then_some(file.size());
        member.stored = map.bytes().saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        self.out.write_all(&member.header())?;
        self.out.write_all(&text)?;
        let mut copied = 0u64;
        match content {
            Some((content, count)) => {
                self.out.write_all(&content)?;
                copied = count;
            }
            None => {
                for range in map.all {
                    let count = self.stream(&file, range, &item.path, &mut notes)?;
                    copied = copied.saturating_add(count);
                }
            }
        }
        self.out.fill()?;
        self.record.add_all(&notes);
        self.record.linked(&item, false, &notes);
        self.record.done(&item.path, copied);
        Ok(())
    }

    /// Writes all of a stretch of a file, with zeros for what is lost.
    fn stream(
        &mut self,
        file: &File,
        range: Range<u64>,
        path: &[u8],
        notes: &mut Vec<Note>,
    ) -> Result<u64, Stop> {
        let (out, mut at) = (&mut self.out, range.start);
        let put = |start: u64, bytes: &[u8]| {
            zeros(out, start.saturating_sub(at))?;
            at = start.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            out.write_all(bytes)
        };
        let copied = content::copy(file, range.clone(), path, &self.record.progress, notes, put)?;
        zeros(&mut self.out, range.end.saturating_sub(at))?;
        Ok(copied)
    }
}

impl Ready {
    fn of(item: Item, alone: &[u8], progress: &Progress) -> Result<Self, Stop> {
        let facts = Facts::of(&item.what, &item.path, true);
        let mut notes = facts.notes.clone();
        let member = match member(&item, alone, &facts) {
            Ok(member) => Some(member),
            Err(note) => {
                notes.push(note);
                None
            }
        };
        let mut content = None;
        if item.what.kind() == FileType::REGULAR {
            let file = item.what.open();
            if file.size().max(file.block_size()) <= SMALL
                && let Some(map) = Map::of(&file, &item.path, &mut notes)?
            {
                let (bytes, copied) = small(&file, &map, &item.path, progress, &mut notes)?;
                content = Some((map, bytes, copied));
            }
        }
        Ok(Self { item, member, notes, content })
    }
}

/// What is in the map, and how much of it is not lost.
fn small(
    file: &File,
    map: &Map,
    path: &[u8],
    progress: &Progress,
    notes: &mut Vec<Note>,
) -> Result<(Vec<u8>, u64), Stop> {
    let (mut all, mut copied): (Vec<u8>, u64) = (Vec::new(), 0);
    for range in &map.all {
        let start = all.len();
        let len = |to: u64| usize::try_from(to.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let count = content::copy(file, range.clone(), path, progress, notes, |at, bytes| {
            all.resize(start.saturating_add(len(at)), 0);
            all.extend_from_slice(bytes);
            Ok(())
        })?;
        all.resize(start.saturating_add(len(range.end)), 0);
        copied = copied.saturating_add(count);
    }
    Ok((all, copied))
}

/// The member that a file becomes, without what depends on its content; a note if archives have no such thing.
fn member(item: &Item, alone: &[u8], facts: &Facts) -> Result<Member, Note> {
    let (mut link, mut device) = (Vec::new(), (0, 0));
    let kind = match (item.what.kind(), &item.what) {
        (FileType::REGULAR, _) => Kind::File,
        (FileType::DIRECTORY, _) => Kind::Directory,
        (FileType::FIFO, _) => Kind::Fifo,
        (FileType::SYMLINK, What::Inode(inode)) => {
            link = facts::target(inode, &item.path)?;
            Kind::Symlink
        }
        (kind, _) if kind.is_device() => {
            device = facts.device;
            if kind == FileType::CHAR { Kind::Char } else { Kind::Block }
        }
        (kind, _) => {
            return Err(Note::refused(&item.path, "file", format!("a {kind}: archives have no such")));
        }
    };
    let path = match (item.depth, kind) {
        (0, Kind::Directory) => b"./".to_vec(),
        (0, _) => alone.to_vec(),
        (_, Kind::Directory) => [item.path.as_slice(), b"/"].concat(),
        _ => item.path.clone(),
    };
    let acls = facts.xattrs.iter().filter_map(|xattr| Some((keyword(xattr)?, acl(&xattr.posix_acl()?))));
    Ok(Member {
        path,
        link,
        kind,
        permissions: facts.permissions,
        owner: facts.owner,
        times: facts.times,
        device,
        acls: acls.collect(),
        xattrs: facts.xattrs.iter().map(|xattr| (xattr.name(), xattr.value.clone())).collect(),
        ..Member::default()
    })
}

/// How archives call a POSIX ACL.
fn keyword(xattr: &Xattr) -> Option<&'static str> {
    match xattr.stored.as_slice() {
        b"system.posix_acl_access" => Some("SCHILY.acl.access"),
        b"system.posix_acl_default" => Some("SCHILY.acl.default"),
        _ => None,
    }
}

/// `user::rw-,user:1000:r--`.
fn acl(acl: &PosixAcl) -> String {
    let entry = |entry: &PosixAce| {
        let who = match entry.tag {
            Tag::USER => format!("user:{}", entry.id),
            Tag::GROUP => format!("group:{}", entry.id),
            Tag::USER_OBJ => "user:".into(),
            Tag::GROUP_OBJ => "group:".into(),
            Tag::MASK => "mask:".into(),
            _ => "other:".into(),
        };
        let perm = entry.perm;
        let letter = |is_set, letter| if is_set { letter } else { '-' };
        let (r, w, x) = (letter(perm.read(), 'r'), letter(perm.write(), 'w'), letter(perm.execute(), 'x'));
        format!("{who}:{r}{w}{x}")
    };
    acl.entries.iter().map(entry).collect::<Vec<String>>().join(",")
}

/// What an archive is written to.
struct Output {
    out: BufWriter<Box<dyn Write>>,
    written: u64,
}

/// Bytes that are written at once.
const BUFFER: usize = 256 << 10;
/// Archives are a multiple of this.
const RECORD: u64 = 10_240;

impl Output {
    fn to(out: Box<dyn Write>) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER, out), written: 0 }
    }

    /// Fills a block.
    fn fill(&mut self) -> io::Result<()> {
        let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        let count = self.written.next_multiple_of(block).saturating_sub(self.written);
        zeros(self, count)
    }

    /// Two blocks of zeros, and as many as fill a record.
    fn end(&mut self) -> io::Result<()> {
        zeros(self, 1024)?;
        let count = self.written.next_multiple_of(RECORD).saturating_sub(self.written);
        zeros(self, count)?;
        self.flush()
    }
}

/// It fails with [`Asked`] when the user wants it to end.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if interrupt::is_asked() {
            return Err(io::Error::other(Asked));
        }
        let count = self.out.write(bytes)?;
        self.written = self.written.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
