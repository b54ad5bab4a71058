//! What names stand for: datasets and bookmarks, chosen by name, kind and depth.

use std::collections::BTreeSet;

use clap::ValueEnum;
use zfsp::dataset::property::{self, Setting};
use zfsp::dataset::{Dataset, DatasetBookmark, Dir, Dsl, Kind};
use zfsp::object::Loss;

use crate::common::exit::{Exit, Failure};
use crate::session::Session;
use crate::style::plain;

/// Which datasets are meant.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Choice {
    /// POOL/NAME, POOL/NAME@SNAPSHOT, POOL/NAME#BOOKMARK, or #N: the dataset that is object N of the MOS; all, if none
    /// is named
    #[arg(value_name = "DATASET")]
    names: Vec<String>,
    /// Also all below those that are named
    #[arg(short, long)]
    recursive: bool,
    /// The same, down to that many levels; 0: only what is named
    #[arg(short, long, value_name = "DEPTH")]
    depth: Option<usize>,
    /// Kinds that are listed, with commas between them
    #[arg(short = 't', long = "type", value_name = "TYPE", value_enum, value_delimiter = ',')]
    types: Vec<Type>,
    /// Also the pool's own ($MOS, $ORIGIN), and receives that are not finished (%recv)
    #[arg(long)]
    hidden: bool,
}

/// Kinds of datasets, by the names that `zfs list -t` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Type {
    #[value(alias = "fs")]
    Filesystem,
    #[value(alias = "vol")]
    Volume,
    #[value(alias = "snap")]
    Snapshot,
    Bookmark,
    All,
}

impl Type {
    fn is(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Filesystem => kind == Kind::FileSystem,
            Self::Volume => kind == Kind::Volume,
            Self::Snapshot => kind == Kind::Snapshot,
            Self::Bookmark => kind == Kind::Bookmark,
        }
    }
}

/// A dataset or bookmark that is listed.
#[derive(Clone, Debug)]
pub(crate) enum Item<'d> {
    Dataset(&'d Dataset),
    Bookmark(DatasetBookmark),
    /// One of the pool's own that has no dataset: space is charged to it.
    Dir(&'d Dir),
}

impl Item<'_> {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Dataset(set) => &set.name,
            Self::Bookmark(bookmark) => &bookmark.name,
            Self::Dir(dir) => &dir.name,
        }
    }

    /// All properties, and what is lost of them.
    pub(crate) fn properties(&self, dsl: &Dsl<'_>) -> (Vec<Setting>, Vec<Loss>) {
        match self {
            Self::Dataset(set) => dsl.properties(set),
            Self::Bookmark(bookmark) => dsl.properties_of_bookmark(bookmark),
            Self::Dir(dir) => (property::of_dir(dir), Vec::new()),
        }
    }

    /// Some properties, in that order, and what is lost of them.
    pub(crate) fn some(&self, dsl: &Dsl<'_>, names: &[String]) -> (Vec<Option<Setting>>, Vec<Loss>) {
        let Self::Dataset(set) = self else {
            let (all, losses) = self.properties(dsl);
            let one = |name: &String| all.iter().find(|setting| setting.name == *name).cloned();
            return (names.iter().map(one).collect(), losses);
        };
        let mut losses = Vec::new();
        let mut one = |name: &String| {
            dsl.property(set, name).unwrap_or_else(|loss| {
                losses.push(loss);
                None
            })
        };
        let found = names.iter().map(&mut one).collect();
        (found, losses)
    }
}

impl Choice {
    /// Whether datasets were named.
    pub(crate) fn is_named(&self) -> bool {
        !self.names.is_empty()
    }

