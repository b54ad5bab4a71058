//! From the command line to the pool: devices are opened and sorted, and what is wrong goes to standard error.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use zfsp::error::{Error, NeededKey};
use zfsp::keyring::{Attempt, UserKey};
use zfsp::namespace::Namespace;
use zfsp::pool::{self, Devices, Gathering, Pool, PoolRef};

use crate::args::Global;
use crate::common;
use crate::common::exit::{Exit, Failure};
use crate::common::locked::{told, told_of_objects};
use crate::common::opener::Opener;
use crate::common::output::{WARNING, plain, print, print_json};
use crate::common::user_keys;
use crate::said::Said;

/// A run of the program: what it was asked for, and how it went so far.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    /// What every command takes.
    pub(crate) global: &'a Global,
    exit: Exit,
    said: Said,
    /// Datasets that were told to be locked.
    locked: BTreeSet<String>,
    keys: Vec<UserKey>,
}

/// The devices of a pool, and others that were given with them.
#[derive(Debug)]
pub(crate) struct Found {
    /// Of the pool that is meant.
    pub(crate) devices: Devices,
    /// Spares and cache devices, and what has no label.
    pub(crate) others: Gathering,
}

impl<'a> Session<'a> {
    /// Reads the keys that are in files, and asks for those that are to be typed.
    pub(crate) fn new(global: &'a Global) -> Result<Self, Failure> {
        let keys = user_keys::read(&global.keys, &global.key_files)?;
        Ok(Self { global, exit: Exit::Well, said: Said::default(), locked: BTreeSet::new(), keys })
    }

    /// The devices that the paths lead to, sorted by pools.
    pub(crate) fn gather(&mut self) -> Result<Gathering, Failure> {
        let global = self.global;
        common::pool::gather(&global.paths, &mut |what| self.warn(what))
    }

    /// The pool that is meant, in the state that is meant. Its troubles are warnings.
    pub(crate) fn pool(&mut self) -> Result<Pool, Failure> {
        let found = self.find()?;
        let pool = self.open(&found.devices)?;
        self.forget_keys();
        Ok(pool)
    }

