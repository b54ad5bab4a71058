//! Datasets that are locked, and what to do about it.

use zfsp::error::{Error, KeyState, NeededKey};

/// The error; of a locked dataset also what to do next.
pub(crate) fn told(error: &Error) -> String {
    match error {
        Error::Locked { needs: Some(key), .. } => {
            let hint = format!("; its objects are in clear: zexplore objset -d {}", key.dataset);
            format!("{}{hint}", advice(key))
        }
        other => other.to_string(),
    }
}

/// The same for who looks at the objects already.
pub(crate) fn told_of_objects(error: &Error) -> String {
    match error {
        Error::Locked { needs: Some(key), .. } => advice(key),
        other => other.to_string(),
    }
}

/// What opens it.
fn advice(key: &NeededKey) -> String {
    let NeededKey { dataset, root, state } = key;
    match state {
        KeyState::NotGiven => {
            format!("{dataset}: locked: give the key of {root}: --key {root}=FILE (or =prompt)")
        }
        KeyState::Refused | KeyState::Damaged(_) => key.to_string(),
    }
}

/// The same where there is little room: what is to be done is said elsewhere.
pub(crate) fn noted(error: &Error) -> String {
    match error {
        Error::Locked { needs: Some(key), .. } => format!("{}: locked, key of {}", key.dataset, key.root),
        other => other.to_string(),
    }
}
