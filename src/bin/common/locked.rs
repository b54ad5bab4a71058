//! Datasets that are locked, and what to do about it.

use zfsp::error::{Error, NeededKey};

/// The error; of a locked dataset also what to do next.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::Locked { needs: Some(key), .. } => advice(key),
        other => other.to_string(),
    }
}

/// What opens it, and what can be had without.
fn advice(NeededKey { dataset, root }: &NeededKey) -> String {
    format!(
        "{dataset}: locked: give the key of {root}: --key {root}=FILE (or =prompt); its objects are in clear: zexplore objset -d {dataset}"
    )
}

/// The same where there is little room: what is to be done is said elsewhere.
pub(crate) fn noted(error: &Error) -> String {
    match error {
        Error::Locked { needs: Some(key), .. } => format!("{}: locked, key of {}", key.dataset, key.root),
        other => other.to_string(),
    }
}
