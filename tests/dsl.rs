//! What pools know of their datasets beside properties that the fixtures have: rules that few pools use, and damage.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::forge::{DNODE_HEAD, Forge, micro_zap, set_word};
use common::image::Saved;
use common::pools::open;
use common::program::zexplore;
use common::{Fixture, each, fixture, fixtures};
use zfsp::dataset::{Dataset, Dsl, Holder, Receiver};
use zfsp::pool::Pool;
use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::dsl::delegation::Scope;
use zfsp_grammar::label::DATA_AT;

fn value(dsl: &Dsl<'_>, set: &str, name: &str) -> String {
    let set = dsl.datasets.find(set).unwrap();
    dsl.property(set, name).unwrap().map_or_else(String::new, |s| format!("{} ({})", s.value, s.source))
}

fn find<'d>(dsl: &'d Dsl<'_>, name: &str) -> &'d Dataset {
    dsl.datasets.find(name).unwrap()
}

/// Makes these the properties of a dataset.
fn set(forge: &mut Forge, dataset: &str, entries: &[(&str, u64)]) {
    let zap = find(&Dsl::of(&forge.pool), dataset).dir.phys.props_zapobj.0;
    forge.content(0, zap, &micro_zap(entries));
}

/// Changes a word of the bonus of a directory.
fn set_dir(forge: &mut Forge, dataset: &str, at: usize, word: u64) {
    let dir = find(&Dsl::of(&forge.pool), dataset).dir.object;
    let pointers = usize::from(forge.pool.mos.object(dir).unwrap().dnode_bytes().0[3]);
    forge.dnode(0, dir, |dnode| set_word(dnode, DNODE_HEAD + pointers * BLKPTR_SIZE + at, word));
}

/// Chapter 11, 11.5: each of the rules, in a tree of four levels.
#[test]
fn values_are_found_by_the_rules() {
    let mut forge = Forge::of("simple");
    let parent = [
        ("copies", 3),
        ("copies$recvd", 2),
        ("atime$recvd", 0),
        ("exec$recvd", 0),
        ("exec$inherit", 0),
        ("snapdir", 0),
        ("snapdir$iuv", 2),
        ("redundant_metadata", 1),
        ("redundant_metadata$iuv", 99),
        ("canmount", 2),
        ("compression", 400),
        ("refquota", 1 << 20),
        ("quota", 1 << 30),
        ("sync$later", 2),
        ("$hasrecvd", 0),
    ];
    set(&mut forge, "lab/n1", &parent);
    set(
        &mut forge,
        "lab/n1/n2",
        &[("copies$inherit", 0), ("compression$inherit", 0), ("compression$recvd", 15)],
    );
    let dsl = Dsl::of(&forge.pool);
    for (dataset, name, expected) in [
        // what is set here hides what came with a receive
        ("lab/n1", "copies", "3 (local)"),
        ("lab/n1", "atime", "off (received)"),
        ("lab/n1", "exec", "on (default)"),
        ("lab/n1", "snapdir", "disabled (local)"),
        // a value that nobody knows is passed over
        ("lab/n1", "redundant_metadata", "most (local)"),
        ("lab/n1", "canmount", "noauto (local)"),
        ("lab/n1", "sync", "standard (default)"),
        ("lab/n1", "acltype", "posix (inherited from lab)"),
        ("lab/n1", "refquota", "1048576 (local)"),
        // the directory has what counts
        ("lab/n1", "quota", "0 (local)"),
        ("lab/n1/n2", "copies", "3 (inherited from lab/n1)"),
        ("lab/n1/n2", "atime", "off (inherited from lab/n1)"),
        ("lab/n1/n2", "exec", "on (default)"),
        ("lab/n1/n2", "snapdir", "disabled (inherited from lab/n1)"),
        ("lab/n1/n2", "canmount", "on (default)"),
        ("lab/n1/n2", "refquota", "0 (default)"),
        ("lab/n1/n2", "compression", "zstd-3 (inherited from lab/n1)"),
        ("lab/n1/n2/n3", "compression", "zstd-3 (inherited from lab/n1)"),
        ("lab/n1@s1", "exec", "on (default)"),
        ("lab/n1/n2@s1", "acltype", "posix (inherited from lab)"),
        // snapshots have few properties
        ("lab/n1@s1", "copies", ""),
        ("lab/n1@s1", "context", "none (default)"),
        ("lab/n1", "prevsnap", "lab/n1@s1 (-)"),
        ("lab/n1", "inconsistent", "off (-)"),
        ("lab/n1@s1", "defer_destroy", "off (-)"),
    ] {
        assert_eq!(value(&dsl, dataset, name), expected, "{dataset} {name}");
    }
}

