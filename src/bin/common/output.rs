//! Standard output. A reader that has seen enough is no failure.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};

use crate::common::exit::{Exit, Failure};

/// What went wrong.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What the user should know, but hindered nothing.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Why nothing is written to a device that is read.
pub(crate) const EVIDENCE: &str = "it is a device, or an image that is read: nothing is written there";

/// Fails for what must not be written to.
pub(crate) fn guard(path: &Path) -> io::Result<()> {
    if zfsp::device::is_evidence(path) { Err(io::Error::other(EVIDENCE)) } else { Ok(()) }
}

/// Makes a file, or empties it: where the user says, but never what is read.
#[allow(clippy::disallowed_methods)] // an output, no evidence
pub(crate) fn create(path: &Path) -> io::Result<File> {
    guard(path)?;
    File::create(path)
}

/// Prints to standard output, with colours where they are wanted.
pub(crate) fn print(text: &str) -> Result<Exit, Failure> {
    written(anstream::stdout().write_all(text.as_bytes()))
}

/// Prints one JSON document to standard output.
pub(crate) fn print_json(document: &impl serde::Serialize) -> Result<Exit, Failure> {
    let write = |mut out: io::StdoutLock<'_>| {
        serde_json::to_writer_pretty(&mut out, document)?;
        out.write_all(b"\n")
    };
    written(write(io::stdout().lock()))
}

/// Prints one line of JSON Lines.
pub(crate) fn print_line(value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = serde_json::to_writer(&mut out, value).map_err(Into::into);
    written(result.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())).map(drop)
}

/// How a run that wrote this ends.
pub(crate) fn written(result: io::Result<()>) -> Result<Exit, Failure> {
    match result {
        Ok(()) => Ok(Exit::Well),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Well),
        Err(e) => Err(Failure(Exit::Nothing, format!("standard output: {e}"))),
    }
}

/// Text from a disk: what could play with the terminal is escaped.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}
