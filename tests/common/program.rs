//! The program, run as users run it, with a limit on its time.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No run may last longer, whatever the damage.
pub(crate) const LIMIT: Duration = Duration::from_secs(10);

/// KiB of address space that a run has, stacks and what the allocator keeps included.
const MEMORY: u64 = 1 << 20;

/// How a run went.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) errors: String,
}

/// Runs `zexplore` on these devices.
///
/// # Errors
/// If it takes too long, is killed, panics, or ends with a code that means none of: well, nothing found, damaged.
pub(crate) fn zexplore(args: &[&str], devices: &[PathBuf]) -> Result<Run, String> {
    // memory that is asked for beyond the limit is refused, and the program ends with a signal
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {MEMORY}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_zexplore")]);
    command.args(args);
    for device in devices {
        command.arg("-p").arg(device);
    }
    let started = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = text(Box::new(child.stdout.take().unwrap()));
    let errors = text(Box::new(child.stderr.take().unwrap()));
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > LIMIT {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err(format!("zexplore {} takes more than {LIMIT:?}", args.join(" ")));
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let run =
        Run { code: status.code().unwrap_or(-1), out: out.join().unwrap(), errors: errors.join().unwrap() };
    if ![0, 1, 3].contains(&run.code) || run.errors.contains("panicked") {
        return Err(format!("zexplore {}: exit code {}: {}", args.join(" "), run.code, run.errors));
    }
    Ok(run)
}
