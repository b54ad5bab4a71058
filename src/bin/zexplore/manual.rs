//! `zexplore completions` and `zexplore man`: from the one definition of the command line.

use std::io;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Args;
use crate::common::exit::{Exit, Failure};
use crate::common::output::{print, written};

/// Completions for `shell`.
pub(crate) fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "zexplore", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// The manual page, in roff; of a command its own.
pub(crate) fn page(command: Option<&str>) -> Result<Exit, Failure> {
    let mut program = Args::command();
    program.build();
    let page = match command {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| Failure(Exit::Usage, format!("no command '{name}': --help lists them")))?
        }
    };
    written(Man::new(page).render(&mut io::stdout().lock()))
}
