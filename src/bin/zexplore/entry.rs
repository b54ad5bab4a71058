//! What a listing shows of a file, a directory, a dataset.

use anstyle::{AnsiColor, Style};
use zfsp::error::Error;
use zfsp::fs::Inode;
use zfsp::manifest::{Depth, Line};
use zfsp::namespace::escape::escaped;
use zfsp::namespace::{Entry, Found, Namespace};
use zfsp_grammar::device::Device;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::mode::{FileType, Mode};
use zfsp_grammar::quantity::utc;
use zfsp_grammar::znode::Time;

use crate::common::locked::noted;
use crate::session::Session;
use crate::style::{BAD, DIM, size, styled};
use crate::table::{Align, Cell};

/// A line of a listing.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its last component; that of the place itself as it was asked for.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: FileType,
    pub(crate) is_dataset: bool,
    /// `None` if it cannot be read.
    pub(crate) stat: Option<Stat>,
    /// Name of the dataset, or why it cannot be read.
    pub(crate) note: Option<String>,
}

/// What a long listing shows.
#[derive(Clone, Debug)]
pub(crate) struct Stat {
    mode: Mode,
    /// `+`: an ACL that says more than the mode; `@`: extended attributes.
    mark: &'static str,
    pub(crate) ino: u64,
    links: u64,
    uid: Fuid,
    gid: Fuid,
    pub(crate) size: u64,
    device: Option<Device>,
    /// Volumes have none.
    pub(crate) mtime: Option<Time>,
    target: Option<Vec<u8>>,
}

impl Row {
    /// Of what was met below a place; `place` is what that is called.
    pub(crate) fn of(entry: &Entry<'_>, place: &[u8]) -> Self {
        let last = entry.path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        let name = if entry.path.is_empty() { place.to_vec() } else { last.to_vec() };
        let is_dataset = entry.is_dataset;
        let dataset = is_dataset.then(|| entry.dataset.name.clone());
        let (kind, stat, note) = match &entry.found {
            Found::Inode(inode) => (inode.kind(), Some(Stat::of(inode)), dataset),
            Found::Volume(volume) => {
                let locked = if volume.is_locked() { ": locked" } else { "" };
                let note = dataset.map(|name| format!("{name}{locked}"));
                (FileType::BLOCK, Some(Stat::of_volume(volume.size)), note)
            }
            Found::Lost(dirent, loss) => (dirent.kind(), None, Some(loss.to_string())),
            Found::LostEntries(loss) => (FileType::NONE, None, Some(loss.to_string())),
            Found::LostDataset(why) => (FileType::DIRECTORY, None, Some(noted(why))),
        };
        Self { name, kind, is_dataset, stat, note }
    }

    /// The name in the colour of what it is.
    pub(crate) fn colour(&self) -> Style {
        let is_executable = self.stat.as_ref().is_some_and(|stat| stat.mode.0 & 0o111 != 0);
        match self.kind {
            _ if self.stat.is_none() => BAD,
            _ if self.is_dataset => AnsiColor::Blue.on_default().bold().underline(),
            FileType::DIRECTORY => AnsiColor::Blue.on_default().bold(),
            FileType::SYMLINK => AnsiColor::Cyan.on_default(),
            FileType::REGULAR if is_executable => AnsiColor::Green.on_default(),
            FileType::REGULAR => Style::new(),
            _ => AnsiColor::Yellow.on_default(),
        }
    }

    /// Its name, where a link leads, and what else there is to say.
    pub(crate) fn label(&self, with_target: bool) -> String {
        let mut label = styled(self.colour(), escaped(&self.name));
        if let Some(target) = self.stat.as_ref().and_then(|stat| stat.target.as_ref()).filter(|_| with_target)
        {
            label.push_str(&format!(" -> {}", escaped(target)));
        }
        if let Some(note) = &self.note {
            label.push_str(&format!("  {}", styled(if self.stat.is_some() { DIM } else { BAD }, note)));
        }
        label
    }

    /// The columns in front of the name.
    pub(crate) fn cells(&self, sizes: Sizes) -> Vec<Cell> {
        let Some(stat) = &self.stat else {
            let letter = self.kind.letter();
            return vec![
                Cell::styled(BAD, format!("{letter}?????????")),
                "".into(),
                "".into(),
                "".into(),
                "?".into(),
                "".into(),
            ];
        };
        let length = match (&stat.device, sizes) {
            (Some(device), _) => device.to_string(),
            (None, Sizes::Exact) => stat.size.to_string(),
            (None, Sizes::Human) => size(stat.size),
        };
        vec![
            format!("{}{}", stat.mode, stat.mark).into(),
            (&stat.links).into(),
            (&stat.uid).into(),
            (&stat.gid).into(),
            length.into(),
            Cell::styled(DIM, stat.mtime.map(time).unwrap_or_default()),
        ]
    }
}