    /// The datasets and bookmarks that are meant; without -t those of the kinds `default`, or what is named.
    pub(crate) fn items<'d>(
        &self,
        session: &mut Session<'_>,
        dsl: &'d Dsl<'_>,
        default: &[Type],
    ) -> Result<Vec<Item<'d>>, Failure> {
        for loss in &dsl.datasets.losses {
            session.warn(loss);
        }
        let mut named = BTreeSet::new();
        for name in &self.names {
            named.insert(self.resolve(dsl, name)?);
        }
        let types = if self.types.is_empty() { default } else { &self.types };
        let is_meant = |name: &str, kind: Kind| {
            let is_type = types.iter().any(|of| of.is(kind));
            let is_below = named.iter().any(|top| self.reaches(top, name));
            match self.names.is_empty() {
                true => is_type && self.depth.is_none_or(|most| depth(&dsl.pool.name, name) <= Some(most)),
                false if named.contains(name) => self.types.is_empty() || is_type,
                false => is_type && is_below,
            }
        };
        let wants_bookmarks =
            types.iter().any(|of| of.is(Kind::Bookmark)) || named.iter().any(|name| name.contains('#'));
        let mut items = Vec::new();
        for set in &dsl.datasets.all {
            if set.is_hidden && !self.hidden && !named.contains(&set.name) {
                continue;
            }
            let kind = dsl.kind(set).unwrap_or_else(|loss| {
                session.warn(format!("{}: type: {loss}", plain(&set.name)));
                Kind::FileSystem
            });
            if is_meant(&set.name, kind) {
                items.push(Item::Dataset(set));
            }
            if !wants_bookmarks || set.is_snapshot() {
                continue;
            }
            let (bookmarks, losses) = dsl.bookmarks(set);
            for loss in losses {
                session.warn(format!("{}: bookmarks: {loss}", plain(&set.name)));
            }
            let meant = bookmarks.into_iter().filter(|mark| is_meant(&mark.name, Kind::Bookmark));
            items.extend(meant.map(Item::Bookmark));
        }
        if self.hidden {
            let dirs = dsl.datasets.dirs.iter().filter(|dir| dir.phys.head_dataset_obj.0 == 0);
            items.extend(dirs.filter(|dir| is_meant(&dir.name, Kind::FileSystem)).map(|dir| Item::Dir(dir)));
        }
        let is_listed = |name: &&String| items.iter().any(|item| item.name() == **name);
        match named.iter().find(|name| name.contains('#') && self.types.is_empty() && !is_listed(name)) {
            Some(name) => Err(Failure(Exit::Nothing, format!("no bookmark '{}'", plain(name)))),
            None => Ok(items),
        }
    }

    /// The full name of what is named; bookmarks are looked up later.
    fn resolve(&self, dsl: &Dsl<'_>, name: &str) -> Result<String, Failure> {
        match name.split_once('#') {
            Some((set, _)) if !set.is_empty() => {
                dsl.datasets.find(set)?;
                Ok(name.to_owned())
            }
            _ => Ok(dsl.datasets.find(name)?.name.clone()),
        }
    }

    /// Whether `name` is listed because it is below `top`.
    fn reaches(&self, top: &str, name: &str) -> bool {
        let most = match (self.depth, self.recursive) {
            (Some(most), _) => most,
            (None, true) => usize::MAX,
            // the snapshots and bookmarks of what is named, if these kinds are asked for
            (None, false) => usize::from(!self.types.is_empty()),
        };
        let is_own = !(self.recursive || self.depth.is_some());
        depth(top, name).is_some_and(|depth| depth <= most) && (!is_own || !below(top, name).contains('/'))
    }
}

/// What `name` has behind `top`.
fn below<'n>(top: &str, name: &'n str) -> &'n str {
    name.strip_prefix(top).unwrap_or_default()
}

/// How many levels `name` is below `top`; snapshots and bookmarks are one below their dataset.
fn depth(top: &str, name: &str) -> Option<usize> {
    let rest = name.strip_prefix(top)?;
    if !rest.is_empty() && !rest.starts_with(['/', '@', '#']) {
        return None;
    }
    Some(rest.matches(['/', '@', '#']).count())
}
