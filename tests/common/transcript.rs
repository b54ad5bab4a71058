//! A command and its whole output.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// One snapshot each, named like its test.
macro_rules! transcripts {
    ($( $name:ident: $line:literal; )*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), $crate::common::transcript::transcript($line, None));
        }
    )* };
}

/// Runs a command line of this project in its folder and returns it with all it says. Words are
/// parted by blanks; `'...'` keeps them together; `COMMAND < FILE` and `FILE | COMMAND` are not known:
/// what is to be piped in is given as `input`.
pub(crate) fn transcript(line: &str, input: Option<&[u8]>) -> String {
    transcript_in(Path::new(env!("CARGO_MANIFEST_DIR")), line, input)
}

/// The same in another folder.
pub(crate) fn transcript_in(folder: &Path, line: &str, input: Option<&[u8]>) -> String {
    let words = words(line);
    let program = match words[0].as_str() {
        "zfsp-decode" => env!("CARGO_BIN_EXE_zfsp-decode"),
        "zexplore" => env!("CARGO_BIN_EXE_zexplore"),
        other => panic!("no program of this project: {other}"),
    };
    let mut child = Command::new(program)
        .args(&words[1..])
        .current_dir(folder)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(input) = input {
        // the program may have seen enough before the end
        let _ = child.stdin.take().unwrap().write_all(input);
    }
    let output = child.wait_with_output().unwrap();
    let mut out = format!("$ {line}\n{}", String::from_utf8_lossy(&output.stdout));
    let errors = String::from_utf8_lossy(&output.stderr);
    if !errors.is_empty() {
        out.push_str(&format!("--- standard error\n{errors}"));
    }
    out.push_str(&format!("--- exit code {}\n", output.status.code().unwrap()));
    out
}

fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
