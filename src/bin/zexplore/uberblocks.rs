//! `zexplore uberblocks`.

use crate::session::Session;
use crate::shared::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

pub(crate) fn run(session: &mut Session<'_>, _options: &Options) -> Result<Exit, Failure> {
    session.pool().map(|_| Exit::Well)
}
