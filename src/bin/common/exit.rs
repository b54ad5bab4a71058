//! How a run ends.

use std::process::ExitCode;

use zfsp::error::Error;

use crate::common::locked::told;
use crate::common::output::{ERROR, plain};

/// How a run ends; what is worse is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// All well.
    Well,
    /// Done, but something was damaged, missing, locked or unsupported: standard error says what.
    Damaged,
    /// Nothing could be done.
    Nothing,
    /// The command line makes no sense.
    Usage,
}

/// For the help of each program.
pub(crate) const CODES: &str = "Exit codes: 0 all well; 1 nothing could be done; 2 usage; \
3 done, but something is damaged, missing, locked or unsupported";

impl Exit {
    /// Its number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Nothing => 1,
            Self::Usage => 2,
            Self::Damaged => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// Why nothing was done.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Exit, pub(crate) String);

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let exit = if matches!(error, Error::Locked { .. }) { Exit::Damaged } else { Exit::Nothing };
        Self(exit, told(error))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

/// The exit code of `program`, which says why it failed.
pub(crate) fn end(program: &str, result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(Failure(exit, why)) => {
            // a hint may follow in lines of its own
            let why: Vec<_> = why.lines().map(plain).collect();
            anstream::eprintln!("{ERROR}{program}:{ERROR:#} {}", why.join("\n"));
            exit.into()
        }
    }
}
