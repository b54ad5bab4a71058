//! The registry and the layouts of system attributes of a file system.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.3.

use std::collections::HashMap;

use zfsp_grammar::layout::{Definition, Layout, Registration};
use zfsp_grammar::zap::value::{Attribute, Key};

use crate::block::Why;
use crate::object::Loss;
use crate::objset::ObjectSet;
use crate::zap::Zap;

/// What areas of attributes hold, by the numbers in their headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layouts {
    all: HashMap<u16, Layout>,
    /// A part of the registry or of the layouts is lost: layouts that are not known are guessed.
    pub is_incomplete: bool,
}

/// Attributes of an area: a header has room for 63 words of lengths.
const MOST_ATTRIBUTES: usize = 256;

impl Layouts {
    /// As far as they can be read. What is lost is added to `losses`: layouts that are missing can be guessed.
    pub(super) fn of(set: &ObjectSet, sa_attrs: Option<u64>, losses: &mut Vec<Loss>) -> Self {
        let Some(sa_attrs) = sa_attrs else { return Self::default() };
        match Self::read(set, sa_attrs, losses) {
            Ok(layouts) => layouts,
            Err(loss) => {
                losses.push(loss);
                Self { is_incomplete: true, ..Self::default() }
            }
        }
    }

    fn read(set: &ObjectSet, sa_attrs: u64, losses: &mut Vec<Loss>) -> Result<Self, Loss> {
        let master = set.object(sa_attrs)?;
        let place = master.at.block(0, 0);
        let master = Zap::of(&master)?;
        let before = losses.len();
        let mut entries = |key: &str| -> Result<Vec<Attribute>, Loss> {
            let Some(number) = master.number(key)? else { return Ok(Vec::new()) };
            let object = set.object(number)?;
            let (entries, lost): (Vec<_>, Vec<_>) = Zap::of(&object)?.entries().partition(Result::is_ok);
            losses.extend(lost.into_iter().filter_map(Result::err));
            Ok(entries.into_iter().flatten().collect())
        };
        let definition = |entry: &Attribute| match (&entry.key, entry.value.first()) {
            (Key::Name(name), Some(word)) => Some(Definition::new(name, Registration(word))),
            _ => None,
        };
        let registry: Vec<Definition> = entries("REGISTRY")?.iter().filter_map(definition).collect();
        let registry: HashMap<u64, Definition> =
            registry.into_iter().map(|definition| (u64::from(definition.number), definition)).collect();
        let layout = |entry: &Attribute| {
            let number = entry.key.to_string().parse().ok()?;
            // an attribute that is not registered has no length
            let known: Option<Layout> =
                entry.value.iter().map(|number| registry.get(&number).copied()).collect();
            Some((number, known.filter(|all| all.len() <= MOST_ATTRIBUTES)?))
        };
        let entries = entries("LAYOUTS")?;
        let all: HashMap<u16, Layout> = entries.iter().filter_map(layout).collect();
        if all.len() < entries.len() {
            let count = entries.len().saturating_sub(all.len());
            let what = format!("{count} layouts of attributes contradict the registry");
            losses.push(Loss::new(place, Why::Corrupt(what)));
        }
        Ok(Self { all, is_incomplete: losses.len() > before })
    }

    /// The layout of that number.
    #[must_use]
    pub fn get(&self, number: u16) -> Option<&Layout> {
        self.all.get(&number)
    }
}