    /// The names of a pool, with the intent logs applied if that is meant. What is lost of them is a warning.
    pub(crate) fn names<'p>(&mut self, pool: impl Into<PoolRef<'p>>) -> Namespace<'p> {
        let names = if self.global.replay { Namespace::replayed(pool) } else { Namespace::of(pool) };
        for loss in &names.datasets().losses {
            self.warn(loss);
        }
        names
    }

    /// The devices of the pool that is meant, and what else there is.
    pub(crate) fn find(&mut self) -> Result<Found, Failure> {
        let mut gathering = self.gather()?;
        let mut pools = self.choose(&mut gathering)?;
        match (pools.pop(), pools.is_empty()) {
            (Some(devices), true) => Ok(Found { devices, others: gathering }),
            (Some(last), false) => {
                pools.push(last);
                let all = list(&pools);
                let what = format!("several pools: {all}; say which one with --pool NAME or GUID");
                Err(Failure(Exit::Nothing, what))
            }
            (None, _) => Err(nothing(&gathering)),
        }
    }

    /// The pools that are meant: all, if none is named. They are taken out of what was found.
    pub(crate) fn choose(&self, gathering: &mut Gathering) -> Result<Vec<Devices>, Failure> {
        let all = std::mem::take(&mut gathering.pools);
        let Some(wanted) = &self.global.pool else { return Ok(all) };
        let names = list(&all);
        let is_meant = |pool: &Devices| pool.name == *wanted || pool.guid.to_string() == *wanted;
        let found: Vec<Devices> = all.into_iter().filter(is_meant).collect();
        match (found.is_empty(), names.is_empty()) {
            (false, _) => Ok(found),
            (true, false) => Err(Failure(Exit::Nothing, format!("no pool '{wanted}': there are {names}"))),
            (true, true) => Err(nothing(gathering)),
        }
    }

    /// Opens a pool in the state that is meant. Its troubles are warnings.
    pub(crate) fn open(&mut self, devices: &Devices) -> zfsp::error::Result<Pool> {
        let mut pool = self.open_silently(devices)?;
        for trouble in &pool.troubles {
            self.warn(trouble);
        }
        self.unlock_or_tell(&mut pool);
        Ok(pool)
    }

    /// Opens the datasets of that pool whose keys were given. What a key does not open is a warning.
    pub(crate) fn unlock_or_tell(&mut self, pool: &mut Pool) {
        for attempt in self.unlock(pool) {
            common::pool::refusals(&attempt).for_each(|refusal| self.warn(refusal));
        }
    }

    /// Opens the datasets of that pool whose keys were given. What became of each key is told.
    pub(crate) fn unlock(&mut self, pool: &mut Pool) -> Vec<Attempt> {
        let keys = std::mem::take(&mut self.keys);
        let attempts = common::pool::unlock(pool, &keys, &mut |what| self.warn(what));
        self.keys = keys;
        attempts
    }

    /// Wipes the keys that were given: no other pool will be unlocked.
    pub(crate) fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// What blocks of the pool are read with. Where no state of it can be read, the labels alone tell where they lie.
    pub(crate) fn opener(&mut self) -> Result<Opener, Failure> {
        let found = self.find()?;
        match self.open(&found.devices) {
            Ok(pool) => {
                self.forget_keys();
                Ok(Opener::of(&pool))
            }
            Err(error @ Error::Corrupt { .. }) => {
                self.warn(error);
                self.warn("the vdevs are taken as the labels describe them: what was removed or expanded is not known");
                Ok(Opener::plain(Arc::new(found.devices.store())))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The same, for who tells the troubles himself.
    pub(crate) fn open_silently(&self, devices: &Devices) -> zfsp::error::Result<Pool> {
        let alone = Gathering { pools: vec![devices.clone()], ..Gathering::default() };
        let Global { txg, checkpoint, .. } = *self.global;
        Pool::open(alone, &pool::Options { pool: None, txg, checkpoint })
    }

    /// Something is damaged, missing or unsupported; the run goes on.
    pub(crate) fn warn(&mut self, what: impl Display) {
        if let Some(what) = self.said.once(&what.to_string()) {
            anstream::eprintln!("{WARNING}zexplore:{WARNING:#} {}", plain(&what));
        }
        self.exit = self.exit.max(Exit::Damaged);
    }

    /// The same of an error. Of a dataset that is locked it is said once, with its snapshots.
    pub(crate) fn lose(&mut self, error: &Error) {
        if let Error::Locked { needs: Some(key), .. } = error {
            self.lock(key);
        } else {
            self.warn(error);
        }
    }

    /// A dataset is locked: that is said once, with its snapshots.
    pub(crate) fn lock(&mut self, key: &NeededKey) {
        self.lock_as(key, told);
    }

    /// The same for who is shown the objects of the dataset.
    pub(crate) fn lock_objects(&mut self, key: &NeededKey) {
        self.lock_as(key, told_of_objects);
    }

    fn lock_as(&mut self, key: &NeededKey, told: fn(&Error) -> String) {
        let head = key.dataset.split('@').next().unwrap_or_default();
        if self.locked.insert(head.into()) {
            self.warn(told(&Error::needs_key(key.clone())));
        }
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

/// `lab (123), tank (456)`.
fn list(pools: &[Devices]) -> String {
    let names: Vec<String> =
        pools.iter().map(|pool| format!("{} ({})", plain(&pool.name), pool.guid)).collect();
    names.join(", ")
}

/// No pool, but what?
pub(crate) fn nothing(gathering: &Gathering) -> Failure {
    let Gathering { auxiliary, nameless, strangers, .. } = gathering;
    let seen = [
        (strangers.len(), "without a label"),
        (nameless.len(), "with uberblocks, but no readable configuration"),
        (auxiliary.len(), "spare or cache"),
    ];
    let seen: Vec<String> =
        seen.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let seen = seen.join(", ");
    Failure(Exit::Nothing, format!("no pool found; devices: {seen}; zexplore label says what each holds"))
}
