//! The end of a mount: Ctrl-C, SIGTERM and SIGHUP unmount it.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::log::tell;
use crate::common::user_keys::INTERRUPTED;

/// How far it has come.
static STATE: Mutex<State> = Mutex::new(State::Before);

enum State {
    /// There is nothing to be unmounted.
    Before,
    /// It is being mounted.
    Mounting,
    /// The same; and the end was asked for.
    Hurried,
    Mounted(PathBuf),
    /// It was unmounted, but is in use.
    Ending,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal ends what there is; a second one ends the program at once.
pub(super) fn watch() {
    // where signals cannot be caught, the mount stays until it is unmounted
    let _ = ctrlc::set_handler(|| {
        let mut state = state();
        match std::mem::replace(&mut *state, State::Ending) {
            State::Before | State::Hurried | State::Ending => std::process::exit(INTERRUPTED),
            State::Mounting => *state = State::Hurried,
            State::Mounted(mountpoint) => unmount(&mountpoint),
        }
    });
}

/// It is going to be mounted.
pub(super) fn prepare() {
    *state() = State::Mounting;
}

/// It is mounted; if the end was asked for by now, that is now.
pub(super) fn mounted(mountpoint: PathBuf) {
    let mut state = state();
    match *state {
        State::Hurried => {
            *state = State::Ending;
            unmount(&mountpoint);
        }
        _ => *state = State::Mounted(mountpoint),
    }
}

/// Unmounts it, or, if it is in use, takes it out of sight.
fn unmount(mountpoint: &Path) {
    if run(mountpoint, false).is_ok() {
        return;
    }
    let next = match run(mountpoint, true) {
        Ok(()) => "in use: nobody new gets in; it ends with the last program that uses it",
        Err(_) => "in use, or not to be unmounted",
    };
    tell(&format!("{}: {next}; Ctrl-C or SIGTERM once more ends it at once", mountpoint.display()));
}

/// Unmounts it as root does, or else by the helper; `is_lazy`: though it is in use.
fn run(mountpoint: &Path, is_lazy: bool) -> Result<(), ()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::mount::{UnmountFlags, unmount};
        let flags = if is_lazy { UnmountFlags::DETACH } else { UnmountFlags::empty() };
        match unmount(mountpoint, flags) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::PERM) => {}
            Err(_) => return Err(()),
        }
    }
    let [program, arguments @ ..] = helper();
    let lazy = is_lazy.then_some(if cfg!(target_os = "linux") { "-z" } else { "-f" });
    let mut command = Command::new(program);
    let output = command.args(arguments).args(lazy).arg("--").arg(mountpoint).output();
    output.is_ok_and(|output| output.status.success()).then_some(()).ok_or(())
}

/// What unmounts it for who is not root.
fn helper() -> [&'static str; 2] {
    if cfg!(target_os = "linux") { ["fusermount3", "-u"] } else { ["umount", "-v"] }
}

/// The command that unmounts it.
pub(super) fn command(mountpoint: &dyn Display) -> String {
    let has_helper = cfg!(target_os = "linux") && !rustix::process::geteuid().is_root();
    let program = if has_helper { helper().join(" ") } else { "umount".into() };
    format!("{program} {mountpoint}")
}
