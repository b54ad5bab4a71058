//! Pool properties: a ZAP that the pool directory names.
//!
//! What is not here is in the configuration (name, guid, version, comment, compatibility) or stored
//! nowhere. Names with a colon are user properties. Handbook: `docs/format/11-dsl.md`, 11.17.

use super::property::{Class, Form, ON_OFF, Property};

/// The pool property called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

const fn property(name: &'static str, form: Form, default: &'static str) -> Property {
    Property { name, class: Class::Here, form, default }
}

/// Every property that is stored as one.
pub const PROPERTIES: &[Property] = &[
    // number of the head dataset
    property("bootfs", Form::Bytes, "none"),
    property("failmode", Form::Index(&[(0, "wait"), (1, "continue"), (2, "panic")]), "wait"),
    property("delegation", ON_OFF, "on"),
    property("autoreplace", ON_OFF, "off"),
    property("listsnapshots", ON_OFF, "off"),
    property("autoexpand", ON_OFF, "off"),
    property("multihost", ON_OFF, "off"),
    property("autotrim", ON_OFF, "off"),
    property("ashift", Form::Count, "0"),
    property("dedupditto", Form::Count, "0"),
    property("dedup_table_quota", Form::Index(&[(0, "none"), (u64::MAX, "auto")]), "auto"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let show = |name: &str, value| find(name).unwrap().show(value).into_owned();
        assert_eq!(show("failmode", 1), "continue");
        assert_eq!(show("bootfs", 193), "193");
        assert_eq!(show("bootfs", 0), "none");
        assert_eq!(show("dedup_table_quota", u64::MAX), "auto");
        assert_eq!(show("dedup_table_quota", 1 << 30), "1073741824");
    }
}
