//! Dataset properties: how their values are stored, and what the numbers mean.
//!
//! The ZAP of a directory or snapshot maps a property to a number, or to text with its NUL. What the
//! key says behind a `$` tells where the value comes from. Handbook: [`docs/format/11-dsl.md`], 11.5.
//!
//! ```
//! use zfsp_grammar::dsl::property::{Source, find, key};
//!
//! assert_eq!(key("copies$inherit"), ("copies", Source::Inherit));
//! assert!(find("compression").is_some_and(|property| property.show(400).contains("zstd")));
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::borrow::Cow;
use alloc::format;

use crate::input::Text;

/// Where a key of a property ZAP takes its value from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Set here.
    Local,
    /// `$recvd`: came with a receive.
    Received,
    /// `$inherit`: hides the received value of this directory.
    Inherit,
    /// `$iuv`: the value proper, where older software would not know it.
    IgnoreUnknownValue,
    /// `$hasrecvd`: there are received values.
    HasReceived,
    /// A suffix that the format does not know: to be ignored.
    Unknown,
}

/// The property that a key names, and where its value comes from.
#[must_use]
pub fn key(key: &str) -> (&str, Source) {
    match key.split_once('$') {
        None => (key, Source::Local),
        Some(("", "hasrecvd")) => ("", Source::HasReceived),
        Some((name, "recvd")) => (name, Source::Received),
        Some((name, "inherit")) => (name, Source::Inherit),
        Some((name, "iuv")) => (name, Source::IgnoreUnknownValue),
        Some((name, _)) => (name, Source::Unknown),
    }
}

/// How a value passes to the datasets below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Inherited.
    Inherit,
    /// Set at creation, and inherited.
    Once,
    /// Set at creation, not inherited.
    OnceHere,
    /// Not inherited.
    Here,
}

/// The form of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Bytes; 0 is none.
    Bytes,
    /// A number; all ones is none.
    Count,
    /// Text.
    Text,
    /// One of these.
    Index(&'static [(u64, &'static str)]),
    /// An algorithm, and for zstd a level.
    Compression,
    /// A checksum, and whether blocks are compared.
    Dedup,
}

/// A native property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// How it passes on.
    pub class: Class,
    /// The form of its value.
    pub form: Form,
    /// Its value where nobody set one, as text.
    pub default: &'static str,
}

/// The native property called `name`. Names with a colon are user properties: inherited text.
#[must_use]
pub fn find(name: &str) -> Option<&'static Property> {
    PROPERTIES.iter().find(|property| property.name == name)
}

/// A value of a property ZAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'v> {
    /// One word.
    Number(u64),
    /// Bytes, with or without the NUL that ends them.
    Text(&'v [u8]),
}

/// The value of the property `name` in words. What the format does not know prints as it is.
#[must_use]
pub fn show(name: &str, value: Stored<'_>) -> Cow<'static, str> {
    match (find(name), value) {
        (Some(property), Stored::Number(n)) => property.show(n),
        (None, Stored::Number(n)) => format!("{n}").into(),
        (_, Stored::Text(bytes)) => format!("{}", Text(bytes.strip_suffix(&[0]).unwrap_or(bytes))).into(),
    }
}

/// True for user properties: their names have a colon, their values are text, and are inherited.
#[must_use]
pub fn is_user(name: &str) -> bool {
    name.contains(':')
}

/// True if datasets below take the value of `name`; `None` for names that are no properties.
#[must_use]
pub fn is_inherited(name: &str) -> Option<bool> {
    match find(name) {
        Some(property) => Some(matches!(property.class, Class::Inherit | Class::Once)),
        None => is_user(name).then_some(true),
    }
}

impl Property {
    /// A stored number in words.
    #[must_use]
    pub fn show(&self, value: u64) -> Cow<'static, str> {
        match self.form {
            Form::Bytes if value == 0 => "none".into(),
            Form::Count if value == u64::MAX => "none".into(),
            Form::Bytes | Form::Count | Form::Text => format!("{value}").into(),
            Form::Index(names) => {
                named(names, value).map_or_else(|| format!("{value}").into(), Cow::Borrowed)
            }
            Form::Compression => compression(value),
            Form::Dedup => dedup(value),
        }
    }
}

