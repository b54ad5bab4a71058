//! A pool that the program has mounted, for as long as a test needs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::program::LIMIT;
use crate::common::{fixture, unpacked};
use rustix::process::{Pid, Signal, kill_process};

/// A mount, and the process that serves it.
pub(crate) struct Mounted {
    child: Child,
    folder: tempfile::TempDir,
    errors: Option<JoinHandle<String>>,
}

/// Whether this host can mount at all; where it cannot, that is said. It is tried: a container may have the device, but
/// not the right.
pub(crate) fn can_mount() -> bool {
    static WHY_NOT: OnceLock<Option<String>> = OnceLock::new();
    let refusals =
        ["there is no FUSE", "Operation not permitted", "Permission denied", "fusermount3 is missing"];
    let why_not = WHY_NOT.get_or_init(|| {
        let said = Mounted::new(&[unpacked(&fixture("simple").images()[0])], &[]).err()?;
        refusals.iter().any(|refusal| said.contains(refusal)).then_some(said)
    });
    if let Some(said) = why_not {
        say_skipped(&format!("this host cannot mount: {said}"));
    }
    why_not.is_none()
}

/// The same for tests that unmount as root does.
pub(crate) fn can_mount_as_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        say_skipped("only root can do this");
    }
    is_root && can_mount()
}

/// Past the harness, which would swallow it.
fn say_skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    std::io::stderr().write_all(format!("\n*** SKIPPED: {test}: {why} ***\n").as_bytes()).unwrap();
}

impl Mounted {
    /// Mounts the pool on these devices.
    ///
    /// # Errors
    /// What the program says if it does not.
    pub(crate) fn new(devices: &[PathBuf], options: &[&str]) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_zexplore"));
        command.arg("mount").arg(folder.path()).arg("--foreground").args(options).arg("-p").args(devices);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = errors.read_to_string(&mut text);
            text
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut mounted = Self { child, folder, errors: Some(errors) };
        match line.contains("is mounted on") {
            true => Ok(mounted),
            false => Err(mounted.end().1),
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The process that serves it.
    pub(crate) fn process(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the end; returns the exit code, and what was said on standard error.
    pub(crate) fn end(&mut self) -> (i32, String) {
        let deadline = Instant::now() + LIMIT;
        let code = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.code().unwrap_or(-1),
                None if Instant::now() > deadline => {
                    self.child.kill().unwrap();
                    panic!("{}: the mount does not end: somebody uses it", self.folder.path().display());
                }
                None => std::thread::sleep(Duration::from_millis(3)),
            }
        };
        (code, self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default())
    }

    /// Ends it as Ctrl-C would.
    pub(crate) fn unmount(mut self) -> (i32, String) {
        let _ = kill_process(self.process(), Signal::INT);
        self.end()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.errors.is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = rustix::mount::unmount(self.folder.path(), rustix::mount::UnmountFlags::DETACH);
        }
    }
}
