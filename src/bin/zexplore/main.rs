//! `zexplore`: explores whole pools. Its commands are not written yet; what one structure says, its
//! sister `zfsp-decode` tells.
#![allow(clippy::print_stderr)] // a program prints

use std::process::ExitCode;

fn main() -> ExitCode {
    anstream::eprintln!(
        "zexplore: no command is there yet; zfsp-decode reads labels, objects and single blocks"
    );
    ExitCode::from(2)
}
