//! What the result cannot say by itself.

use std::fmt;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use zfsp::error::{Error, NeededKey};
use zfsp::namespace::escape::escaped;

/// Something about a file that is not in the result, or not as it was.
#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) kind: Kind,
    /// From the place on that is extracted.
    pub(super) path: Vec<u8>,
    /// Of which part of it.
    pub(super) what: &'static str,
    /// Bytes of the content.
    pub(super) range: Option<Range<u64>>,
    /// Why it is not there, or what it is.
    pub(super) says: Vec<String>,
    /// Why what could be there is not.
    because: Option<Box<str>>,
    /// The key without which a dataset is locked.
    pub(super) needs: Option<Box<NeededKey>>,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// The pool could not give it.
    Lost,
    /// The host did not take it.
    Refused,
    /// No host can hold it: it is told here.
    OnlyHere,
}

impl Note {
    pub(super) fn lost(path: &[u8], what: &'static str, why: impl fmt::Display) -> Self {
        Self::new(Kind::Lost, path, what, vec![why.to_string()])
    }

    /// A dataset that cannot be read, or is locked.
    pub(super) fn of_dataset(path: &[u8], error: &Error) -> Self {
        let needs = match error {
            Error::Locked { needs, .. } => needs.clone(),
            _ => None,
        };
        Self { needs, ..Self::lost(path, "dataset", error) }
    }

    pub(super) fn refused(path: &[u8], what: &'static str, why: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, path, what, vec![why.to_string()])
    }

    pub(super) fn only_here(path: &[u8], what: &'static str, values: Vec<String>) -> Self {
        Self::new(Kind::OnlyHere, path, what, values)
    }

    /// An attribute that the kernel believes: it is not set where the owner is not kept.
    pub(super) fn not_set(path: &[u8], name: &[u8], value: &[u8]) -> Self {
        let name = escaped(name);
        // as getfattr and setfattr write it
        let values = vec![format!("{name}=0s{}", BASE64.encode(value))];
        let because = Some(format!("{name}: its owner is not kept").into());
        Self { because, ..Self::only_here(path, "xattr", values) }
    }

    /// Bytes of the content that are zeros in the result.
    pub(super) fn zeros(path: &[u8], range: Range<u64>, why: impl fmt::Display) -> Self {
        Self { range: Some(range), ..Self::lost(path, "content", why) }
    }

    fn new(kind: Kind, path: &[u8], what: &'static str, says: Vec<String>) -> Self {
        Self { kind, path: path.to_vec(), what, range: None, says, because: None, needs: None }
    }

    /// As a line of the sidecar.
    pub(super) fn json(&self) -> String {
        let length = |range: &Range<u64>| range.end.saturating_sub(range.start);
        let path = std::str::from_utf8(&self.path).ok();
        let says = || self.says.join("; ");
        let line = Line {
            kind: self.kind,
            path,
            path_b64: path.is_none().then(|| BASE64.encode(&self.path)),
            what: self.what,
            offset: self.range.as_ref().map(|range| range.start),
            length: self.range.as_ref().map(length),
            reason: (self.kind != Kind::OnlyHere)
                .then(says)
                .or_else(|| self.because.as_deref().map(str::to_owned)),
            values: (self.kind == Kind::OnlyHere).then_some(&self.says),
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Line<'n> {
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'n str>,
    /// The same where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_b64: Option<String>,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<&'n Vec<String>>,
}

/// As standard error has it: `a/b: bytes 4096..8192: dataset 54 object 8 block 1: no copy is right`.
impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_slice() {
            [] => f.write_str(".")?,
            path => escaped(path).fmt(f)?,
        }
        match &self.range {
            Some(Range { start, end }) => write!(f, ": bytes {start}..{end}")?,
            None => write!(f, ": {}", self.what)?,
        }
        write!(f, ": {}", self.says.join("; "))
    }
}
