//! What is told of a run: notes into the sidecar and to standard error, sums to the end.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zfsp::namespace::escape::escaped;

use super::Summary;
use super::items::Item;
use super::note::{Kind, Note};
use super::output;
use super::progress::Progress;
use crate::common::exit::{Exit, Failure};
use crate::session::Session;

/// What is told of a run.
#[derive(Debug)]
pub(super) struct Record<'s, 'g> {
    session: &'s mut Session<'g>,
    sidecar: Option<PathBuf>,
    /// Made when there is something to say.
    file: Option<File>,
    /// Lines that an earlier run has written: their hashes.
    known: HashSet<u64>,
    /// Paths in these lines whose content is not whole: their hashes.
    damaged: HashSet<u64>,
    /// Files with several names whose content is not whole: their first names.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// Notes of each kind that standard error has had.
    told: [usize; 2],
    is_verbose: bool,
    summary: Summary,
    pub(super) progress: Progress,
}

/// Notes of a kind that standard error names: the sidecar has all.
const LISTED: usize = 20;

impl<'s, 'g> Record<'s, 'g> {
    pub(super) fn new(session: &'s mut Session<'g>, sidecar: Option<PathBuf>, is_verbose: bool) -> Self {
        Self {
            session,
            sidecar,
            file: None,
            known: HashSet::new(),
            damaged: HashSet::new(),
            links: HashMap::new(),
            told: [0; 2],
            is_verbose,
            summary: Summary::default(),
            progress: Progress::new(),
        }
    }

