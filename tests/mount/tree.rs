//! The tree itself, without a kernel to ask for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use zfsp::mount::{Made, Named, Number, Tree};
use zfsp::namespace::Namespace;

use crate::common::image::Random;
use crate::common::{Fixture, each, fixture, fixtures};

fn tree(fixture: &Fixture, dataset: Option<&str>) -> Result<Tree<'static>, String> {
    let names = Namespace::of(Arc::new(fixture.unlocked()));
    Tree::of(names, dataset).map_err(|error| format!("{}: {error}", fixture.name))
}

/// Directories that no listing shows.
const WAYS: [&[&[u8]]; 2] = [&[b".zfs", b"snapshot"], &[b".zfs", b"volumes"]];

/// Visits all that can be reached, snapshots and volumes too; returns how many nodes there are.
fn walk(tree: &Tree<'_>) -> Result<usize, String> {
    let mut seen = BTreeSet::from([tree.root()]);
    let mut left = vec![tree.root()];
    while let Some(directory) = left.pop() {
        let listing = tree.list(directory).map_err(|error| format!("{directory:?}: {error}"))?;
        for entry in &listing.entries {
            let at = || format!("{directory:?}: '{}'", String::from_utf8_lossy(&entry.name));
            let found = tree.lookup(directory, &entry.name).map_err(|error| format!("{}: {error}", at()))?;
            if found != entry.number {
                return Err(format!("{}: {found:?}, not {:?}", at(), entry.number));
            }
            let (node, stat) = match (tree.node(found), tree.stat(found)) {
                (Ok(node), Ok(stat)) => (node, stat),
                // of a receive that was not finished
                _ if tree.dataset_of(found).unwrap().phys.flags.inconsistent() => continue,
                (Err(error), _) | (_, Err(error)) => return Err(format!("{}: {error}", at())),
            };
            if (node.kind(), stat.kind, stat.number) != (entry.kind, entry.kind, found) {
                return Err(format!("{}: {stat:?}, not {}", at(), entry.kind));
            }
            let is_new = seen.insert(found);
            if !is_new && stat.links < 2 {
                return Err(format!("{}: met twice", at()));
            }
            if is_new && node.kind() == zfsp_grammar::mode::FileType::DIRECTORY {
                left.push(found);
            }
        }
        for way in WAYS {
            let end = way.iter().try_fold(directory, |at, name| tree.lookup(at, name));
            left.extend(end.ok().filter(|end| seen.insert(*end)));
        }
    }
    Ok(seen.len())
}

#[test]
fn each_name_leads_to_its_node() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    each(fixtures(), |fixture| {
        let nodes = walk(&tree(fixture, None)?).map_err(|error| format!("{}: {error}", fixture.name))?;
        count.fetch_add(nodes, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    });
    let count = count.into_inner();
    assert!(count > 40_000, "only {count} nodes");
}

#[test]
fn a_part_of_the_pool_is_a_tree_too() {
    let fixture = fixture("simple");
    let whole = tree(&fixture, None).unwrap();
    let names: Vec<String> = whole.names().datasets().all.iter().map(|set| set.name.clone()).collect();
    for name in names.iter().filter(|name| !name.contains('$')) {
        let part = tree(&fixture, Some(name)).unwrap();
        assert_eq!(part.top().unwrap().name, *name);
        // the objects of the one at the top have their own numbers
        assert!(matches!(part.root().parts(), Some((0, Named::Object(34)))), "{name}: {:?}", part.root());
        assert!(walk(&part).unwrap() > 1, "{name}");
        let control = part.lookup(part.root(), b".zfs");
        assert_eq!(control.is_err(), name.contains('@'), "{name}");
    }
    assert!(tree(&fixture, Some("lab/none")).is_err());
    let zvol = crate::common::fixture("zvol");
    let volume = tree(&zvol, Some("lab/v4K")).unwrap();
    let listing = volume.list(volume.root()).unwrap();
    assert_eq!(listing.entries[0].name, b"v4K");
    assert_eq!(volume.stat(listing.entries[0].number).unwrap().size, 8 << 20);
}

/// Numbers that nobody gave.
#[test]
fn any_number_is_an_answer() {
    let tree = tree(&fixture("encryption-mixed"), None).unwrap();
    let mut random = Random::new(3);
    let made = [Made::Root, Made::Control, Made::Snapshots, Made::Volumes, Made::Volume];
    let ordinals = 0..tree.names().datasets().all.len() + 3;
    let all = ordinals.flat_map(|ordinal| {
        let objects = [0, 1, 2, 34, 128, 1 << 20, (1 << 40) - 17];
        let objects = objects.into_iter().filter_map(move |object| Number::of_object(ordinal, object));
        objects.chain(made.map(|made| Number::of_made(ordinal, made)))
    });
    let random: Vec<Number> =
        (0..1000).map(|_| Number(u64::from_le_bytes([0; 8].map(|_: u8| random.byte())))).collect();
    for number in all.chain(random).chain([Number(0), Number(1), Number(u64::MAX)]) {
        for name in [&b"x"[..], b"", b".zfs", b"snapshot", b"volumes", b"a/b", b"\0", &[b'x'; 5000]] {
            let _ = tree.lookup(number, name);
        }
        let _ = (tree.node(number), tree.stat(number), tree.list(number), tree.dataset_of(number));
    }
}