#[test]
fn mountpoints_are_paths_below_those_that_are_set() {
    let mut forge = Forge::of("simple");
    // lab/n1 has a text already; a number is none
    let dsl = Dsl::of(&forge.pool);
    assert_eq!(value(&dsl, "lab/n1/n2", "mountpoint"), "/lab/n1/n2 (default)");
    drop(dsl);
    set(&mut forge, "lab", &[("mountpoint", 0)]);
    let dsl = Dsl::of(&forge.pool);
    let text = value(&dsl, "lab/n1/n2", "mountpoint");
    assert!(text.ends_with("/n1/n2 (inherited from lab)"), "{text}");
}

/// Chapter 11, 11.14.
#[test]
fn permissions() {
    let mut forge = Forge::of("simple");
    let props = |forge: &Forge, name: &str| find(&Dsl::of(&forge.pool), name).dir.phys.props_zapobj.0;
    let [who, some, sets] = ["lab/n1/n2", "lab/n1/n2/n3", "lab/clone"].map(|name| props(&forge, name));
    let keys = [("ul$1000", some), ("ud$1000", some), ("s-$@myset", some), ("Ul$1000", sets), ("ed$", some)];
    forge.content(0, some, &micro_zap(&[("snapshot", 0), ("create", 0)]));
    forge.content(0, sets, &micro_zap(&[("@myset", 0)]));
    forge.content(0, who, &micro_zap(&[keys.as_slice(), &[("c-$", sets), ("what", 0)]].concat()));
    set_dir(&mut forge, "lab", 0x58, who);
    let dsl = Dsl::of(&forge.pool);
    let (grants, losses) = dsl.grants(&find(&dsl, "lab").dir);
    assert_eq!(losses, []);
    let all: Vec<String> = grants
        .iter()
        .map(|grant| format!("{} {:?} {}", grant.receiver, grant.scope, grant.permissions.join(",")))
        .collect();
    let expected = [
        "user 1000 Local @myset,create,snapshot",
        "creator None @myset",
        "everyone Descendants create,snapshot",
        "set @myset None create,snapshot",
        "user 1000 Descendants create,snapshot",
    ];
    assert_eq!(all, expected);
    assert_eq!((&grants[0].receiver, grants[0].scope), (&Receiver::User("1000".into()), Scope::Local));
    let run = zexplore(&["get", "--allow"], &forge.saved.paths).unwrap();
    assert!(run.out.contains("lab   set @myset               create,snapshot"), "{}", run.out);
}

#[test]
fn temporary_holds_are_told() {
    let mut forge = Forge::of("simple");
    let (zap, held) = {
        let dsl = Dsl::of(&forge.pool);
        (find(&dsl, "lab/clone").dir.phys.props_zapobj.0, find(&dsl, "lab@s1").object)
    };
    let (holds, losses) = Dsl::of(&forge.pool).holds(find(&Dsl::of(&forge.pool), "lab@s1"));
    assert_eq!((holds.len(), holds[0].tag.as_str(), holds[0].is_temporary), (1, "lab-keep", false));
    assert_eq!(losses, []);
    forge.content(0, zap, &micro_zap(&[(&format!("{held:x}-lab-keep"), 1)]));
    // the pool directory of a pool that never had one gets the key in place of another
    let root = forge.pool.directory_number("root_dataset").unwrap().unwrap();
    let config = forge.pool.directory_number("config").unwrap().unwrap();
    forge.content(0, 1, &micro_zap(&[("root_dataset", root), ("config", config), ("tmp_userrefs", zap)]));
    let dsl = Dsl::of(&forge.pool);
    let (holds, _) = dsl.holds(find(&dsl, "lab@s1"));
    assert!(holds[0].is_temporary);
}