    /// Fails if there is something where the notes are to be: it may be anything.
    pub(super) fn start(&self) -> Result<(), Failure> {
        let Some(path) = &self.sidecar else { return Ok(()) };
        match std::fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failure(path, &error)),
            Ok(_) => {
                let what = "exists: name another with --sidecar FILE";
                Err(Failure(Exit::Nothing, format!("{} {what}", path.display())))
            }
        }
    }

    /// Keeps what an earlier run has noted.
    #[cfg(unix)]
    pub(super) fn go_on(&mut self) -> Result<(), Failure> {
        let Some(path) = self.sidecar.clone() else { return Ok(()) };
        match output::go_on(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            found => found.and_then(|file| self.take_up(file)).map_err(|error| failure(&path, &error)),
        }
    }

    /// Reads the lines of an earlier run; the last one may be half.
    #[cfg(unix)]
    fn take_up(&mut self, mut file: File) -> io::Result<()> {
        use std::io::{BufRead, BufReader};
        let (mut lines, mut line) = (BufReader::new(&file), Vec::new());
        let mut is_half = false;
        while lines.read_until(b'\n', &mut line)? > 0 {
            is_half = line.pop_if(|last| *last == b'\n').is_none();
            if let Ok(line) = std::str::from_utf8(&line) {
                self.known.insert(hash(&line));
                if let Some(path) = damaged_path(line) {
                    self.damaged.insert(hash(&path));
                }
            }
            line.clear();
        }
        if is_half {
            file.write_all(b"\n")?;
        }
        self.file = Some(file);
        Ok(())
    }

    /// Forgets what an earlier run has noted.
    #[cfg(unix)]
    pub(super) fn start_afresh(&mut self) -> Result<(), Failure> {
        let Some(path) = &self.sidecar else { return Ok(()) };
        output::remove(path).map_err(|error| failure(path, &error))
    }

    /// True if an earlier run could not read all of this file.
    #[cfg(unix)]
    pub(super) fn was_damaged(&self, path: &[u8]) -> bool {
        !self.damaged.is_empty() && self.damaged.contains(&hash(&path.to_vec()))
    }

    pub(super) fn add(&mut self, note: &Note) {
        let Summary { lost, locked, refused, only_here, .. } = &mut self.summary;
        let [told_lost, told_refused] = &mut self.told;
        let (count, told) = match note.kind {
            Kind::Lost if note.needs.is_some() => (locked, None),
            Kind::Lost => (lost, Some(told_lost)),
            Kind::Refused => (refused, Some(told_refused)),
            Kind::OnlyHere => (only_here, None),
        };
        *count = count.saturating_add(1);
        if let Some(key) = &note.needs {
            let Self { session, progress, .. } = self;
            progress.aside(|| session.lock(key));
        }
        let warning = told.and_then(|told| {
            *told = told.saturating_add(1);
            match *told {
                n if n <= LISTED => Some(note.to_string()),
                n if n == LISTED.saturating_add(1) => Some(match &self.sidecar {
                    Some(path) => format!("more like these: {} lists them all", path.display()),
                    None => "more like these: --sidecar FILE lists them all".into(),
                }),
                _ => None,
            }
        });
        if let Some(warning) = warning {
            self.warn(&warning);
        }
        if let Err(error) = self.write(note) {
            let path = self.sidecar.take().unwrap_or_default();
            self.warn(&format!("{}: {error}: nothing more is listed there", path.display()));
        }
    }

    pub(super) fn add_all(&mut self, notes: &[Note]) {
        notes.iter().for_each(|note| self.add(note));
    }

    /// What is lost of a file is lost under each of its names.
    pub(super) fn linked(&mut self, item: &Item, is_another: bool, notes: &[Note]) {
        if !item.what.is_linked() {
            return;
        }
        let key = item.what.key();
        if is_another {
            if let Some(first) = self.links.get(&key) {
                let note =
                    Note::lost(&item.path, "content", format!("it is the same file as {}", escaped(first)));
                self.add(&note);
            }
        } else if notes.iter().any(|note| note.range.is_some()) {
            self.links.insert(key, item.path.clone());
        }
    }

    fn write(&mut self, note: &Note) -> io::Result<()> {
        let Some(path) = &self.sidecar else { return Ok(()) };
        let line = note.json();
        if self.known.contains(&hash(&line)) {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(output::create_new(path)?),
        };
        // at once, and before the file has its name: a run may end anywhere
        file.write_all(format!("{line}\n").as_bytes())
    }

    pub(super) fn warn(&mut self, what: &str) {
        let Self { session, progress, .. } = self;
        progress.aside(|| session.warn(what));
    }

    /// For people: no damage.
    #[cfg(unix)]
    pub(super) fn remark(&self, what: &str) {
        self.progress.aside(|| anstream::eprintln!("zexplore: {what}"));
    }

    /// A name is in the result, with so many bytes of content.
    pub(super) fn done(&mut self, path: &[u8], bytes: u64) {
        self.summary.files = self.summary.files.saturating_add(1);
        self.summary.bytes = self.summary.bytes.saturating_add(bytes);
        self.progress.files(self.summary.files);
        self.name(path);
    }

    /// A directory is in the result.
    pub(super) fn entered(&mut self, path: &[u8]) {
        self.summary.directories = self.summary.directories.saturating_add(1);
        self.name(path);
    }

    fn name(&self, path: &[u8]) {
        if self.is_verbose {
            let path: &[u8] = if path.is_empty() { b"." } else { path };
            self.progress.aside(|| anstream::eprintln!("{}", escaped(path)));
        }
    }

    /// A name was in the result already.
    #[cfg(unix)]
    pub(super) fn skipped(&mut self) {
        self.summary.skipped = self.summary.skipped.saturating_add(1);
    }

    pub(super) fn interrupted(&mut self) {
        self.summary.interrupted = true;
    }

    /// The sums.
    pub(super) fn end(&mut self) -> Summary {
        self.progress.end();
        let has_sidecar = self.file.is_some();
        let path = self.sidecar.as_ref().filter(|_| has_sidecar);
        self.summary.sidecar = path.map(|path| path.display().to_string());
        std::mem::take(&mut self.summary)
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure(Exit::Nothing, format!("{}: {error}", path.display()))
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// The path in a line of the sidecar, if it is about lost content.
#[cfg(unix)]
fn damaged_path(line: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| line.get(name)?.as_str();
    if text("kind") != Some("lost") {
        return None;
    }
    match text("path") {
        Some(path) => Some(path.as_bytes().to_vec()),
        None => base64::engine::general_purpose::STANDARD.decode(text("path_b64")?).ok(),
    }
}