/// Heads of [`Row::cells`].
pub(crate) const COLUMNS: [(&str, Align); 6] = [
    ("", Align::Left),
    ("", Align::Right),
    ("", Align::Right),
    ("", Align::Right),
    ("", Align::Right),
    ("", Align::Left),
];

/// How sizes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizes {
    Exact,
    Human,
}

/// `2026-11-22 13:03:51`, UTC.
pub(crate) fn time(time: Time) -> String {
    utc(time.sec.0.cast_signed()).replace('T', " ").trim_end_matches('Z').into()
}

impl Stat {
    fn of(inode: &Inode) -> Self {
        let attributes = &inode.attributes;
        let has_posix_acl = attributes.dxattr.iter().any(|(name, _)| name.starts_with(b"system.posix_acl_"));
        let has_acl = !attributes.flags.acl_trivial() && inode.acl().is_ok_and(|acl| !acl.is_empty());
        let has_xattrs = attributes.xattr != 0 || !attributes.dxattr.is_empty();
        let is_link = inode.kind() == FileType::SYMLINK;
        Self {
            mode: attributes.mode,
            mark: match (has_posix_acl || has_acl, has_xattrs) {
                (true, _) => "+",
                (false, true) => "@",
                (false, false) => "",
            },
            ino: inode.number,
            links: attributes.links,
            uid: attributes.uid,
            gid: attributes.gid,
            size: attributes.size,
            device: attributes.rdev.filter(|_| inode.kind().is_device()),
            mtime: Some(attributes.mtime),
            target: if is_link { inode.target().ok() } else { None },
        }
    }

    fn of_volume(size: u64) -> Self {
        let (mode, root) = (Mode(0o060_600), Fuid(0));
        let (device, target) = (None, None);
        Self { mode, mark: "", ino: 1, links: 1, uid: root, gid: root, size, device, mtime: None, target }
    }
}

/// Says what of it is lost.
pub(crate) fn lost(session: &mut Session<'_>, names: &Namespace<'_>, entry: &Entry<'_>) {
    let path = escaped(&entry.path);
    entry.losses.iter().for_each(|loss| session.warn(format_args!("{}: {loss}", entry.dataset.name)));
    match &entry.found {
        Found::Lost(_, loss) => session.warn(format_args!("{path}: {loss}")),
        Found::LostEntries(loss) if entry.path.is_empty() => {
            session.warn(format_args!("entries are missing: {loss}"))
        }
        Found::LostEntries(loss) => session.warn(format_args!("{path}: entries are missing: {loss}")),
        Found::LostDataset(error) => session.lose(error),
        Found::Inode(inode) => {
            let attributes = &inode.attributes;
            attributes.losses.iter().for_each(|loss| session.warn(format_args!("{path}: {loss}")));
            // what is not with the attributes, in old file systems
            let target = if inode.kind() == FileType::SYMLINK { inode.target().err() } else { None };
            let acl = if attributes.flags.acl_trivial() { None } else { inode.acl().err() };
            target.iter().chain(&acl).for_each(|loss| session.warn(format_args!("{path}: {loss}")));
        }
        Found::Volume(volume) if volume.is_locked() => session.lose(&names.locked(entry.dataset)),
        Found::Volume(_) => {}
    }
}

/// What is met below a place, for a program.
pub(crate) fn line(entry: &Entry<'_>, depth: Depth) -> Line {
    let (dataset, path) = (&entry.dataset.name, &entry.path);
    match &entry.found {
        Found::Inode(inode) => Line::of_inode(dataset, path, inode, depth),
        Found::Volume(volume) => {
            Line { path: Some(escaped(path).to_string()), ..Line::of_volume(dataset, volume, depth) }
        }
        Found::Lost(_, loss) | Found::LostEntries(loss) => Line::of_loss(dataset, path, loss),
        Found::LostDataset(error) => {
            let locked = matches!(**error, Error::Locked { .. });
            Line { locked, ..Line::of_loss(dataset, path, error) }
        }
    }
}