/// What `zfs userspace` and `zfs groupspace` showed: id, used, quota, objects, quota of objects.
#[test]
fn space_by_user() {
    let quotas = fixture("quotas");
    let text = quotas.text("space.txt").unwrap();
    let pool = quotas.pool();
    let dsl = Dsl::of(&pool);
    let usage = dsl.usage(find(&dsl, "lab/q"));
    assert_eq!(usage.losses, []);
    let mut compared = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("POSIX ")) {
        let [kind, id, numbers @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let holder = if *kind == "User" { Holder::User } else { Holder::Group };
        let key = (holder, zfsp_grammar::fuid::Fuid(id.parse().unwrap()));
        let found = usage.effective(holder, &usage.accounts[&key]);
        let ours = [found.used, found.quota, found.objects, found.objquota].map(Option::unwrap_or_default);
        let theirs: Vec<u64> = numbers.iter().map(|n| n.parse().unwrap()).collect();
        assert_eq!(ours.as_slice(), theirs, "{line}");
        compared += 1;
    }
    assert_eq!(compared, 5);
}

/// Chapter 12, 12.15: what users, groups and projects have is the same objects, counted three times.
#[test]
fn space_by_user_adds_up() {
    let counted = std::sync::atomic::AtomicUsize::new(0);
    each(fixtures().into_iter().filter(|f| !f.name.starts_with("split")).collect(), |fixture: &Fixture| {
        let pool = fixture.unlocked();
        let dsl = Dsl::of(&pool);
        for set in &dsl.datasets.all {
            let usage = dsl.usage(set);
            // ztest says that its root is a file system, and makes none
            let is_file_system = fixture.name != "bigendian-mirror" || set.name != "ztest";
            if !usage.losses.is_empty() && is_file_system {
                return Err(format!("{}: {}: {:?}", fixture.name, set.name, usage.losses));
            }
            let sum = |of: Holder| -> u64 {
                usage
                    .accounts
                    .iter()
                    .filter(|((holder, _), _)| *holder == of)
                    .filter_map(|(_, a)| a.used)
                    .sum()
            };
            if usage.accounts.is_empty() {
                continue;
            }
            if sum(Holder::User) != sum(Holder::Group) {
                return Err(format!("{}: {}: users and groups differ", fixture.name, set.name));
            }
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    });
    assert!(counted.into_inner() > 500);
}

/// The pool `simple` without the content of these objects of its MOS.
fn without(objects: impl Fn(&Dsl<'_>) -> Vec<u64>) -> (Saved, Pool) {
    let mut forge = Forge::of("simple");
    let all = objects(&Dsl::of(&forge.pool));
    for number in &all {
        let object = forge.pool.mos.object(*number).unwrap();
        // what is in the pointer itself gets a block of its own
        if object.blocks(0).any(|block| block.unwrap().1.stored().is_none()) {
            let content = object.content(1 << 20).whole().unwrap().0;
            forge.content(0, *number, &content);
        }
    }
    for number in all {
        let object = forge.pool.mos.object(number).unwrap();
        for (_, pointer) in object.blocks(0).map(Result::unwrap) {
            pointer.stored().unwrap().copies().for_each(|dva| forge.rewrite(dva.offset(), &[0xa5; 512]));
        }
    }
    let pool = open(forge.saved.devices()).unwrap();
    (forge.saved, pool)
}

#[test]
fn lost_properties_take_only_what_depends_on_them() {
    let zap = |dsl: &Dsl<'_>| find(dsl, "lab/n1").dir.phys.props_zapobj.0;
    let (saved, pool) = without(|dsl| vec![zap(dsl)]);
    let dsl = Dsl::of(&pool);
    let lost = zap(&dsl);
    let whole = fixture("simple").pool();
    let before = Dsl::of(&whole);
    for name in ["lab", "lab@s1", "lab/clone"] {
        let set = find(&before, name);
        assert_eq!(dsl.properties(set), before.properties(set), "{name}");
    }
    let (all, losses) = dsl.properties(find(&dsl, "lab/n1/n2"));
    assert_eq!(losses.len(), 1);
    assert_eq!(losses[0].at.at.object, i64::try_from(lost).unwrap());
    let has = |name: &str| all.iter().any(|setting| setting.name == name);
    // not inherited, or stored elsewhere
    assert!(
        ["used", "guid", "written", "version", "canmount", "encryption", "quota"]
            .iter()
            .all(|name| has(name))
    );
    // nobody knows whether lab/n1 had set these
    assert!(!["compression", "mountpoint", "org.example:note"].iter().any(|name| has(name)));
    let run = zexplore(&["get", "all", "lab/n1"], &saved.paths).unwrap();
    assert_eq!(run.code, 3);
    assert!(run.errors.contains(&format!("MOS object {lost} block 0")), "{}", run.errors);
    assert!(run.out.contains("usedbychildren"), "{}", run.out);
}

#[test]
fn a_lost_list_of_children_hides_only_these() {
    let zap = |dsl: &Dsl<'_>| find(dsl, "lab/n1").dir.phys.child_dir_zapobj.0;
    let (saved, pool) = without(|dsl| vec![zap(dsl)]);
    let dsl = Dsl::of(&pool);
    let names: Vec<&str> =
        dsl.datasets.all.iter().filter(|set| !set.is_hidden).map(|set| &*set.name).collect();
    assert_eq!(names, ["lab", "lab@s1", "lab@s2", "lab/clone", "lab/n1", "lab/n1@s1"]);
    let run = zexplore(&["datasets", "-t", "all"], &saved.paths).unwrap();
    assert_eq!(run.code, 3);
    assert!(run.errors.contains(&format!("MOS object {} block 0", zap(&dsl))), "{}", run.errors);
    assert!(run.out.contains("lab/clone") && run.out.contains("lab#mark"), "{}", run.out);
}

#[test]
fn lost_snapshots_bookmarks_and_objects_are_named() {
    let head = |dsl: &Dsl<'_>| find(dsl, "lab").object;
    let bookmarks = |dsl: &Dsl<'_>| {
        let object = dsl.pool.mos.object(head(dsl)).unwrap();
        zfsp::zap::Zap::of(&object).unwrap().number("com.delphix:bookmarks").unwrap().unwrap()
    };
    let snapshots = |dsl: &Dsl<'_>| find(dsl, "lab").phys.snapnames_zapobj.0;
    let (saved, pool) = without(|dsl| vec![snapshots(dsl), bookmarks(dsl)]);
    let dsl = Dsl::of(&pool);
    assert!(dsl.datasets.find("lab@s1").is_err());
    let (found, losses) = dsl.bookmarks(find(&dsl, "lab"));
    assert_eq!((found.len(), losses.len()), (0, 1));
    // the name is lost, not the snapshot
    let origin = value(&dsl, "lab/clone", "origin");
    assert!(origin.starts_with('#'), "{origin}");
    let run = zexplore(&["datasets", "-t", "all"], &saved.paths).unwrap();
    assert_eq!(run.code, 3);
    for lost in [snapshots(&dsl), bookmarks(&dsl)] {
        assert!(run.errors.contains(&format!("MOS object {lost} block 0")), "{}", run.errors);
    }

    let whole = fixture("simple").pool();
    let mut images = fixture("simple").copies();
    let set = Dsl::of(&whole).datasets.find("lab/n1").unwrap().phys;
    for dva in set.bp.stored().unwrap().copies() {
        images[0].write(DATA_AT + dva.offset(), &[0xa5; 512]);
    }
    let saved = Saved::new(&images);
    let pool = open(saved.devices()).unwrap();
    let dsl = Dsl::of(&pool);
    let (all, losses) = dsl.properties(find(&dsl, "lab/n1"));
    assert_eq!(losses.len(), 1, "{losses:?}");
    assert!(all.iter().any(|s| s.name == "used") && !all.iter().any(|s| s.name == "type"));
}

/// What datasets can take in all, of every fixture: `used` and `available` of the root dataset.
#[test]
fn space_is_what_zfs_list_says() {
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("zfs.json")?, f))).collect();
    assert!(pools.len() > 50, "{}", pools.len());
    each(pools, |(text, fixture)| {
        let said: serde_json::Value = serde_json::from_str(text).unwrap();
        let pool = fixture.pool();
        let root = &said["zfs_get"]["datasets"][&pool.name]["properties"];
        let number = |name: &str| root[name]["value"].as_str()?.parse::<u64>().ok();
        let Some((used, available)) = number("used").zip(number("available")) else { return Ok(()) };
        let space = Dsl::of(&pool).space();
        let (ours, theirs) = (space.size, used + available);
        // the pool goes on working while it is looked at: frees that wait are none of it
        match space.used.abs_diff(used) <= used / 100 && ours.abs_diff(theirs) <= theirs / 200 {
            true => Ok(()),
            false => Err(format!("{}: {space:?}, not {used} of {theirs}", fixture.name)),
        }
    });
}
