//! The master node of a file system: object 1, which names the others.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.1.

use zfsp_grammar::master_node::MASTER_NODE;
use zfsp_grammar::zap::names::NormFlags;

use crate::object::Loss;
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
pub(super) const NEWEST: u64 = 5;

impl MasterNode {
    /// The master node of an object set. Keys that cannot be read are added to `losses`, and taken for missing.
    ///
    /// # Errors
    /// [`Loss`], if nothing of it can be read.
    pub(super) fn of(set: &ObjectSet, losses: &mut Vec<Loss>) -> Result<Self, Loss> {
        let object = set.object(MASTER_NODE)?;
        let zap = Zap::of(&object)?;
        let mut number = |key| {
            let read = zap.number(key).unwrap_or_else(|loss| {
                losses.push(loss);
                None
            });
            read.unwrap_or_default()
        };
        let version = number("VERSION");
        let mut place = |key| Some(number(key)).filter(|number| *number != 0);
        let (root, delete_queue, fuid) = (place("ROOT"), place("DELETE_QUEUE"), place("FUID"));
        let (shares, sa_attrs) = (place("SHARES"), place("SA_ATTRS"));
        let normalization = NormFlags(number("normalization"));
        let utf8only = number("utf8only") != 0;
        let casesensitivity = match number("casesensitivity") {
            1 => CaseSensitivity::Insensitive,
            2 => CaseSensitivity::Mixed,
            _ => CaseSensitivity::Sensitive,
        };
        Ok(Self {
            version,
            root,
            delete_queue,
            fuid,
            shares,
            sa_attrs,
            normalization,
            utf8only,
            casesensitivity,
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
