//! A file that is to be made: first where nobody sees it, then in its place.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use zfsp_grammar::mode::FileType;

use super::super::content::{self, Stop};
use super::super::facts::{self, Facts};
use super::super::items::{Item, What};
use super::super::note::Note;
use super::super::progress::Progress;
use super::super::record::Record;
use super::aim::{Aim, Found};
use super::explained;
use super::host::{self, Dir};

/// A file that is to be made.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) dir: Arc<Dir>,
    pub(super) name: Vec<u8>,
    pub(super) item: Item,
}

/// What there is of it, and what is to be told.
#[derive(Debug)]
pub(super) struct Prepared {
    job: Job,
    notes: Vec<Note>,
    stage: Stage,
    bytes: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Stage {
    /// It is whole, but has no name.
    Made,
    /// It has a name, and needs another.
    HasName,
    /// An earlier run has done all.
    Done,
    /// It cannot be made.
    Impossible,
}

/// Files of more bytes are read one after the other, each by all threads.
const SMALL: u64 = 1 << 20;

impl Job {
    pub(super) fn is_small(&self) -> bool {
        let size = |file: &zfsp::file::File| file.size().max(file.block_size());
        self.item.what.kind() != FileType::REGULAR || size(&self.item.what.open()) <= SMALL
    }

    /// Its name until it is whole.
    fn partial(&self) -> Vec<u8> {
        [self.whole().as_slice(), b".part"].concat()
    }

    /// Its name until it has its last one.
    fn whole(&self) -> Vec<u8> {
        let (objset, object) = self.item.what.key();
        format!("{objset}-{object}").into_bytes()
    }

    /// Makes it, as far as possible.
    pub(super) fn prepare(
        self,
        aim: &Aim,
        keeps_owners: bool,
        was_damaged: bool,
        progress: &Progress,
    ) -> Result<Prepared, Stop> {
        let path = &self.item.path;
        if self.item.what.is_linked() && aim.staging.has(&self.whole()) {
            return Ok(Prepared { job: self, notes: Vec::new(), stage: Stage::HasName, bytes: 0 });
        }
        let facts = Facts::of(&self.item.what, path, keeps_owners);
        let mut notes = facts.notes.clone();
        if aim.found == Found::Partial && !was_damaged && self.is_done(&facts) {
            return Ok(Prepared { job: self, notes, stage: Stage::Done, bytes: 0 });
        }
        let (stage, bytes) = match self.make(aim, &facts, keeps_owners, &mut notes, progress) {
            Ok(Some(bytes)) => (Stage::Made, bytes),
            Ok(None) => (Stage::Impossible, 0),
            Err(Stop::Host(error)) if !host::is_fatal(&error) => {
                let _ = aim.staging.remove(&self.partial());
                notes.push(Note::refused(path, "file", explained(error)));
                (Stage::Impossible, 0)
            }
            Err(stop) => return Err(stop),
        };
        Ok(Prepared { job: self, notes, stage, bytes })
    }

    /// True if what has its name is the whole file.
    fn is_done(&self, facts: &Facts) -> bool {
        let size = self.item.what.open().size();
        let is_file = self.item.what.kind() == FileType::REGULAR;
        facts.times.is_some_and(|(_, mtime)| is_file && self.dir.has_file(&self.name, size, mtime))
    }

    /// Makes it; returns the bytes of its content. `None` if too much is lost, which is noted.
    fn make(
        &self,
        aim: &Aim,
        facts: &Facts,
        keeps_owners: bool,
        notes: &mut Vec<Note>,
        progress: &Progress,
    ) -> Result<Option<u64>, Stop> {
        let (staging, partial, path) = (&aim.staging, self.partial(), &self.item.path);
        let _ = staging.remove(&partial);
        let kind = self.item.what.kind();
        if kind == FileType::REGULAR {
            let source = self.item.what.open();
            let to = staging.create(&partial)?;
            // first: a host that cannot hold so much says so before all the work
            to.set_len(source.size())?;
            let put = |at, bytes: &[u8]| to.write_all_at(bytes, at);
            let copied = content::copy(&source, 0..source.size(), path, progress, notes, put)?;
            notes.extend(host::dress(&to, facts, path, keeps_owners));
            return Ok(Some(copied));
        }
        match (&self.item.what, kind) {
            (What::Inode(inode), FileType::SYMLINK) => match facts::target(inode, path) {
                Ok(target) => staging.symlink(&target, &partial)?,
                Err(note) => {
                    notes.push(note);
                    return Ok(None);
                }
            },
            _ => staging.make_special(&partial, kind, facts.device)?,
        }
        notes.extend(staging.dress_special(&partial, kind, facts, path, keeps_owners));
        Ok(Some(0))
    }
}

impl Prepared {
    /// Notes what is to be noted, then gives the file its name.
    pub(super) fn place(self, aim: &Aim, record: &mut Record<'_, '_>) -> Result<(), Stop> {
        record.add_all(&self.notes);
        let path = &self.job.item.path;
        let placed = match self.stage {
            Stage::Impossible => return Ok(()),
            Stage::Done => {
                record.skipped();
                return Ok(());
            }
            Stage::HasName => self.link(aim),
            Stage::Made => self.give_name(aim),
        };
        match placed {
            Ok(()) => {
                record.linked(&self.job.item, self.stage == Stage::HasName, &self.notes);
                record.done(path, self.bytes);
            }
            Err(error) if host::is_fatal(&error) => return Err(Stop::Host(error)),
            Err(error) => record.add(&Note::refused(path, "name", explained(error))),
        }
        Ok(())
    }

    fn give_name(&self, aim: &Aim) -> io::Result<()> {
        let Job { dir, name, .. } = &self.job;
        let (partial, whole) = (self.job.partial(), self.job.whole());
        let give = |made: &[u8]| match aim.found {
            Found::Nothing => aim.staging.rename_new(made, dir, name),
            Found::Partial | Found::Others => aim.staging.rename(made, dir, name),
        };
        let (made, given) = if self.job.item.what.is_linked() {
            aim.staging.rename(&partial, &aim.staging, &whole)?;
            // where there are no links, the next name gets a copy
            let given = self.link(aim).or_else(|_| give(&whole));
            (whole, given)
        } else {
            let given = give(&partial);
            (partial, given)
        };
        if given.is_err() {
            let _ = aim.staging.remove(&made);
        }
        given
    }

    /// Another name of what has one.
    fn link(&self, aim: &Aim) -> io::Result<()> {
        let Job { dir, name, .. } = &self.job;
        let whole = self.job.whole();
        if aim.found == Found::Nothing {
            return aim.staging.link(&whole, dir, name);
        }
        let link = [whole.as_slice(), b".link"].concat();
        let _ = aim.staging.remove(&link);
        aim.staging.link(&whole, &aim.staging, &link)?;
        aim.staging.rename(&link, dir, name)?;
        // it stays, if both were the same file
        let _ = aim.staging.remove(&link);
        Ok(())
    }
}
