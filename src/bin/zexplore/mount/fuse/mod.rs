//! From the pool to the mount, and to its end.
//!
//! | part | file |
//! |---|---|
//! | what the kernel asks | `server.rs` |
//! | how answers are worded | `answer.rs` |
//! | open files and directories | `handles.rs` |
//! | what is damaged, told once | `log.rs` |
//! | the process in the background | `background.rs` |
//! | Ctrl-C and SIGTERM | `ending.rs` |

mod answer;
mod background;
mod ending;
mod handles;
mod log;
mod server;

use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::available_parallelism;

use fuser::{Config, MountOption, SessionACL};
use serde::Serialize;
use zfsp::block::Cache;
use zfsp::mount::{Made, Named, Tree};

use super::{INSTEAD, Options};
use crate::common::exit::{Exit, Failure};
use crate::overview::is_unreplayed;
use crate::session::Session;
pub(crate) use background::start;
use handles::Handles;
use log::{Log, tell};
use server::Server;

/// What is mounted.
#[derive(Debug, Serialize)]
struct Mounted {
    /// `pool`, `pool/a@snapshot`.
    dataset: String,
    /// The state that is shown.
    txg: u64,
    mountpoint: PathBuf,
    /// Of the process that serves it.
    pid: u32,
}

/// Threads that answer the kernel, at least, and at most: some wait for a device while others work.
const THREADS: (usize, usize) = (4, 16);
/// KiB that the kernel asks for ahead.
#[cfg(target_os = "linux")]
const READ_AHEAD_KIB: &str = "16384";
/// Bytes of a name.
const USUAL_NAME: u32 = 255;
/// The same where the pool has the feature for it.
const LONG_NAME: u32 = 1023;
/// That feature.
const LONG_NAMES: &str = "org.zfsonlinux:longname";

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let Some(mountpoint) = &options.mountpoint else {
        let what =
            "no mount point: name the folder that is to show the pool, as in zexplore mount /mnt -p PATH";
        return Err(Failure(Exit::Usage, what.into()));
    };
    check(mountpoint)?;
    ending::watch();
    let mountpoint = &mountpoint.canonicalize().unwrap_or_else(|_| mountpoint.clone());
    let pool = Arc::new(session.pool()?);
    let names = session.names(pool.clone());
    let tree = Tree::of(names, options.dataset.as_deref())?;
    tree.losses().iter().for_each(|loss| session.warn(loss));
    tell_of_top(session, &tree)?;
    tell_of_others(session, &tree);
    let dataset = tree.top().map(|top| top.name.clone()).unwrap_or_default();
    let (tree, log, kernel_asks_ahead) =
        (Arc::new(tree), Arc::<Log>::default(), Arc::<AtomicBool>::default());
    let (served_until, end) = channel();
    let server = Server {
        space: tree.names().dsl().space(),
        longest_name: if pool.uses_feature(LONG_NAMES) { LONG_NAME } else { USUAL_NAME },
        checks_permissions: options.allow_other,
        cache: Arc::new(Cache::with_room(options.cache)),
        kernel_asks_ahead: kernel_asks_ahead.clone(),
        log: log.clone(),
        end: served_until,
        files: Handles::default(),
        directories: Handles::default(),
        tree,
    };
    ending::prepare();
    let served = fuser::Session::new(server, mountpoint, &config(&dataset, options))
        .and_then(fuser::Session::spawn)
        .map_err(|error| refused(mountpoint, options, &error))?;
    // it would unmount whatever is mounted there when it is dropped, also what came later
    let _served = ManuallyDrop::new(served);
    ending::mounted(mountpoint.clone());
    kernel_asks_ahead.store(widen_read_ahead(mountpoint), Ordering::Relaxed);
    let txg = pool.uberblock.txg.0;
    let facts = Mounted { dataset, txg, mountpoint: mountpoint.clone(), pid: std::process::id() };
    let shown = session.show(&facts, Mounted::text).unwrap_or_else(|Failure(_, why)| {
        tell(&why);
        Exit::Damaged
    });
    background::let_go(shown);
    // it fails only if the server has gone
    let _ = end.recv();
    Ok(if log.has_lost() { session.exit().max(Exit::Damaged) } else { session.exit() })
}

impl Mounted {
    fn text(&self) -> String {
        let Self { dataset, mountpoint, .. } = self;
        let mountpoint = mountpoint.display();
        let end = if background::is_child() { ending::command(&mountpoint) } else { "Ctrl-C".into() };
        format!("{dataset} is mounted on {mountpoint}, read-only; {end} unmounts it\n")
    }
}

