//! Ctrl-C: long work ends early and shows what it has. Asked twice, it ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::user_keys::INTERRUPTED;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C only asks.
pub(crate) fn watch() {
    let ask = || {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
    };
    // where signals cannot be caught, the program ends as any other
    let _ = ctrlc::set_handler(ask);
}

/// Whether the user has asked for an end.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
