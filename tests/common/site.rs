//! An encrypted dataset in the hands of an enemy who has no key, and what its owner then sees.

use std::collections::BTreeSet;

use zfsp::block::Why;
use zfsp::dataset::Datasets;
use zfsp::fs::FileSystem;
use zfsp::keyring::{Attempt, UserKey};
use zfsp::pool::Pool;
use zfsp::verify::{Depth, Finding, Outcome};

use super::forge::Forge;
use super::pools::{open, verify};
use super::program::{Run, zexplore};
use super::{Fixture, fixture};

pub(crate) struct Site {
    pub(crate) forge: Forge,
    pub(crate) dataset: &'static str,
    /// MOS object of the dataset.
    pub(crate) set: u64,
    fixture: Fixture,
}

impl Site {
    pub(crate) fn of(name: &str, dataset: &'static str) -> Self {
        let (forge, fixture) = (Forge::of(name), fixture(name));
        let set = Datasets::of(&forge.pool).find(dataset).unwrap().object;
        Self { forge, dataset, set, fixture }
    }

    /// The file of keys.
    pub(crate) fn keys(&self) -> String {
        self.fixture.folder.join("keys.json").to_str().unwrap().into()
    }

    /// The number of a file.
    pub(crate) fn number(&self, path: &str) -> u64 {
        let pool = self.unlocked();
        let set = Datasets::of(&pool).find(self.dataset).unwrap().objset(&pool).unwrap();
        FileSystem::open(set).unwrap().find(path.as_bytes()).unwrap().number
    }

    /// The pool as its owner opens it.
    pub(crate) fn unlocked(&self) -> Pool {
        self.unlock().0
    }

    /// The pool, and what became of its keys.
    pub(crate) fn unlock(&self) -> (Pool, Vec<Attempt>) {
        let mut pool = open(self.forge.saved.devices()).unwrap();
        let keys = UserKey::of_json(self.fixture.text("keys.json").unwrap().as_bytes()).unwrap();
        let attempts = pool.unlock(&keys);
        (pool, attempts)
    }

    /// What verification finds with the keys, and without them.
    pub(crate) fn findings(&self, depth: Depth) -> [Vec<String>; 2] {
        let locked = open(self.forge.saved.devices()).unwrap();
        [self.unlocked(), locked].map(|pool| {
            let mut found: Vec<String> = verify(&pool, depth).1.iter().map(told).collect();
            found.sort();
            found
        })
    }

    /// Runs the program with the keys.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let keys = self.keys();
        zexplore(&[args, &["--keys", &keys]].concat(), &self.forge.saved.paths).unwrap()
    }

    /// The lines of the manifest, without those that say that something is lost.
    pub(crate) fn sound_lines(&self) -> BTreeSet<String> {
        let run = self.run(&["manifest"]);
        let is_lost = |line: &&str| line.contains("\"error\":") || line.contains("\"mount_error\":");
        run.out.lines().filter(|line| !is_lost(line)).map(str::to_owned).collect()
    }
}

/// What was found, in a line.
fn told(finding: &Finding) -> String {
    match &finding.outcome {
        Outcome::Lost(why @ Why::Unauthentic(_)) => {
            let why = why.to_string();
            let (mac, _) = why.split_once(": it was altered").unwrap();
            format!("{}: {mac}", finding.at)
        }
        Outcome::Lost(why) => format!("{}: {why}", finding.at),
        Outcome::Repaired(remedy) => format!("{}: repaired: {remedy}", finding.at),
    }
}
