//! Into the host's file system.
//!
//! A file is made in a folder of its own, `.zexplore-partial`, and moved to its place when it is whole; directories
//! get their modes and times when all is in them. So an interrupted run can be taken up: what has its name is whole.
//! Files with several names stay in that folder to the end: the other names are made from there.

mod aim;
mod host;
mod job;

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use zfsp::namespace::{Location, Namespace};
use zfsp_grammar::mode::FileType;

use super::Options;
use super::content::Stop;
use super::facts::Facts;
use super::items::{Event, Item, Items, What};
use super::note::Note;
use super::record::Record;
use crate::common::exit::{Exit, Failure};
use crate::interrupt;
use crate::session::Session;
use aim::{Aim, Found, PARTIAL};
use host::{Dir, Identity};
use job::{Job, Prepared};

/// A tree that is being made.
#[derive(Debug)]
struct Tree<'a, 's, 'g> {
    record: &'a mut Record<'s, 'g>,
    aim: &'a Aim,
    keeps_owners: bool,
    /// The directories on the way to where it is.
    way: Vec<Level>,
    /// Files of directories that are made at once.
    jobs: Vec<Job>,
    /// Object sets and objects of these.
    keys: HashSet<(u64, u64)>,
    /// Directories that are complete when these files are.
    complete: Vec<Level>,
}

/// A directory that is being filled.
#[derive(Debug)]
struct Level {
    /// Open, but for those far above.
    dir: Option<Arc<Dir>>,
    identity: Identity,
    path: Vec<u8>,
    what: What,
}

/// Directories on the way that are kept open: hosts allow few hundred. Those above are found again through `..`.
const OPEN: usize = 8;
/// Files that are made at once.
const AT_ONCE: usize = 64;

/// Extracts what is at that place.
pub(super) fn extract<'s, 'g>(
    session: &'s mut Session<'g>,
    names: &Namespace<'_>,
    location: &Location,
    dest: &Path,
    options: &Options,
) -> Result<Record<'s, 'g>, Failure> {
    let aim = Aim::at(dest, names, location, options.overwrite)?;
    let sidecar = options.sidecar.clone().unwrap_or_else(|| aim.sidecar());
    let mut record = Record::new(session, Some(sidecar), options.verbose);
    let started = match aim.found {
        Found::Partial => {
            record.remark("an interrupted run is taken up");
            record.go_on()
        }
        Found::Nothing => record.start(),
        Found::Others => record.start_afresh(),
    };
    if let Err(failure) = started {
        if aim.found != Found::Partial {
            // nothing is made yet: the next run is not to take this one up
            let _ = aim.clear();
        }
        record.end();
        return Err(failure);
    }
    let keeps_owners = options.owners || (host::is_root() && !options.no_owners);
    if !keeps_owners && !options.no_owners {
        record.remark("owners and setuid bits are not kept: only root may, or say --owners");
    }
    let (way, jobs, keys, complete) = (Vec::new(), Vec::new(), HashSet::new(), Vec::new());
    let tree = Tree { record: &mut record, aim: &aim, keeps_owners, way, jobs, keys, complete };
    match tree.fill(Items::of(names, location)) {
        Ok(()) => Ok(record),
        Err(Stop::Interrupted) => {
            record.interrupted();
            Ok(record)
        }
        Err(Stop::Host(error)) => {
            record.end();
            let what = format!("{}: {error}: the same command goes on from here", dest.display());
            Err(Failure(Exit::Nothing, what))
        }
    }
}