/// Has the kernel ask further ahead of who reads on: the 128 KiB that it has for all of FUSE keep one thread busy. Only
/// root may do that; false if it was refused.
#[cfg(target_os = "linux")]
#[allow(clippy::disallowed_methods)] // a setting of the mount itself
fn widen_read_ahead(mountpoint: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
    // without a question to this process, which does not answer yet
    let Ok(found) = statx(CWD, mountpoint, AtFlags::STATX_DONT_SYNC, StatxFlags::empty()) else {
        return false;
    };
    let device = format!("{}:{}", found.stx_dev_major, found.stx_dev_minor);
    std::fs::write(format!("/sys/class/bdi/{device}/read_ahead_kb"), READ_AHEAD_KIB).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn widen_read_ahead(_: &Path) -> bool {
    false
}

/// What the kernel is told.
fn config(dataset: &str, options: &Options) -> Config {
    let mut config = Config::default();
    // a name from a disk must not become an option
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    let name = dataset.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    config.mount_options = vec![
        MountOption::RO,
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoAtime,
        MountOption::FSName(name),
        MountOption::Subtype("zexplore".into()),
    ];
    if options.allow_other {
        config.acl = SessionACL::All;
        config.mount_options.push(MountOption::DefaultPermissions);
    }
    if cfg!(target_os = "linux") {
        let (least, most) = THREADS;
        let threads = available_parallelism().map_or(least, NonZeroUsize::get).saturating_mul(2);
        config.n_threads = Some(threads.clamp(least, most));
        config.clone_fd = true;
    }
    config
}

/// Fails for what cannot be a mount point; tells what will be hidden.
fn check(mountpoint: &Path) -> Result<(), Failure> {
    let name = mountpoint.display();
    let what = match std::fs::metadata(mountpoint) {
        Ok(found) if found.is_dir() => match std::fs::metadata(mountpoint.join("..")) {
            Ok(above) if above.ino() == found.ino() && above.dev() == found.dev() => {
                format!("{name}: the root of all files: it would be hidden; make a folder for it")
            }
            Ok(above) => {
                let has_entries = || std::fs::read_dir(mountpoint).is_ok_and(|mut all| all.next().is_some());
                if above.dev() != found.dev() {
                    tell(&format!(
                        "{name}: something is mounted there already: it is hidden until this ends"
                    ));
                } else if has_entries() {
                    tell(&format!("{name}: not empty: what is there is hidden until this ends"));
                }
                return Ok(());
            }
            Err(_) => return Ok(()),
        },
        Ok(_) => format!("{name}: not a folder: nothing can be mounted there"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            format!("{name}: no such folder: make it first, with mkdir")
        }
        Err(error) if error.kind() == ErrorKind::NotConnected => {
            let end = ending::command(&name);
            format!("{name}: a mount whose program has died is still there: {end} takes it away")
        }
        Err(error) => format!("{name}: {error}"),
    };
    Err(Failure(Exit::Nothing, what))
}

/// What is wrong with the dataset at the top. If nothing is below it, there is nothing to be shown.
fn tell_of_top(session: &mut Session<'_>, tree: &Tree<'_>) -> Result<(), Failure> {
    match tree.list(tree.root()) {
        Err(error) => Err(error.into()),
        Ok(listing) => match listing.losses.first() {
            Some(error) if is_lost(tree) && !shows_another(tree) => Err(error.into()),
            Some(error) => {
                session.lose(error);
                Ok(())
            }
            None => Ok(()),
        },
    }
}

/// Which datasets are locked, and which have writes that are not shown.
fn tell_of_others(session: &mut Session<'_>, tree: &Tree<'_>) {
    let Some(top) = tree.top() else { return };
    let names = tree.names();
    let (pool, is_replayed) = (names.pool(), session.global.replay);
    let is_shown = |name: &str| name == top.name || is_below(name, &top.name);
    let heads = names.datasets().all.iter().filter(|set| !set.is_hidden && !set.is_snapshot());
    for set in heads.filter(|set| is_shown(&set.name)) {
        let Ok(objects) = set.objset(pool) else { continue };
        if objects.is_locked() {
            session.lose(&names.locked(set));
        } else if !is_replayed && is_unreplayed(pool, &objects) {
            tell(&format!(
                "{}: its intent log has writes that are not shown: --replay applies them",
                set.name
            ));
        }
    }
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_prefix(above).is_some_and(|rest| rest.starts_with(['/', '@']))
}

/// Whether nothing of the dataset at the top can be shown.
fn is_lost(tree: &Tree<'_>) -> bool {
    tree.root().parts().is_some_and(|(_, named)| named == Named::Made(Made::Root))
}

/// Whether a dataset or snapshot below the one at the top can be read.
fn shows_another(tree: &Tree<'_>) -> bool {
    let Some(top) = tree.top() else { return false };
    let all = tree.names().datasets().all.iter();
    let mut below = all.filter(|set| !set.is_hidden && is_below(&set.name, &top.name));
    below.any(|set| tree.names().open(set).is_ok())
}

/// The device of FUSE.
#[cfg(target_os = "linux")]
const DEVICE: &str = "/dev/fuse";

/// Why nothing was mounted, and what to do.
fn refused(mountpoint: &Path, options: &Options, error: &io::Error) -> Failure {
    let name = mountpoint.display();
    #[cfg(target_os = "linux")]
    let is_missing = std::fs::metadata(DEVICE).is_err();
    #[cfg(not(target_os = "linux"))]
    let is_missing = false;
    let text = error.to_string();
    let text =
        if text.trim().is_empty() { "fusermount3 does not mount it, nor say why" } else { text.trim() };
    let what = if is_missing {
        "there is no FUSE: /dev/fuse is missing; modprobe fuse loads it, where the kernel has it".into()
    } else if error.kind() == ErrorKind::PermissionDenied && !options.allow_other {
        format!("{name}: {}: be root, or of the group that may open /dev/fuse", text)
    } else if error.kind() == ErrorKind::NotFound {
        let package = if cfg!(target_os = "macos") { "macFUSE" } else { "the package fuse3" };
        format!("{name}: fusermount3 is missing; install {package}, or be root")
    } else if options.allow_other && error.kind() == ErrorKind::PermissionDenied {
        format!("{name}: {}; or leave out --allow-other", text)
    } else {
        format!("{name}: {}", text)
    };
    Failure(Exit::Nothing, format!("{what}\n{INSTEAD}"))
}
