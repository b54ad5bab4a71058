//! The end of a mount: Ctrl-C, SIGTERM and SIGHUP unmount it.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fuser::SessionUnmounter;

use crate::common::output::{WARNING, plain};
use crate::common::user_keys::INTERRUPTED;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on signals unmount it; a second one ends the program at once.
pub(super) fn on_signals(mut session: SessionUnmounter, mountpoint: PathBuf) {
    let end = move || {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(INTERRUPTED);
        }
        if let Err(error) = session.unmount() {
            let next = detach(&mountpoint);
            let what = format!("{}: {error}: {next}", mountpoint.display());
            anstream::eprintln!("{WARNING}zexplore:{WARNING:#} {}", plain(&what));
        }
    };
    // where signals cannot be caught, the mount stays until it is unmounted
    let _ = ctrlc::set_handler(end);
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
