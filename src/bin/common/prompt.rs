//! Asks at the terminal, without echo, and leaves the terminal as it was, however that ends.

use std::io;

use zeroize::Zeroizing;

/// What became of the question.
pub(crate) enum Answer {
    Typed(Zeroizing<Vec<u8>>),
    /// ^D, or an empty line.
    Nothing,
    /// ^C or ^\.
    Interrupted,
}

/// Asks `question`; the answer is one line, without its end.
///
/// # Errors
/// If there is no terminal.
#[cfg(unix)]
#[allow(clippy::disallowed_methods)] // a terminal is no evidence
pub(crate) fn ask(question: &str) -> io::Result<Answer> {
    use std::fs::File;
    use std::io::{Read, Write};

    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    let quiet = Quiet::of(terminal.try_clone()?)?;
    // only now: what is typed as soon as the question stands is not shown
    terminal.write_all(question.as_bytes())?;
    // the terminal gives a line at a time, and none is longer
    let mut line = Zeroizing::new([0; 4096]);
    let length = terminal.read(line.as_mut_slice())?;
    drop(quiet);
    terminal.write_all(b"\n")?;
    let typed = line.get(..length).unwrap_or_default();
    Ok(match typed.split_last() {
        None | Some((b'\n', [])) => Answer::Nothing,
        Some((&(INTERRUPT | QUIT), _)) => Answer::Interrupted,
        Some((b'\n', typed)) => Answer::Typed(Zeroizing::new(typed.to_vec())),
        // ended with ^D
        Some(_) => Answer::Typed(Zeroizing::new(typed.to_vec())),
    })
}

/// ^C
#[cfg(unix)]
const INTERRUPT: u8 = 0x03;
/// ^\
#[cfg(unix)]
const QUIT: u8 = 0x1c;

/// A terminal that shows nothing of what is typed, until this is dropped.
#[cfg(unix)]
struct Quiet {
    terminal: std::fs::File,
    before: rustix::termios::Termios,
}

#[cfg(unix)]
impl Quiet {
    #[allow(clippy::indexing_slicing)] // by name
    fn of(terminal: std::fs::File) -> io::Result<Self> {
        use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        // no signals, which would end the program while the terminal is silent: ^C and ^\ end the line instead
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        silent.local_modes.insert(LocalModes::ICANON);
        silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        silent.special_codes[SpecialCodeIndex::VEOL2] = QUIT;
        // what was typed before is no answer
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

#[cfg(unix)]
impl Drop for Quiet {
    fn drop(&mut self) {
        // nothing more can be done if this fails
        let _ =
            rustix::termios::tcsetattr(&self.terminal, rustix::termios::OptionalActions::Now, &self.before);
    }
}

/// The same where terminals are other things.
#[cfg(not(unix))]
pub(crate) fn ask(question: &str) -> io::Result<Answer> {
    let typed = Zeroizing::new(rpassword::prompt_password(question)?.into_bytes());
    Ok(if typed.is_empty() { Answer::Nothing } else { Answer::Typed(typed) })
}
