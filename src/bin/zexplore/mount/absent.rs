//! Where there is no FUSE.

use super::{INSTEAD, Options};
use crate::common::exit::{Exit, Failure};
use crate::session::Session;

/// There is nothing to be started in the background.
pub(crate) fn start(_: &Options) -> Option<Result<Exit, Failure>> {
    None
}

pub(crate) fn run(_: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let Options { mountpoint: _, dataset: _, allow_other: _, foreground: _, cache: _ } = options;
    let what = if cfg!(unix) {
        "this zexplore was built without the feature 'mount'"
    } else {
        "FUSE is for Linux, the BSDs and macOS"
    };
    Err(Failure(Exit::Nothing, format!("{what}\n{INSTEAD}")))
}
