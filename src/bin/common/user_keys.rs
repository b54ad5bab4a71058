//! The keys that were given on the command line: from files, or typed.
//!
//! Who takes --key for the key itself has written a secret there: messages name the dataset, never the rest.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;
use zfsp::keyring::UserKey;

use crate::common::exit::{Exit, Failure};
use crate::common::prompt::{self, Answer};

/// `DATASET=FILE` or `DATASET=prompt`.
struct KeyArg<'a> {
    dataset: &'a str,
    source: Source<'a>,
}

enum Source<'a> {
    Prompt,
    /// Standard input.
    Input,
    File(&'a Path),
}

impl<'a> KeyArg<'a> {
    fn of(text: &'a str) -> Result<Self, Failure> {
        let parts =
            text.split_once('=').filter(|(dataset, source)| !dataset.is_empty() && !source.is_empty());
        let (dataset, source) = parts.ok_or_else(|| {
            usage("--key takes DATASET=FILE, DATASET=prompt, or DATASET=- for standard input".into())
        })?;
        let source = match source {
            "prompt" => Source::Prompt,
            "-" => Source::Input,
            // as the property keylocation writes it
            file => Source::File(Path::new(OsStr::new(file.strip_prefix("file://").unwrap_or(file)))),
        };
        Ok(Self { dataset, source })
    }
}

fn usage(what: String) -> Failure {
    Failure(Exit::Usage, what)
}

/// The keys of both options.
pub(crate) fn read(keys: &[String], files: &[PathBuf]) -> Result<Vec<UserKey>, Failure> {
    let keys = keys.iter().map(|text| KeyArg::of(text)).collect::<Result<Vec<_>, _>>()?;
    if keys.iter().filter(|key| matches!(key.source, Source::Input)).count() > 1 {
        return Err(usage("standard input holds one key: --key DATASET=- can be given once".into()));
    }
    let mut all = Vec::new();
    for KeyArg { dataset, source } in keys {
        let secret = match source {
            Source::Prompt => prompt(dataset)?,
            Source::Input if std::io::stdin().is_terminal() => prompt(dataset)?,
            Source::Input => limited(std::io::stdin().lock(), "standard input", "")?,
            Source::File(path) => {
                let hint = " (--key takes a file, or prompt, not the key itself)";
                of_file(path, &format!("the key file of {dataset}"), hint)?
            }
        };
        all.push(UserKey::of_file(dataset, secret));
    }
    for (path, n) in files.iter().zip(1..) {
        let name = if files.len() == 1 { "the file of --keys".into() } else { format!("file {n} of --keys") };
        let text = of_file(path, &name, " (--keys takes a file, not the keys themselves)")?;
        // there is such a file: its name is no secret
        let keys = UserKey::of_json(&text).map_err(|error| usage(format!("{}: {error}", path.display())))?;
        all.extend(keys);
    }
    Ok(all)
}

/// Asks at the terminal.
fn prompt(dataset: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match prompt::ask(&format!("Key of {dataset}: ")) {
        Ok(Answer::Typed(key)) => Ok(key),
        Ok(Answer::Nothing) => Err(usage(format!("the key of {dataset}: nothing was typed"))),
        Ok(Answer::Interrupted) => std::process::exit(INTERRUPTED),
        Err(error) => Err(usage(format!(
            "the key of {dataset}: no terminal to ask at ({error}); give it with --key {dataset}=FILE"
        ))),
    }
}

/// What shells expect of a program that was interrupted.
pub(crate) const INTERRUPTED: i32 = 130;

#[allow(clippy::disallowed_methods)] // keys are no evidence
fn of_file(path: &Path, name: &str, hint: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let file = File::open(path).map_err(|error| usage(format!("{name}: {}{hint}", said(&error))))?;
    limited(file, name, hint)
}

/// What the system said, without its number.
fn said(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// More than any file of keys has.
const MOST: usize = 1 << 20;

fn limited(from: impl Read, name: &str, hint: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // all at once: a buffer that grows leaves copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST));
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
    let read = from.take(limit).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() < MOST => Ok(bytes),
        Ok(_) => Err(usage(format!("{name}: too large for a file of keys"))),
        Err(error) => Err(usage(format!("{name}: {}{hint}", said(&error)))),
    }
}
