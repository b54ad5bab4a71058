//! A pool that the program has mounted, for as long as a test needs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::program::LIMIT;
use rustix::process::{Pid, Signal, kill_process};

/// A mount, and the process that serves it.
pub(crate) struct Mounted {
    child: Child,
    folder: tempfile::TempDir,
    errors: Option<JoinHandle<String>>,
}

/// Whether this host can mount at all; where it cannot, that is said, past the harness that would swallow it.
pub(crate) fn can_mount() -> bool {
    let is_there = Path::new("/dev/fuse").exists();
    let helper = || Command::new("fusermount3").arg("-V").output().is_ok_and(|run| run.status.success());
    let can = cfg!(target_os = "linux") && is_there && (rustix::process::geteuid().is_root() || helper());
    if !can {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        let line = format!(
            "\n*** SKIPPED: {test}: there is no FUSE on this host: /dev/fuse is missing, or may not be used ***\n"
        );
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    can
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