fn named(names: &[(u64, &'static str)], value: u64) -> Option<&'static str> {
    names.iter().find(|(n, _)| *n == value).map(|(_, name)| *name)
}

/// Bits of the algorithm; the level stands above them.
const ALGORITHM_BITS: u32 = 7;

fn compression(value: u64) -> Cow<'static, str> {
    let (algorithm, level) = (value & 0x7f, value.unbounded_shr(ALGORITHM_BITS));
    match (named(COMPRESSION, algorithm), level) {
        (Some(name), 0) => name.into(),
        (Some("zstd"), level) => zstd_level(level),
        _ => format!("{value}").into(),
    }
}

fn zstd_level(level: u64) -> Cow<'static, str> {
    match level {
        1..=19 => format!("zstd-{level}").into(),
        // 102 is never stored: both names of the first fast level become 103
        102 | 103 => "zstd-fast".into(),
        104..=112 => format!("zstd-fast-{}", level.saturating_sub(102)).into(),
        113..=121 => format!("zstd-fast-{}", level.saturating_sub(111).saturating_mul(10)).into(),
        122 => "zstd-fast-500".into(),
        123 => "zstd-fast-1000".into(),
        _ => format!("zstd, unknown level {level}").into(),
    }
}

/// Added to a checksum where blocks are compared too.
const VERIFY: u64 = 0x100;

fn dedup(value: u64) -> Cow<'static, str> {
    let checksum = value & !VERIFY;
    match (named(CHECKSUM, checksum), value & VERIFY != 0) {
        (Some("on"), true) => "verify".into(),
        (Some(name), true) => format!("{name},verify").into(),
        (Some(name), false) => name.into(),
        (None, _) => format!("{value}").into(),
    }
}

const fn property(name: &'static str, class: Class, form: Form, default: &'static str) -> Property {
    Property { name, class, form, default }
}

pub(super) const ON_OFF: Form = Form::Index(&[(0, "off"), (1, "on")]);
const CACHE: Form = Form::Index(&[(0, "none"), (1, "metadata"), (2, "all")]);
const VISIBLE: Form = Form::Index(&[(0, "hidden"), (1, "visible"), (2, "disabled")]);
const CHECKSUM: &[(u64, &str)] = &[
    (0, "inherit"),
    (1, "on"),
    (2, "off"),
    (3, "label"),
    (4, "gang_header"),
    (5, "zilog"),
    (6, "fletcher2"),
    (7, "fletcher4"),
    (8, "sha256"),
    (9, "zilog2"),
    (10, "noparity"),
    (11, "sha512"),
    (12, "skein"),
    (13, "edonr"),
    (14, "blake3"),
];
const COMPRESSION: &[(u64, &str)] = &[
    (0, "inherit"),
    (1, "on"),
    (2, "off"),
    (3, "lzjb"),
    (4, "empty"),
    (5, "gzip-1"),
    (6, "gzip-2"),
    (7, "gzip-3"),
    (8, "gzip-4"),
    (9, "gzip-5"),
    (10, "gzip"),
    (11, "gzip-7"),
    (12, "gzip-8"),
    (13, "gzip-9"),
    (14, "zle"),
    (15, "lz4"),
    (16, "zstd"),
];
/// `encryption`: also the suites of crypto keys.
pub const ENCRYPTION: &[(u64, &str)] = &[
    (0, "inherit"),
    (1, "on"),
    (2, "off"),
    (3, "aes-128-ccm"),
    (4, "aes-192-ccm"),
    (5, "aes-256-ccm"),
    (6, "aes-128-gcm"),
    (7, "aes-192-gcm"),
    (8, "aes-256-gcm"),
];
/// `normalization`: also in the master node of a file system.
pub const NORMALIZATION: &[(u64, &str)] =
    &[(0, "none"), (0x10, "formD"), (0x20, "formKD"), (0x50, "formC"), (0x60, "formKC")];
