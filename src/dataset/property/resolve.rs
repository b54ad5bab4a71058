//! How stored values are found: own, received, inherited, default.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.5, "Effective value".

use std::collections::BTreeSet;

use zfsp_grammar::dsl::property::{Class, Form, Property, is_user, key};
use zfsp_grammar::input::Text;
use zfsp_grammar::zap::value::Integers;

use super::{Answer, Source, Value};
use crate::dataset::{Dataset, Dir, Dsl};
use crate::object::Loss;

/// A stored value, and where it stands.
struct Hit<'d> {
    value: Integers,
    is_received: bool,
    /// `None`: with the snapshot itself.
    dir: Option<&'d Dir>,
}

impl Hit<'_> {
    fn source(&self, set: &Dataset) -> Source {
        match self.dir {
            // a snapshot inherits also from its own directory
            Some(dir) if set.is_snapshot() || dir.object != set.dir.object => {
                Source::Inherited(dir.name.clone())
            }
            _ if self.is_received => Source::Received,
            _ => Source::Local,
        }
    }
}

impl Dsl<'_> {
    /// A native property that is stored as one.
    pub(super) fn stored_property(
        &self,
        set: &Dataset,
        property: &Property,
    ) -> Result<(Value, Source), Loss> {
        Ok(match self.stored(set, property.name, is_inherited(property), Some(property))? {
            Some(hit) => (value(property, &hit.value), hit.source(set)),
            None => (default(property), Source::Default),
        })
    }

    /// Where the value of a property that stands elsewhere comes from, if the ZAPs say so.
    pub(super) fn stored_source(&self, set: &Dataset, name: &str) -> Result<Option<Source>, Loss> {
        Ok(self.stored(set, name, false, None)?.map(|hit| hit.source(set)))
    }

    /// The path of `mountpoint`: what was set above, and the names from there on.
    pub(super) fn mountpoint(&self, set: &Dataset) -> Answer {
        let Some(hit) = self.stored(set, "mountpoint", true, None)? else {
            return Ok(Some((Value::Text(format!("/{}", set.dir.name)), Source::Default)));
        };
        let path = text(&hit.value);
        let from = hit.dir.map_or(set.dir.name.as_str(), |dir| dir.name.as_str());
        let rest = set.dir.name.strip_prefix(from).unwrap_or_default();
        let path = match path.as_str() {
            "none" | "legacy" => path,
            // "/" and "/a" are "/a"
            _ if !rest.is_empty() => format!("{}{rest}", path.trim_end_matches('/')),
            _ => path,
        };
        Ok(Some((Value::Text(path), hit.source(set))))
    }

    /// A property of a user.
    pub(super) fn user_property(&self, set: &Dataset, name: &str) -> Answer {
        let hit = self.stored(set, name, true, None)?;
        Ok(hit.map(|hit| (Value::Text(text(&hit.value)), hit.source(set))))
    }

    /// The names of the properties of users that may apply to a dataset, and what is lost of them.
    pub(super) fn user_properties(&self, set: &Dataset) -> (BTreeSet<String>, Vec<Loss>) {
        let (mut names, mut losses) = (BTreeSet::new(), Vec::new());
        let own = set.is_snapshot().then_some(set.phys.props_obj.0);
        let above = set.dir.upwards().map(|dir| dir.phys.props_zapobj.0);
        for zap in own.into_iter().chain(above) {
            let all = self.zap(zap);
            let keys = all.iter().map(|(name, _)| key(name).0);
            names.extend(keys.filter(|name| is_user(name)).map(str::to_owned));
            losses.extend(all.losses.iter().cloned());
        }
        (names, losses)
    }

    /// The rules of 11.5, in their order. `known` is the property whose `$iuv` values are understood.
    fn stored<'d>(
        &self,
        set: &'d Dataset,
        name: &str,
        is_inherited: bool,
        known: Option<&Property>,
    ) -> Result<Option<Hit<'d>>, Loss> {
        let [inherit, received, unknown] =
            ["inherit", "recvd", "iuv"].map(|suffix| format!("{name}${suffix}"));
        if set.is_snapshot() {
            let own = self.zap(set.phys.props_obj.0);
            if let Some(value) = own.get(name)? {
                return Ok(Some(Hit { value: value.clone(), is_received: false, dir: None }));
            }
            if let Some(value) = own.get(&received)?
                && !(is_inherited && own.get(&inherit)?.is_some())
            {
                return Ok(Some(Hit { value: value.clone(), is_received: true, dir: None }));
            }
            if !is_inherited {
                return Ok(None);
            }
        }
        let levels = if is_inherited { usize::MAX } else { 1 };
        for dir in set.dir.upwards().take(levels) {
            let all = self.zap(dir.phys.props_zapobj.0);
            let hit =
                |value: &Integers, is_received| Hit { value: value.clone(), is_received, dir: Some(dir) };
            let can_be_shown = |value: &&Integers| known.is_some_and(|property| is_known(property, value));
            if let Some(value) = all.left(&unknown).filter(can_be_shown) {
                return Ok(Some(hit(value, false)));
            }
            if let Some(value) = all.get(name)? {
                return Ok(Some(hit(value, false)));
            }
            if let Some(value) = all.get(&received)?
                && all.get(&inherit)?.is_none()
            {
                return Ok(Some(hit(value, true)));
            }
        }
        Ok(None)
    }
}

fn is_inherited(property: &Property) -> bool {
    matches!(property.class, Class::Inherit | Class::Once)
}

fn is_known(property: &Property, value: &Integers) -> bool {
    let Form::Index(names) = property.form else { return false };
    names.iter().any(|(n, _)| Some(*n) == value.first())
}

fn text(value: &Integers) -> String {
    Text(value.bytes.strip_suffix(&[0]).unwrap_or(&value.bytes)).to_string()
}

/// What a stored value means.
pub(super) fn value(property: &Property, stored: &Integers) -> Value {
    match (plain(stored), property.form) {
        (Value::Number(n), Form::Bytes) => Value::Bytes(n),
        (Value::Number(n), Form::Count) if n != u64::MAX => Value::Number(n),
        (Value::Number(n), _) => Value::Text(property.show(n).into_owned()),
        (text, _) => text,
    }
}

/// A stored value of which nothing else is known.
pub(super) fn plain(stored: &Integers) -> Value {
    match (stored.width, stored.first()) {
        (8, Some(n)) => Value::Number(n),
        _ => Value::Text(text(stored)),
    }
}

/// The value where nobody set one.
pub(super) fn default(property: &Property) -> Value {
    let text = property.default;
    match (property.form, text.parse()) {
        (Form::Bytes, Ok(n)) => Value::Bytes(n),
        (Form::Bytes, Err(_)) => Value::Bytes(0),
        (Form::Count, Ok(n)) => Value::Number(n),
        _ => Value::Text(text.to_owned()),
    }
}
