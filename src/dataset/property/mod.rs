//! Properties of datasets: effective values, and where they come from.
//!
//! Most are stored with a directory and pass to those below; others stand elsewhere, or are computed of what the dataset
//! counts. What only a running system knows (`mounted`, `available`, `keystatus`) is not here. Handbook:
//! `docs/format/11-dsl.md`, 11.5.

mod computed;
mod others;
mod pool;
mod resolve;
mod shown;
mod written;

use std::fmt;

use zfsp_grammar::dsl::property::{find, is_user};

use super::{Dataset, DatasetBookmark, Dsl};
use crate::object::Loss;
pub use others::of_dir;
use shown::{How, SHOWN, Target};

/// A property of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: Value,
    /// Where that comes from.
    pub source: Source,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Bytes.
    Bytes(u64),
    /// A number of something else.
    Number(u64),
    /// A ratio, in hundredths.
    Ratio(u64),
    /// Seconds since 1970.
    Time(u64),
    /// Words.
    Text(String),
}

impl fmt::Display for Value {
    /// Exactly: `792` hundredths as `7.92`, all else in full.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(n) | Self::Number(n) | Self::Time(n) => n.fmt(f),
            Self::Ratio(n) => write!(f, "{}.{:02}", n / 100, n % 100),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Set here.
    Local,
    /// Set at the dataset of that name.
    Inherited(String),
    /// Came with a receive.
    Received,
    /// Set nowhere.
    Default,
    /// A fact: nobody sets it, or not after the dataset was made.
    None,
}

impl Source {
    /// `local`, `inherited`, `received`, `default` or `none`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Inherited(_) => "inherited",
            Self::Received => "received",
            Self::Default => "default",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Source {
    /// As `zfs get` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherited(from) => write!(f, "inherited from {from}"),
            Self::None => f.write_str("-"),
            other => f.write_str(other.name()),
        }
    }
}

/// A property if it applies, or why it cannot be told.
type Answer = Result<Option<(Value, Source)>, Loss>;

/// The names of all native properties that a pool can tell, in the order in which they are listed.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHOWN.iter().map(|row| row.name)
}

/// True for the names of properties: native ones, and those of users, which have a colon.
#[must_use]
pub fn is_name(name: &str) -> bool {
    is_user(name) || names().any(|known| known == name)
}

impl Dsl<'_> {
    /// All properties of a dataset, native ones first, and what is lost of them. What a property needs that cannot be
    /// read takes the property with it.
    #[must_use]
    pub fn properties(&self, set: &Dataset) -> (Vec<Setting>, Vec<Loss>) {
        let (mut all, mut losses) = (Vec::new(), Vec::new());
        let target = self.target(set);
        let native = SHOWN.iter().filter(|row| row.is_of(target) && !row.is_on_request);
        let (users, lost) = self.user_properties(set);
        let names = native.map(|row| row.name.to_owned()).chain(users);
        for name in names {
            match self.property(set, &name) {
                Ok(found) => all.extend(found),
                Err(loss) => losses.push(loss),
            }
        }
        losses.extend(lost);
        let mut said = Vec::new();
        losses.retain(|loss| {
            let is_new = !said.contains(&loss.at);
            said.push(loss.at);
            is_new
        });
        (all, losses)
    }

    /// A property of a dataset; `None` if it does not have it.
    ///
    /// # Errors
    /// [`Loss`] of what it takes to tell.
    pub fn property(&self, set: &Dataset, name: &str) -> Result<Option<Setting>, Loss> {
        let setting = |(value, source)| Setting { name: name.to_owned(), value, source };
        if is_user(name) {
            return Ok(self.user_property(set, name)?.map(setting));
        }
        let target = self.target(set);
        let Some(row) = SHOWN.iter().find(|row| row.name == name && row.is_of(target)) else {
            return Ok(None);
        };
        let answer = match row.how {
            How::Stored => match find(name) {
                Some(property) => self.stored_property(set, property).map(Some),
                None => Ok(None),
            },
            How::Computed(answer) => answer(self, set),
        };
        Ok(answer?.map(setting))
    }

    /// All properties of a bookmark, and what is lost of them.
    #[must_use]
    pub fn properties_of_bookmark(&self, of: &DatasetBookmark) -> (Vec<Setting>, Vec<Loss>) {
        others::of_bookmark(self, of)
    }

    /// What its objects cannot tell is taken for a file system.
    fn target(&self, set: &Dataset) -> Target {
        let is_volume = matches!(self.objset_type(set), Ok(Some(zfsp_grammar::objset::ObjsetType::ZVOL)));
        match (is_volume, set.is_snapshot()) {
            (false, false) => Target::FileSystem,
            (true, false) => Target::Volume,
            (false, true) => Target::SnapshotOfFileSystem,
            (true, true) => Target::SnapshotOfVolume,
        }
    }
}
