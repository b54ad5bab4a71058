//! The mount in the background: this program once more, in a process of its own, which outlives the one that started it.
//!
//! The child says on its standard output what is to be told, ends that with the exit code in one digit, and closes it.

use std::env;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};

use rustix::fs::FileType;

use super::super::Options;
use super::log::tell;
use crate::common::exit::{Exit, Failure};
use crate::common::output::written;

/// Tells the child that it is waited for.
const IS_WAITED_FOR: &str = "ZEXPLORE_MOUNT_IS_WAITED_FOR";

/// Whether this is the process in the background.
pub(super) fn is_child() -> bool {
    env::var_os(IS_WAITED_FOR).is_some()
}

/// Starts the process in the background and waits until it has mounted the pool; `None` if this is the one that is to
/// do it.
pub(crate) fn start(options: &Options) -> Option<Result<Exit, Failure>> {
    if options.foreground || options.mountpoint.is_none() || is_child() {
        return None;
    }
    let trouble = |error: io::Error| Failure(Exit::Nothing, format!("the background: {error}"));
    Some(wait().unwrap_or_else(|error| Err(trouble(error))))
}

fn wait() -> io::Result<Result<Exit, Failure>> {
    let mut child = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(IS_WAITED_FOR, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let mut told = Vec::new();
    if let Some(mut output) = child.stdout.take() {
        output.read_to_end(&mut told)?;
    }
    let code = match told.pop() {
        Some(digit) => i32::from(digit.wrapping_sub(b'0')),
        // it has said on standard error why it is gone
        None => child.wait()?.code().unwrap_or(1),
    };
    let exit = of_code(code);
    Ok(match written(io::stdout().write_all(&told)) {
        Ok(_) => Ok(exit),
        // it is mounted all the same
        Err(Failure(_, why)) => {
            tell(&why);
            Ok(exit.max(Exit::Damaged))
        }
    })
}

/// The end that an exit code tells; nothing was done if it is of a signal.
fn of_code(code: i32) -> Exit {
    let all = [Exit::Well, Exit::Damaged, Exit::Usage];
    all.into_iter().find(|exit| i32::from(exit.code()) == code).unwrap_or(Exit::Nothing)
}

/// Lets go of who waits, with this exit code, and of the terminal. Standard error stays, since losses are told there:
/// unless it is a pipe, whose reader would wait for the end of the mount.
pub(super) fn let_go(exit: Exit) {
    if !is_child() {
        return;
    }
    let _ = write!(io::stdout(), "{}", exit.code()).and_then(|()| io::stdout().flush());
    // a group of its own: Ctrl-C at the terminal is meant for others from now on
    let _ = rustix::process::setsid();
    // nor does it keep the folder that it was started in
    let _ = env::set_current_dir("/");
    if let Ok(nothing) = nothing() {
        let _ = rustix::stdio::dup2_stdin(&nothing);
        let _ = rustix::stdio::dup2_stdout(&nothing);
        let errors = rustix::fs::fstat(rustix::stdio::stderr());
        if errors.is_ok_and(|errors| FileType::from_raw_mode(errors.st_mode) == FileType::Fifo) {
            let _ = rustix::stdio::dup2_stderr(&nothing);
        }
    }
}

#[allow(clippy::disallowed_methods)] // no evidence
fn nothing() -> io::Result<std::fs::File> {
    std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")
}
