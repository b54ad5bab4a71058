//! From the command line to the pool: devices are opened and sorted, and what is wrong goes to standard error.

use std::fmt::Display;

use serde::Serialize;
use zfsp::device;
use zfsp::pool::{self, Gathering, Pool};

use crate::args::Global;
use crate::shared::exit::{Exit, Failure};
use crate::shared::output::{WARNING, print, print_json};

/// A run of the program: what it was asked for, and how it went so far.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    /// What every command takes.
    pub(crate) global: &'a Global,
    exit: Exit,
}

impl<'a> Session<'a> {
    pub(crate) fn new(global: &'a Global) -> Self {
        Self { global, exit: Exit::Well }
    }

    /// The devices that the paths lead to, sorted by pools.
    pub(crate) fn gather(&mut self) -> Result<Gathering, Failure> {
        if self.global.paths.is_empty() {
            let what = "no devices: name images, disks or folders of them with -p PATH";
            return Err(Failure(Exit::Usage, what.into()));
        }
        let found = device::find(&self.global.paths);
        for error in &found.errors {
            self.warn(error);
        }
        if found.devices.is_empty() {
            return Err(Failure(Exit::Nothing, "no image and no disk could be opened".into()));
        }
        let losses: Vec<_> = found.devices.iter().filter_map(device::Device::loss).collect();
        for loss in losses {
            self.warn(loss);
        }
        Ok(Gathering::of(found.devices))
    }

    /// The pool that is meant, in the state that is meant. Its troubles are warnings.
    pub(crate) fn pool(&mut self) -> Result<Pool, Failure> {
        let gathering = self.gather()?;
        let pool = Pool::open(gathering, &self.options())?;
        for trouble in &pool.troubles {
            self.warn(trouble);
        }
        Ok(pool)
    }

    /// Which pool and which state are meant.
    pub(crate) fn options(&self) -> pool::Options {
        let Global { pool, txg, checkpoint, .. } = self.global;
        pool::Options { pool: pool.clone(), txg: *txg, checkpoint: *checkpoint }
    }

    /// Something is damaged, missing or unsupported; the run goes on.
    pub(crate) fn warn(&mut self, what: impl Display) {
        anstream::eprintln!("{WARNING}zexplore:{WARNING:#} {what}");
        self.exit = self.exit.max(Exit::Damaged);
    }

    /// How the run ends, as far as it has come.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints `facts` as JSON, or what `text` makes of them, and ends the run.
    pub(crate) fn show<F: Serialize>(
        &self,
        facts: &F,
        text: impl FnOnce(&F) -> String,
    ) -> Result<Exit, Failure> {
        let printed = if self.global.json { print_json(facts)? } else { print(&text(facts))? };
        Ok(printed.max(self.exit))
    }
}
