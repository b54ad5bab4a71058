//! The keys that were given on the command line: from files, or typed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use zeroize::Zeroizing;
use zfsp::keyring::UserKey;

use crate::common::exit::{Exit, Failure};

/// `DATASET=FILE` or `DATASET=prompt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyArg {
    dataset: String,
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Prompt,
    /// Standard input.
    Input,
    File(PathBuf),
}

impl FromStr for KeyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('=').filter(|(dataset, source)| !dataset.is_empty() && !source.is_empty());
        let (dataset, source) =
            parts.ok_or("a key is given as DATASET=FILE, DATASET=prompt, or DATASET=- for standard input")?;
        let source = match source {
            "prompt" => Source::Prompt,
            "-" => Source::Input,
            // as the property keylocation writes it
            file => Source::File(file.strip_prefix("file://").unwrap_or(file).into()),
        };
        Ok(Self { dataset: dataset.into(), source })
    }
}

/// The keys of both options.
pub(crate) fn read(keys: &[KeyArg], files: &[PathBuf]) -> Result<Vec<UserKey>, Failure> {
    let mut all = Vec::new();
    for key in keys {
        let secret = match &key.source {
            Source::Prompt => prompt(&key.dataset)?,
            Source::Input => limited(std::io::stdin().lock(), "standard input")?,
            Source::File(path) => of_file(path)?,
        };
        all.push(UserKey::of_file(&key.dataset, secret));
    }
    for path in files {
        let text = of_file(path)?;
        let keys = UserKey::of_json(&text);
        all.extend(keys.map_err(|error| Failure(Exit::Usage, format!("{}: {error}", path.display())))?);
    }
    Ok(all)
}

/// Asks at the terminal, without echo.
fn prompt(dataset: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match rpassword::prompt_password(format!("Key of {dataset}: ")) {
        Ok(typed) => Ok(Zeroizing::new(typed.into_bytes())),
        Err(error) => {
            let what = format!(
                "the key of {dataset}: no terminal to ask at ({error}); give it with --key {dataset}=FILE"
            );
            Err(Failure(Exit::Usage, what))
        }
    }
}

#[allow(clippy::disallowed_methods)] // keys are no evidence
fn of_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| Failure(Exit::Usage, format!("{name}: {error}")))?;
    limited(file, &name)
}

/// More than any file of keys has.
const MOST: usize = 1 << 20;

fn limited(from: impl Read, name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // all at once: a buffer that grows leaves copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST));
    let limit = u64::try_from(MOST).unwrap_or(u64::MAX);
    let read = from.take(limit).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() < MOST => Ok(bytes),
        Ok(_) => Err(Failure(Exit::Usage, format!("{name}: too large for a file of keys"))),
        Err(error) => Err(Failure(Exit::Usage, format!("{name}: {error}"))),
    }
}
