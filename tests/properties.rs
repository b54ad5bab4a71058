//! Datasets and properties: every value and source that `zfs get all` and `zpool get all` showed of every pool.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Fixture, each, fixtures};
use serde_json::{Map, Value as Json};
use zfsp::checksum::fletcher::fletcher4;
use zfsp::dataset::Dsl;
use zfsp::dataset::property::Setting;
use zfsp::object::Loss;
use zfsp_grammar::input::Order;

/// Properties that only a running system knows.
const OF_THE_SYSTEM: &[(&str, &str)] = &[
    ("mounted", "whether a file system is mounted"),
    ("keystatus", "whether the key is loaded"),
    ("available", "how much of the free space the running version keeps in reserve is its own choice"),
];

/// Properties of the pool that only a running system knows.
const OF_THE_RUNNING_POOL: &[(&str, &str)] = &[
    ("altroot", "of the import"),
    ("cachefile", "of the import"),
    ("readonly", "of the import"),
    ("load_guid", "of the import"),
    ("health", "of the devices that were found then"),
    ("expandsize", "of the devices that were found then"),
    ("allocated", "the truth was taken read-only, without the space maps: 0 everywhere"),
    ("free", "the truth was taken read-only, without the space maps: as large as the pool"),
    ("capacity", "of the last two"),
    ("fragmentation", "of the free space, which was not looked at"),
];

/// Features that the version which showed the truth does not know.
const LATER_FEATURES: &[&str] = &["feature@draid_failure_domains"];

/// What a file system says of itself.
const OF_THE_CONTENT: &str = "version utf8only normalization casesensitivity defaultuserquota defaultgroupquota \
                              defaultprojectquota defaultuserobjquota defaultgroupobjquota defaultprojectobjquota";

/// What the kernel could not look at, and differs for another reason: pool, dataset, property.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    // the truth was taken after multihost had been turned off again: the pool was written to for that
    ("multihost", "lab", "used usedbychildren logicalused compressratio multihost"),
    // zfs does not look into a dataset that is being received
    ("streams", "lab/partial", OF_THE_CONTENT),
    ("encryption-received", "lab/cut", OF_THE_CONTENT),
];

#[test]
fn each_pool_and_dataset_has_the_properties_that_zfs_shows() {
    let with_truth = |fixture: Fixture| Some((fixture.text("zfs.json")?, fixture));
    let pools: Vec<_> = fixtures().into_iter().filter_map(with_truth).collect();
    assert!(pools.len() > 60, "truth is missing: {}", pools.len());
    let facts = [const { AtomicUsize::new(0) }; 2];
    each(pools, |(text, fixture)| {
        let pool = fixture.pool();
        let mut check = Check { pool: &fixture.name, dsl: &Dsl::of(&pool), facts: 0, failures: Vec::new() };
        let truth: Json = serde_json::from_str(text).unwrap();
        check.datasets(truth["zfs_get"]["datasets"].as_object().unwrap());
        facts[0].fetch_add(std::mem::take(&mut check.facts), Ordering::Relaxed);
        let theirs = truth["zpool_get"]["pools"].as_object().unwrap();
        check.pool(theirs.values().next().unwrap());
        facts[1].fetch_add(check.facts, Ordering::Relaxed);
        if check.failures.is_empty() {
            Ok(())
        } else {
            Err(format!("{}:\n{}", fixture.name, check.failures.join("\n")))
        }
    });
    let [of_datasets, of_pools] = facts.map(AtomicUsize::into_inner);
    assert!(of_datasets > 82_000, "{of_datasets} facts of datasets only");
    assert!(of_pools > 9_500, "{of_pools} facts of pools only");
}

/// A value and its source.
type Fact = (String, String);

/// What is compared, and what came of it.
struct Check<'c> {
    pool: &'c str,
    dsl: &'c Dsl<'c>,
    /// Values and sources that were compared.
    facts: usize,
    failures: Vec<String>,
}

