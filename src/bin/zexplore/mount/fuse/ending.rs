//! The end of a mount: Ctrl-C, SIGTERM and SIGHUP unmount it.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fuser::SessionUnmounter;

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
    Mounted(SessionUnmounter, PathBuf),
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
            State::Mounted(session, mountpoint) => unmount(session, &mountpoint),
        }
    });
}

/// It is going to be mounted.
pub(super) fn prepare() {
    *state() = State::Mounting;
}

/// It is mounted; if the end was asked for by now, that is now.
pub(super) fn mounted(session: SessionUnmounter, mountpoint: PathBuf) {
    let mut state = state();
    match *state {
        State::Hurried => {
            *state = State::Ending;
            unmount(session, &mountpoint);
        }
        _ => *state = State::Mounted(session, mountpoint),
    }
}

fn unmount(mut session: SessionUnmounter, mountpoint: &Path) {
    if let Err(error) = session.unmount() {
        let next = detach(mountpoint);
        tell(&format!("{}: {error}: {next}", mountpoint.display()));
    }
}

/// Takes a mount that is in use out of sight.
#[cfg(target_os = "linux")]
fn detach(mountpoint: &Path) -> &'static str {
    match rustix::mount::unmount(mountpoint, rustix::mount::UnmountFlags::DETACH) {
        Ok(()) => {
            "nobody new gets in; it ends with the last program that uses it, or at once if you ask again"
        }
        Err(_) => "if you ask again, it ends at once",
    }
}

#[cfg(not(target_os = "linux"))]
fn detach(_: &Path) -> &'static str {
    "if you ask again, it ends at once"
}

/// The command that unmounts it.
pub(super) fn command(mountpoint: &dyn Display) -> String {
    let has_helper = cfg!(target_os = "linux") && !rustix::process::geteuid().is_root();
    let program = if has_helper { "fusermount3 -u" } else { "umount" };
    format!("{program} {mountpoint}")
}
