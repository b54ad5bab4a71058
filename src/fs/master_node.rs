//! The master node of a file system: object 1, which names the others.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.1.

use zfsp_grammar::master_node::MASTER_NODE;
use zfsp_grammar::zap::names::NormFlags;

use crate::block::Why;
use crate::object::{Loss, ObjectAt};
use crate::objset::ObjectSet;
use crate::zap::Zap;

/// What the master node says. What it does not say is 0, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MasterNode {
    /// ZPL version: 1 to 5.
    pub version: u64,
    /// The root directory.
    pub root: Option<u64>,
    /// Files without a name that are still open.
    pub delete_queue: Option<u64>,
    /// Domains of identities.
    pub fuid: Option<u64>,
    /// Directory of the ACLs of shares.
    pub shares: Option<u64>,
    /// Registry and layouts of attributes.
    pub sa_attrs: Option<u64>,
    /// How names are normalised before they are compared.
    pub normalization: NormFlags,
    /// Names must be UTF-8.
    pub utf8only: bool,
    /// Whether the case of names counts.
    pub casesensitivity: CaseSensitivity,
}

/// Whether the case of names counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaseSensitivity {
    /// It does.
    #[default]
    Sensitive,
    /// It does not.
    Insensitive,
    /// It does, unless a client asks otherwise.
    Mixed,
}

/// The newest version there is: what is newer must be refused.
const NEWEST: u64 = 5;

impl MasterNode {
    /// The master node of an object set.
    ///
    /// # Errors
    /// [`Loss`], if it cannot be read, or is of a version that is not known.
    pub(super) fn of(set: &ObjectSet) -> Result<Self, Loss> {
        let object = set.object(MASTER_NODE)?;
        let zap = Zap::of(&object)?;
        let number = |key| zap.number(key).map(Option::unwrap_or_default);
        let place = |key| zap.number(key).map(|number| number.filter(|number| *number != 0));
        let version = number("VERSION")?;
        if version > NEWEST {
            let at = ObjectAt { objset: set.id, object: 1 }.block(0, 0);
            return Err(Loss::new(at, Why::Unsupported(format!("ZPL version {version}"))));
        }
        Ok(Self {
            version,
            root: place("ROOT")?,
            delete_queue: place("DELETE_QUEUE")?,
            fuid: place("FUID")?,
            shares: place("SHARES")?,
            sa_attrs: place("SA_ATTRS")?,
            normalization: NormFlags(number("normalization")?),
            utf8only: number("utf8only")? != 0,
            casesensitivity: match number("casesensitivity")? {
                1 => CaseSensitivity::Insensitive,
                2 => CaseSensitivity::Mixed,
                _ => CaseSensitivity::Sensitive,
            },
        })
    }

    /// How names are prepared before they are compared; nothing: byte by byte.
    #[must_use]
    pub fn matching(&self) -> NormFlags {
        match self.casesensitivity {
            CaseSensitivity::Insensitive => NormFlags(self.normalization.0 | 2),
            CaseSensitivity::Sensitive | CaseSensitivity::Mixed => self.normalization,
        }
    }
}