impl Check<'_> {
    fn datasets(&mut self, theirs: &Map<String, Json>) {
        let dsl = self.dsl;
        self.failures.extend(dsl.datasets.losses.iter().map(ToString::to_string));
        let mut ours: BTreeMap<String, Vec<Setting>> = BTreeMap::new();
        for set in dsl.datasets.all.iter().filter(|set| !set.is_hidden) {
            ours.insert(set.name.clone(), self.kept(&set.name, dsl.properties(set)));
            for bookmark in self.kept(&set.name, dsl.bookmarks(set)) {
                let settings = self.kept(&bookmark.name, dsl.properties_of_bookmark(&bookmark));
                ours.insert(bookmark.name, settings);
            }
        }
        let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for name in names {
            match (ours.get(name), theirs.get(name)) {
                (Some(ours), Some(theirs)) => self.settings(name, ours, theirs, OF_THE_SYSTEM),
                _ => self.failures.push(format!("{name} is listed by one only")),
            }
        }
    }

    fn pool(&mut self, theirs: &Json) {
        let (mut ours, losses) = self.dsl.pool_properties();
        self.failures.extend(losses);
        ours.retain(|setting| {
            let is_later = LATER_FEATURES.contains(&setting.name.as_str());
            assert!(!is_later || setting.value.to_string() == "disabled");
            !is_later
        });
        self.settings("lab", &ours, theirs, OF_THE_RUNNING_POOL);
    }

    /// What was found; losses are failures.
    fn kept<T>(&mut self, name: &str, (found, losses): (T, Vec<Loss>)) -> T {
        self.failures.extend(losses.iter().map(|loss| format!("{name}: {loss}")));
        found
    }

    fn settings(&mut self, name: &str, ours: &[Setting], theirs: &Json, not_stored: &[(&str, &str)]) {
        let ours: BTreeMap<&str, Fact> = ours.iter().map(|s| (s.name.as_str(), told(s))).collect();
        let theirs = theirs["properties"].as_object().unwrap().iter();
        let theirs: BTreeMap<&str, Fact> = theirs.map(|(name, fact)| (name.as_str(), shown(fact))).collect();
        let names: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
        for property in names {
            if not_stored.iter().any(|(system, _)| *system == property) {
                assert!(!ours.contains_key(property), "{property} is told, and not compared");
                continue;
            }
            let (ours, theirs) = (ours.get(property), theirs.get(property));
            let is_elsewhere = ELSEWHERE.iter().any(|(pool, dataset, properties)| {
                *pool == self.pool && *dataset == name && properties.split(' ').any(|name| name == property)
            });
            if is_elsewhere {
                assert!(ours != theirs, "{}: {name} {property} needs no exception", self.pool);
                continue;
            }
            self.facts += 2;
            let is_same = match (ours, theirs) {
                (Some(ours), Some(theirs)) if property == "receive_resume_token" => {
                    resumes(&ours.0) == resumes(&theirs.0) && ours.1 == theirs.1
                }
                _ => ours == theirs,
            };
            if !is_same {
                self.failures.push(format!("{name} {property}: {ours:?}, not {theirs:?}"));
            }
        }
    }
}

/// The list in a token: not every zlib makes the same bytes of it.
fn resumes(token: &str) -> Vec<u8> {
    let [version, sum, length, packed]: [&str; 4] = token.split('-').collect::<Vec<_>>().try_into().unwrap();
    let packed: Vec<u8> = packed
        .as_bytes()
        .chunks(2)
        .map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap())
        .collect();
    let whole = &packed[..packed.len() / 4 * 4];
    assert_eq!((version, sum), ("1", format!("{:x}", fletcher4(whole, Order::Little).0[0]).as_str()));
    let mut list = Vec::new();
    flate2::read::ZlibDecoder::new(packed.as_slice()).read_to_end(&mut list).unwrap();
    assert_eq!(length, format!("{:x}", list.len()));
    list
}

fn told(setting: &Setting) -> Fact {
    (setting.value.to_string(), setting.source.to_string())
}

fn shown(fact: &Json) -> Fact {
    let source = match fact["source"]["type"].as_str().unwrap() {
        "NONE" => "-".into(),
        "INHERITED" => format!("inherited from {}", fact["source"]["data"].as_str().unwrap()),
        other => other.to_lowercase(),
    };
    (fact["value"].as_str().unwrap().into(), source)
}