/// `casesensitivity`: also in the master node of a file system.
pub const CASE_SENSITIVITY: &[(u64, &str)] = &[(0, "sensitive"), (1, "insensitive"), (2, "mixed")];

use Class::{Here, Inherit, Once, OnceHere};

/// Every property that is stored as one.
pub const PROPERTIES: &[Property] = &[
    property("quota", Here, Form::Bytes, "none"),
    property("reservation", Here, Form::Bytes, "none"),
    property("refquota", Here, Form::Bytes, "none"),
    property("refreservation", Here, Form::Bytes, "none"),
    property("filesystem_limit", Here, Form::Count, "none"),
    property("snapshot_limit", Here, Form::Count, "none"),
    property("recordsize", Inherit, Form::Bytes, "131072"),
    property("volblocksize", Once, Form::Bytes, "16384"),
    property("volsize", Here, Form::Bytes, "none"),
    property("special_small_blocks", Inherit, Form::Count, "0"),
    property("copies", Inherit, Form::Count, "1"),
    property("mountpoint", Inherit, Form::Text, "/"),
    property("sharenfs", Inherit, Form::Text, "off"),
    property("sharesmb", Inherit, Form::Text, "off"),
    property("mlslabel", Inherit, Form::Text, "none"),
    property("context", Here, Form::Text, "none"),
    property("fscontext", Here, Form::Text, "none"),
    property("defcontext", Here, Form::Text, "none"),
    property("rootcontext", Here, Form::Text, "none"),
    property("keylocation", Here, Form::Text, "none"),
    property("zoned_uid", Inherit, Form::Count, "0"),
    property("iscsioptions", Inherit, Form::Text, ""),
    property("stmf_sbd_lu", Inherit, Form::Text, ""),
    property("checksum", Inherit, Form::Index(CHECKSUM), "on"),
    property("dedup", Inherit, Form::Dedup, "off"),
    property("compression", Inherit, Form::Compression, "on"),
    property("encryption", Once, Form::Index(ENCRYPTION), "off"),
    property(
        "keyformat",
        OnceHere,
        Form::Index(&[(0, "none"), (1, "raw"), (2, "hex"), (3, "passphrase")]),
        "none",
    ),
    property("snapdir", Inherit, VISIBLE, "hidden"),
    property("snapdev", Inherit, VISIBLE, "hidden"),
    property(
        "aclmode",
        Inherit,
        Form::Index(&[(0, "discard"), (2, "groupmask"), (3, "passthrough"), (4, "restricted")]),
        "discard",
    ),
    property(
        "aclinherit",
        Inherit,
        Form::Index(&[
            (0, "discard"),
            (1, "noallow"),
            (3, "passthrough"),
            (4, "restricted"),
            (5, "passthrough-x"),
        ]),
        "restricted",
    ),
    property("acltype", Inherit, Form::Index(&[(0, "off"), (1, "posix"), (2, "nfsv4")]), "off"),
    property("xattr", Inherit, Form::Index(&[(0, "off"), (1, "dir"), (2, "sa")]), "sa"),
    property(
        "dnodesize",
        Inherit,
        Form::Index(&[
            (0, "legacy"),
            (1, "auto"),
            (1024, "1k"),
            (2048, "2k"),
            (4096, "4k"),
            (8192, "8k"),
            (16_384, "16k"),
        ]),
        "legacy",
    ),
    property(
        "redundant_metadata",
        Inherit,
        Form::Index(&[(0, "all"), (1, "most"), (2, "some"), (3, "none")]),
        "all",
    ),
    property("logbias", Inherit, Form::Index(&[(0, "latency"), (1, "throughput")]), "latency"),
    property("sync", Inherit, Form::Index(&[(0, "standard"), (1, "always"), (2, "disabled")]), "standard"),
    property("primarycache", Inherit, CACHE, "all"),
    property("secondarycache", Inherit, CACHE, "all"),
    property("prefetch", Inherit, CACHE, "all"),
    property(
        "volmode",
        Inherit,
        Form::Index(&[(0, "default"), (1, "full"), (2, "dev"), (3, "none")]),
        "default",
    ),
    property("direct", Inherit, Form::Index(&[(0, "disabled"), (1, "standard"), (2, "always")]), "standard"),
    property("canmount", Here, Form::Index(&[(0, "off"), (1, "on"), (2, "noauto")]), "on"),
    property("casesensitivity", Once, Form::Index(CASE_SENSITIVITY), "sensitive"),
    property("normalization", Once, Form::Index(NORMALIZATION), "none"),
    property("utf8only", Once, ON_OFF, "off"),
    property("version", Here, Form::Count, "5"),
    property("atime", Inherit, ON_OFF, "on"),
    property("relatime", Inherit, ON_OFF, "on"),
    property("devices", Inherit, ON_OFF, "on"),
    property("exec", Inherit, ON_OFF, "on"),
    property("setuid", Inherit, ON_OFF, "on"),
    property("readonly", Inherit, ON_OFF, "off"),
    property("zoned", Inherit, ON_OFF, "off"),
    property("vscan", Inherit, ON_OFF, "off"),
    property("nbmand", Inherit, ON_OFF, "off"),
    property("overlay", Inherit, ON_OFF, "on"),
    property("longname", Inherit, ON_OFF, "off"),
    property("volthreading", Here, ON_OFF, "on"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 11, 11.5: the worked examples.
    #[test]
    fn real_values() {
        let show = |name: &str, value| find(name).unwrap().show(value).into_owned();
        assert_eq!(show("compression", 400), "zstd-3");
        // `zfs set compression=zstd-fast-1` reads back so
        assert_eq!(show("compression", 13_200), "zstd-fast");
        assert_eq!(show("compression", 14_352), "zstd-fast-10");
        assert_eq!(show("compression", 15_504), "zstd-fast-100");
        assert_eq!(show("compression", 15_760), "zstd-fast-1000");
        assert_eq!(show("compression", 10), "gzip");
        assert_eq!(show("compression", 16), "zstd");
        assert_eq!(show("dedup", 264), "sha256,verify");
        assert_eq!(show("compression", 2448), "zstd-19");
        assert_eq!(show("compression", 16 | 113 << 7), "zstd-fast-20");
        assert_eq!(show("compression", 16 | 121 << 7), "zstd-fast-100");
        assert_eq!(show("dedup", 267), "sha512,verify");
        assert_eq!(show("dedup", 257), "verify");
        assert_eq!(show("dedup", 2), "off");
        assert_eq!(show("snapshot_limit", u64::MAX), "none");
        assert_eq!(show("snapdir", 2), "disabled");
        assert_eq!(show("sync", 77), "77");
    }
    /// Chapter 11, 11.5: complete ZAPs.
    #[test]
    fn texts_and_numbers() {
        for (name, value, expected) in [
            ("dnodesize", Stored::Number(2048), "2k"),
            ("quota", Stored::Number(52_428_800), "52428800"),
            ("canmount", Stored::Number(2), "noauto"),
            ("checksum", Stored::Number(8), "sha256"),
            ("mountpoint", Stored::Text(b"/srcmnt\0"), "/srcmnt"),
            ("org.example:u", Stored::Text(b"one\0"), "one"),
            ("later", Stored::Number(7), "7"),
        ] {
            assert_eq!(super::show(name, value), expected, "{name}");
        }
        assert_eq!(is_inherited("org.example:u"), Some(true));
        assert_eq!(is_inherited("casesensitivity"), Some(true));
        assert_eq!(is_inherited("keyformat"), Some(false));
        assert_eq!(is_inherited("later"), None);
    }
    #[test]
    fn defaults_are_values() {
        for property in PROPERTIES {
            if let Form::Index(names) = property.form {
                assert!(names.iter().any(|(_, name)| *name == property.default), "{}", property.name);
            }
        }
    }
    #[test]
    fn keys() {
        assert_eq!(key("copies$inherit"), ("copies", Source::Inherit));
        assert_eq!(key("$hasrecvd"), ("", Source::HasReceived));
        assert_eq!(key("org.example:u"), ("org.example:u", Source::Local));
        assert_eq!(key("snapdir$later"), ("snapdir", Source::Unknown));
    }
}