impl Tree<'_, '_, '_> {
    fn fill(mut self, mut items: Items<'_>) -> Result<(), Stop> {
        while let Some(event) = items.next() {
            if interrupt::is_asked() {
                return Err(Stop::Interrupted);
            }
            match event {
                Event::Note(note) => self.record.add(&note),
                Event::Item(item) if item.depth == 0 => {
                    let dir = self.aim.dir.clone();
                    self.take(item, dir, &self.aim.name.clone(), &mut items)?;
                }
                Event::Item(item) if item.depth == 1 && item.name == PARTIAL => {
                    let why = "zexplore needs this name while it extracts";
                    self.record.add(&Note::refused(&item.path, "name", why));
                    items.leave_out();
                }
                Event::Item(item) => {
                    self.leave(item.depth)?;
                    let dir = self.way.last().and_then(|level| level.dir.clone());
                    // what is below a directory that could not be made was left out
                    let Some(dir) = dir.filter(|_| self.way.len() == item.depth) else { continue };
                    let name = item.name.clone();
                    self.take(item, dir, &name, &mut items)?;
                }
            }
        }
        self.flush()?;
        self.leave(1)?;
        self.flush()?;
        // the place itself gets its time when nothing more happens in it
        self.aim.clear()?;
        self.leave(0)?;
        self.flush()
    }

    /// Makes a directory, or notes that a file is to be made.
    fn take(&mut self, item: Item, dir: Arc<Dir>, name: &[u8], items: &mut Items<'_>) -> Result<(), Stop> {
        if item.what.kind() != FileType::DIRECTORY {
            // no two threads make the same file
            if !self.keys.insert(item.what.key()) {
                self.flush()?;
                self.keys.insert(item.what.key());
            }
            self.jobs.push(Job { dir, name: name.to_vec(), item });
            if self.jobs.len() >= AT_ONCE {
                self.flush()?;
            }
            return Ok(());
        }
        let made = match (item.depth, self.aim.found) {
            (0, _) => Ok(dir),
            (_, Found::Nothing) => dir.make(name).map(Arc::new),
            (_, Found::Partial | Found::Others) => dir.make_over(name).map(Arc::new),
        };
        let made = made.and_then(|made| Ok((made.identity()?, made)));
        match made {
            Ok((identity, made)) => {
                self.record.entered(&item.path);
                self.way.push(Level { dir: Some(made), identity, path: item.path, what: item.what });
                let far = self.way.len().checked_sub(OPEN.saturating_add(1));
                if let Some(level) = far.and_then(|far| self.way.get_mut(far)) {
                    level.dir = None;
                }
                Ok(())
            }
            Err(error) if host::is_fatal(&error) => Err(Stop::Host(error)),
            Err(error) => {
                self.record.add(&Note::refused(&item.path, "directory", explained(error)));
                items.leave_out();
                Ok(())
            }
        }
    }

    /// Goes up until the way has so many directories.
    fn leave(&mut self, depth: usize) -> Result<(), Stop> {
        while self.way.len() > depth {
            let Some(level) = self.way.pop() else { break };
            if let (Some(above), Some(dir)) = (self.way.last_mut(), &level.dir)
                && above.dir.is_none()
            {
                let found = dir.above()?;
                if found.identity()? != above.identity {
                    let what = "directories were moved while files were written into them";
                    return Err(io::Error::other(what).into());
                }
                above.dir = Some(Arc::new(found));
            }
            self.complete.push(level);
            if self.complete.len() >= AT_ONCE {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Makes the files, then completes the directories.
    fn flush(&mut self) -> Result<(), Stop> {
        let jobs = std::mem::take(&mut self.jobs);
        self.keys.clear();
        let keeps_owners = self.keeps_owners;
        let (small, large): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(Job::is_small);
        let (record, aim) = (&*self.record, self.aim);
        let damaged = |job: &Job| record.was_damaged(&job.item.path);
        let small: Vec<(Job, bool)> =
            small.into_iter().map(|job| (damaged(&job), job)).map(|(d, j)| (j, d)).collect();
        let progress = &record.progress;
        let prepared: Vec<Result<Prepared, Stop>> = small
            .into_par_iter()
            .map(|(job, was_damaged)| job.prepare(aim, keeps_owners, was_damaged, progress))
            .collect();
        for prepared in prepared {
            prepared?.place(self.aim, self.record)?;
        }
        for job in large {
            // all threads read this one
            let was_damaged = self.record.was_damaged(&job.item.path);
            let prepared = job.prepare(self.aim, keeps_owners, was_damaged, &self.record.progress)?;
            prepared.place(self.aim, self.record)?;
        }
        for level in std::mem::take(&mut self.complete) {
            let facts = Facts::of(&level.what, &level.path, keeps_owners);
            self.record.add_all(&facts.notes);
            if let Some(dir) = &level.dir {
                let notes = dir.dress(&facts, &level.path, keeps_owners);
                self.record.add_all(&notes);
            }
        }
        Ok(())
    }
}

/// What may have happened.
fn explained(error: io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "a name that is the same to this host exists already".into(),
        _ => error.to_string(),
    }
}
