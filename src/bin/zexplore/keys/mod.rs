//! `zexplore keys`: encryption roots, what inherits from them, and what the keys that were given open.

mod json;
mod text;

use std::collections::BTreeSet;

use zfsp::dataset::{Dir, Dsl, Encrypted, EncryptionRoot, EncryptionRoots};
use zfsp::error::Error;
use zfsp::keyring::Attempt;
use zfsp::pool::Pool;
use zfsp_grammar::config::Errata;

use crate::args::IN_CLEAR;
use crate::common::exit::{Exit, Failure};
use crate::session::Session;
use crate::style::plain;

/// Without any key: everything that the pool says of its keys. With --key or --keys: which datasets each key opens, and
/// which check fails where it does not.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{FILES}\n\n{EXAMPLES}\n\n{IN_CLEAR}"))]
pub(crate) struct Options {
    /// Only these datasets, with what they inherit; all, if none is named
    #[arg(value_name = "DATASET")]
    names: Vec<String>,
    /// Also the snapshots, with the guids of their sets of IVs
    #[arg(short, long)]
    verbose: bool,
}

const FILES: &str = "\
Key files hold 32 raw bytes, 64 hex digits or a passphrase, as the pool wants it. One line end may follow
digits and passphrases. In JSON raw keys are written in hex digits. A key may be given for any dataset that it
opens: the encryption root, its children that inherit, snapshots, clones; #N is a dataset by its object.";

const EXAMPLES: &str = "\
Examples:
  zexplore keys -p images/                            encryption roots, and what inherits from them
  zexplore keys lab/home -v -p images/                one of them, with its snapshots
  zexplore keys --key lab/home=home.key -p images/    does this key open it? if not, why?
  zexplore keys --key lab/home=prompt -p images/      the same with a passphrase, typed
  zexplore keys --keys keys.json -p images/           many keys at once";

/// All that is shown.
struct Report<'r> {
    pool: &'r Pool,
    dsl: &'r Dsl<'r>,
    roots: EncryptionRoots,
    /// What the configuration says.
    errata: Option<Errata>,
    /// What became of each key.
    attempts: Vec<Attempt>,
    /// Datasets that were named, but are not encrypted.
    in_clear: Vec<&'r str>,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let found = session.find()?;
    let mut pool = session.open_silently(&found.devices)?;
    for trouble in &pool.troubles {
        session.warn(trouble);
    }
    let attempts = session.unlock(&mut pool);
    session.forget_keys();
    let dsl = Dsl::of(&pool);
    for loss in &dsl.datasets.losses {
        session.warn(loss);
    }
    let named = options.names.iter().map(|name| Ok(dsl.datasets.find(name)?.dir.as_ref()));
    let named = named.collect::<Result<Vec<&Dir>, Error>>()?;
    let mut roots = dsl.encryption_roots();
    for (name, loss) in &roots.losses {
        session.warn(format_args!("{}: {loss}", plain(name)));
    }
    let errata = pool.errata().unwrap_or_else(|error| {
        session.warn(format_args!("errata: {error}"));
        None
    });
    let in_clear = choose(&mut roots, &named);
    let damaged =
        roots.datasets().filter(|set| set.flaw.is_some()).count().saturating_add(roots.unread.len());
    let refused = attempts.iter().filter(|attempt| !attempt.refused.is_empty()).count();
    let report = Report { pool: &pool, dsl: &dsl, roots, errata, attempts, in_clear };
    let strays = report.roots.datasets().filter(|set| report.stray(set).is_some()).count();
    let shown = session.show(&json::of(&report), |_| text::of(&report, options.verbose))?;
    for (count, one, many) in [
        (damaged, "key object is damaged", "key objects are damaged"),
        (
            strays,
            "dataset is not wrapped with the key of its encryption root",
            "datasets are not wrapped with the key of their encryption root",
        ),
        (refused, "key was refused", "keys were refused"),
    ] {
        if count > 0 {
            session.warn(format_args!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    Ok(shown.max(session.exit()))
}

/// Leaves the datasets that were named, if any was; returns those of them that are in clear.
fn choose<'d>(roots: &mut EncryptionRoots, named: &[&'d Dir]) -> Vec<&'d str> {
    if named.is_empty() {
        return Vec::new();
    }
    let objects: BTreeSet<u64> = named.iter().map(|dir| dir.object).collect();
    let lost: BTreeSet<&str> = roots.losses.iter().map(|(name, _)| name.as_str()).collect();
    let unread = roots.unread.iter().map(|set| set.dir.object);
    let encrypted: BTreeSet<u64> = roots.datasets().map(|set| set.dir.object).chain(unread).collect();
    let is_clear = |dir: &&&Dir| !encrypted.contains(&dir.object) && !lost.contains(dir.name.as_str());
    let in_clear = named.iter().filter(is_clear).map(|dir| dir.name.as_str()).collect();
    let is_meant = |set: &Encrypted| objects.contains(&set.dir.object);
    roots.roots.iter_mut().for_each(|root| root.datasets.retain(is_meant));
    roots.roots.retain(|root| !root.datasets.is_empty());
    roots.without.retain(|(set, _)| is_meant(set));
    roots.unread.retain(|set| objects.contains(&set.dir.object));
    in_clear
}

impl Report<'_> {
    fn is_open(&self, set: &Encrypted) -> bool {
        self.pool.keyring.store(set.dir.object).is_some()
    }

    /// What is wrong with a dataset that only another key than that of its root opens.
    fn stray(&self, set: &Encrypted) -> Option<String> {
        let is_alone = self.attempts.iter().any(|attempt| attempt.alone.contains(&set.dir.name));
        let has_set =
            |root: &&EncryptionRoot| root.datasets.iter().any(|one| one.dir.object == set.dir.object);
        let root = self.roots.roots.iter().find(has_set).filter(|_| is_alone)?;
        let name = &root.name;
        Some(format!("not wrapped with the key of {name}: zfs load-key cannot open it; its own key does"))
    }

    /// The errata that show, or are only on record, with where they show.
    fn errata(&self) -> Vec<(Errata, Vec<String>)> {
        let mut all: Vec<_> = self.roots.errata().into_iter().map(|one| (one.number, one.found)).collect();
        let recorded = self.errata.filter(|number| !all.iter().any(|(shown, _)| shown == number));
        all.extend(recorded.map(|number| (number, Vec::new())));
        all.sort_by_key(|(number, _)| number.0);
        all
    }
}

/// What an erratum means for who reads the pool.
fn meaning(number: Errata) -> &'static str {
    match number {
        Errata::ENCRYPTION => {
            "key objects of version 0, from before the release: read here; ZFS mounts such datasets read-only"
        }
        Errata::ENCRYPTION_2 => {
            "encrypted snapshots without an IV set guid: read as any other; ZFS receives no raw increments onto them"
        }
        _ => "not of encryption",
    }
}
