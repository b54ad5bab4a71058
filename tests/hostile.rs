//! Pools whose checksums all hold, but whose structures are made to exhaust or mislead: nothing panics, nothing takes
//! long or much memory, and what is wrong is named.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::forge::{DNODE_HEAD, FLETCHER4, Forge, OFF, micro_zap, parsed, set_word};
use common::pools::{open, verify};
use common::program::zexplore;
use zfsp::checksum::embedded::Piece;
use zfsp::dataset::Datasets;
use zfsp::fs::FileSystem;
use zfsp::verify::Depth;
use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::object_type::ObjectType;

/// Everything that reads pools reads it to an end; returns what was said.
fn survive(forge: &Forge) -> String {
    let paths = &forge.saved.paths;
    let mut said = String::new();
    for args in [
        &["summary"][..],
        &["config"],
        &["objset", "--all"],
        &["datasets", "-t", "all", "--hidden"],
        &["get", "all", "--hidden"],
        &["get", "--of-pool"],
        &["get", "--userspace", "all", "-t", "all"],
        &["ls", "-laR"],
        &["tree"],
        &["find", "lab", "--nameless"],
        &["find", "lab", "--deleted"],
        &["stat", "--blocks", "/hundred"],
        &["cat", "--salvage", "/hundred"],
        &["manifest"],
        &["diff", "lab@s1", "lab"],
        &["history", "-il"],
        &["errors"],
        &["zil"],
        &["keys", "-v"],
        &["verify"],
        &["verify", "--all-copies", "--json"],
    ] {
        let run = zexplore(args, paths).unwrap();
        said += &run.errors;
        said += &run.out;
    }
    let Ok(pool) = open(forge.saved.devices()) else { return said };
    let datasets = Datasets::of(&pool);
    for loss in &datasets.losses {
        said += &format!("{loss}\n");
    }
    for set in &datasets.all {
        if let Ok(set) = set.objset(&pool) {
            for loss in set.objects().filter_map(Result::err) {
                said += &format!("{loss}\n");
            }
        }
    }
    for loss in pool.mos.objects().filter_map(Result::err) {
        said += &format!("{loss}\n");
    }
    said
}

fn says(said: &str, what: &str) {
    assert!(said.contains(what), "'{what}' is not said:\n{}", &said[..said.len().min(4000)]);
}

/// The object of the pool directory.
fn named(forge: &Forge, key: &str) -> u64 {
    forge.pool.directory_number(key).unwrap().unwrap()
}

fn root_dir(forge: &Forge) -> (u64, zfsp_grammar::dsl::dir::DslDir) {
    let number = named(forge, "root_dataset");
    match forge.pool.mos.object(number).unwrap().dnode().unwrap().bonus {
        Bonus::DslDir(dir) => (number, dir),
        _ => panic!("no directory"),
    }
}

/// The tool itself: what it leaves is a sound pool.
#[test]
fn a_forged_pool_is_sound() {
    let mut forge = Forge::of("simple");
    forge.dnode(0, named(&forge, "config"), |_| {});
    let (_, dir) = root_dir(&forge);
    forge.dnode(dir.head_dataset_obj.0, 1, |_| {});
    assert_eq!(forge.pool.troubles, []);
    let (report, findings) = verify(&forge.pool, Depth::AllCopies);
    assert_eq!((report.total.blocks, report.errors, report.repaired), (368, 0, 0), "{findings:?}");
}

/// The number of what a path leads to.
fn number(forge: &Forge, path: &[u8]) -> (u64, u64) {
    let set = Datasets::of(&forge.pool).find("lab").unwrap().objset(&forge.pool).unwrap();
    (set.id, FileSystem::open(set).unwrap().find(path).unwrap().number)
}

/// The value of a directory entry.
fn dirent(object: u64, kind: u64) -> u64 {
    object | kind << 60
}

#[test]
fn a_directory_of_files_contains_itself() {
    let mut forge = Forge::of("simple");
    let (set, deep) = number(&forge, b"/deep");
    let (_, root) = number(&forge, b"/");
    let entries = [("itself", dirent(deep, 4)), ("root", dirent(root, 4)), ("nothing", dirent(1 << 40, 8))];
    forge.content(set, deep, &micro_zap(&entries));
    let said = survive(&forge);
    says(&said, "stands elsewhere too");
    says(&said, "no such object");
}

#[test]
fn a_link_leads_to_itself() {
    let mut forge = Forge::of("simple");
    let (set, deep) = number(&forge, b"/deep");
    let (_, link) = number(&forge, b"/link-short");
    // its target is "hundred"
    forge.content(set, deep, &micro_zap(&[("hundred", dirent(link, 10))]));
    let run = zexplore(&["cat", "/deep/hundred"], &forge.saved.paths).unwrap();
    assert_eq!(run.code, 1);
    says(&run.errors, "too many symbolic links");
}

#[test]
fn a_file_is_larger_than_the_world() {
    let mut forge = Forge::of("simple");
    let (set, file) = number(&forge, b"/hundred");
    // behind the header of the attributes: mode, size
    forge.dnode(set, file, |dnode| {
        let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
        set_word(dnode, bonus + 16, u64::MAX >> 1);
    });
    let paths = &forge.saved.paths;
    for args in [
        &["ls", "-l"][..],
        &["manifest", "-d", "lab"],
        &["stat", "--blocks", "/hundred"],
        &["diff", "lab@s2", "lab"],
    ] {
        let run = zexplore(args, paths).unwrap();
        assert_eq!(run.code, 0, "{args:?}: {}", run.errors);
    }
    let run =
        zexplore(&["cat", "/hundred", "--offset", "9000000000000000000", "--length", "3"], paths).unwrap();
    assert_eq!(run.out, "\0\0\0");
    // reading it to its end would take for ever: what is asked of it ends all the same
    forge.laugh(set, file, 8, &[7; 131_072]);
    for args in
        [&["manifest", "-d", "lab"][..], &["stat", "--blocks", "/hundred"], &["diff", "lab@s2", "lab"]]
    {
        zexplore(args, &forge.saved.paths).unwrap();
    }
}

#[test]
fn attributes_contradict_each_other() {
    let mut forge = Forge::of("simple");
    for (path, at, word) in [
        (&b"/hundred"[..], 4, 0xffff_ffff_u64),
        (b"/sparse", 0, 0),
        (b"/acl-file", 6, u64::MAX),
        (b"/deep", 8, 0),
    ] {
        let (set, file) = number(&forge, path);
        forge.dnode(set, file, |dnode| {
            let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
            set_word(dnode, bonus + at, word);
        });
    }
    let said = survive(&forge);
    says(&said, "object 5: attributes: ");
    says(&said, "it has no mode");
    says(&said, "── fifo");
}

#[test]
fn an_extended_attribute_is_a_directory() {
    let mut forge = Forge::of("xattr");
    let set = Datasets::of(&forge.pool).find("lab/dir").unwrap().objset(&forge.pool).unwrap();
    let (id, fs) = (set.id, FileSystem::open(set).unwrap());
    let owner = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
    let owner = owner.into_iter().find(|inode| inode.attributes.xattr != 0).unwrap();
    let xattr = owner.attributes.xattr;
    forge.content(
        id,
        xattr,
        &micro_zap(&[("user.self", dirent(xattr, 4)), ("user.none", dirent(1 << 40, 8))]),
    );
    let run = zexplore(&["manifest", "-d", "lab/dir"], &forge.saved.paths).unwrap();
    assert_eq!(run.code, 3);
    says(&run.errors, "no such object");
}

#[test]
fn extended_attributes_of_one_large_hole() {
    let mut forge = Forge::of("xattr");
    let set = Datasets::of(&forge.pool).find("lab/dir").unwrap().objset(&forge.pool).unwrap();
    let (id, fs) = (set.id, FileSystem::open(set).unwrap());
    let hole = fs.find(b"/sparse").unwrap();
    let owner = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
    let xattr = owner.into_iter().find(|inode| inode.attributes.xattr != 0).unwrap().attributes.xattr;
    // together more than the program may have
    let names: Vec<String> = (0..200).map(|n| format!("user.{n}")).collect();
    let entries: Vec<(&str, u64)> =
        names.iter().map(|name| (name.as_str(), dirent(hole.number, 8))).collect();
    assert!(hole.attributes.size * 200 > 1 << 30);
    forge.content(id, xattr, &micro_zap(&entries));
    for args in [&["manifest", "-d", "lab/dir"][..], &["find", "lab/dir"]] {
        zexplore(args, &forge.saved.paths).unwrap();
    }
    let run = zexplore(&["manifest", "-d", "lab/dir", "--no-hash"], &forge.saved.paths).unwrap();
    says(&run.errors, "is too large");
}

#[test]
fn a_directory_is_its_own_child() {
    let mut forge = Forge::of("simple");
    let (number, dir) = root_dir(&forge);
    let all = Datasets::of(&forge.pool).all.len();
    assert!(all > 3);
    forge.content(0, dir.child_dir_zapobj.0, &micro_zap(&[("again", number), ("none", 0), ("far", 1 << 47)]));
    says(&survive(&forge), "directory lab/again is met twice");
    assert!(Datasets::of(&open(forge.saved.devices()).unwrap()).all.iter().any(|set| set.name == "lab"));
}

#[test]
fn a_snapshot_is_its_own_head() {
    let mut forge = Forge::of("simple");
    let (_, dir) = root_dir(&forge);
    let head = dir.head_dataset_obj.0;
    let Bonus::DslDataset(dataset) = forge.pool.mos.object(head).unwrap().dnode().unwrap().bonus else {
        panic!()
    };
    forge.content(0, dataset.snapnames_zapobj.0, &micro_zap(&[("a", head), ("b", head)]));
    let bonus = DNODE_HEAD + BLKPTR_SIZE;
    // its previous and its next snapshot are the dataset itself
    forge.dnode(0, head, |dnode| {
        set_word(dnode, bonus + 8, head);
        set_word(dnode, bonus + 24, head);
    });
    says(&survive(&forge), "snapshot lab@a is met twice");
}

#[test]
fn a_list_contains_itself() {
    let mut forge = Forge::of("simple");
    let list = named(&forge, "free_bpobj");
    // an object of numbers: any other one will do
    let inside = named(&forge, "history");
    let words: Vec<u8> = list.to_le_bytes().repeat(512);
    forge.content(0, inside, &words);
    forge.dnode(0, inside, |dnode| set_word(dnode, 16, u64::MAX >> 8));
    forge.dnode(0, list, |dnode| {
        let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
        set_word(dnode, bonus, u64::MAX);
        set_word(dnode, bonus + 32, inside);
        set_word(dnode, bonus + 40, u64::MAX);
    });
    survive(&forge);
}

/// An object without levels that claims to have blocks without end.
#[test]
fn an_object_is_longer_than_its_tree() {
    for objset_of_files in [false, true] {
        let mut forge = Forge::of("simple");
        let objset = if objset_of_files { root_dir(&forge).1.head_dataset_obj.0 } else { 0 };
        forge.objset(objset, |bytes| set_word(bytes, 16, u64::MAX));
        survive(&forge);
        let mut forge = Forge::of("simple");
        for key in ["free_bpobj", "features_for_read", "history", "feature_descriptions"] {
            forge.dnode(0, named(&forge, key), |dnode| {
                set_word(dnode, 16, u64::MAX);
                if key == "free_bpobj" {
                    let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
                    set_word(dnode, bonus, u64::MAX);
                }
            });
        }
        survive(&forge);
    }
}

/// Trees of a few blocks, each named over and over.
#[test]
fn a_tree_of_the_same_block_again_and_again() {
    for levels in [2, 3, 7, 12, 31] {
        let mut forge = Forge::of("simple");
        let list = named(&forge, "free_bpobj");
        forge.laugh(0, list, levels, &[0; 512]);
        forge.dnode(0, list, |dnode| {
            let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
            set_word(dnode, bonus, u64::MAX);
        });
        survive(&forge);
        // a ZAP whose header is damaged: every block may be a leaf
        let mut forge = Forge::of("simple");
        let mut header = vec![0; 16 << 10];
        set_word(&mut header, 0, 0x8000_0000_0000_0001);
        let (_, dir) = root_dir(&forge);
        forge.laugh(0, dir.child_dir_zapobj.0, levels, &header);
        survive(&forge);
        // the dnodes of a file system
        let mut forge = Forge::of("simple");
        let head = root_dir(&forge).1.head_dataset_obj.0;
        let dnodes = forge.pool.objset(head).unwrap().meta_dnode.block(0).unwrap().bytes;
        forge.laugh(head, 0, levels, &dnodes);
        survive(&forge);
        // the dnodes of the MOS: there is nothing else any more
        let mut forge = Forge::of("simple");
        let dnodes = forge.pool.mos.meta_dnode.block(0).unwrap().bytes;
        forge.laugh(0, 0, levels, &dnodes);
        survive(&forge);
    }
}

/// Without a checksum, a block can hold pointers to itself.
#[test]
fn an_indirect_block_points_to_itself() {
    let mut forge = Forge::of("simple");
    let history = named(&forge, "history");
    let kind = forge.pool.mos.object(history).unwrap().r#type.0;
    let at = forge.put(&vec![0; 128 << 10]);
    for level in [0, 1, 2] {
        let pointer = forge.pointer(at, &vec![0; 128 << 10], kind, level, OFF);
        let block = pointer.repeat(1024);
        forge.rewrite(at, &block);
        for levels in [2, 3, 4] {
            let top = forge.pointer(at, &block, kind, levels - 1, OFF);
            assert_eq!(parsed(&top).level(), levels - 1);
            forge.dnode(0, history, |dnode| {
                dnode[1] = 17;
                dnode[2] = levels;
                set_word(dnode, 16, u64::MAX >> 1);
                dnode[DNODE_HEAD..DNODE_HEAD + BLKPTR_SIZE].copy_from_slice(&top);
            });
            let said = survive(&forge);
            let wanted = levels - 2;
            if level != wanted {
                says(&said, &format!("its pointer is of level {level}"));
            } else if wanted > 0 {
                // it is what its place demands, but it is there already
                let object = forge.pool.mos.object(history).unwrap();
                let losses: Vec<String> =
                    object.blocks(0).filter_map(|b| Some(b.err()?.to_string())).collect();
                says(&losses.join("\n"), "a block of pointers that stands elsewhere");
            }
        }
    }
}

/// A configuration nested deeper than any stack.
#[test]
fn a_configuration_is_nested_without_end() {
    let mut forge = Forge::of("simple");
    let config = named(&forge, "config");
    let word = |n: u32| n.to_be_bytes();
    let mut inner: Vec<u8> = [word(0), word(0)].concat();
    for _ in 0..20_000 {
        let name = b"vdev_tree\0\0\0";
        let len = 4 * 5 + name.len() + 8 + inner.len();
        let mut pair = [word(len as u32), word(len as u32), word(9)].concat();
        pair.extend(name);
        pair.extend([word(19), word(1), word(0), word(1)].concat());
        pair.extend(&inner);
        pair.extend([word(0), word(0)].concat());
        inner = pair;
        if inner.len() > 15 << 20 {
            break;
        }
    }
    let mut bytes = [&[1, 1, 0, 0][..], &word(0), &word(1)].concat();
    bytes.extend(inner);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    assert!(bytes.len() > 1 << 19);
    // as far as a block goes
    bytes.truncate(8 << 20);
    forge.content(0, config, &bytes);
    let said = survive(&forge);
    says(&said, "configuration");
}

/// The space of a removed vdev is mapped to itself.
#[test]
fn a_removed_vdev_is_mapped_to_itself() {
    let mut forge = Forge::of("removed");
    let vdev = forge.pool.config.children.iter().find_map(|vdev| vdev.indirect_object).unwrap();
    let object = forge.pool.mos.object(vdev).unwrap();
    let (mut bytes, _) = object.content(1 << 20).whole().unwrap();
    for entry in bytes.as_chunks_mut::<24>().0 {
        // the vdev of the destination: bits 32 to 55 of its first word
        entry[12] = 1;
    }
    bytes.resize(bytes.len().next_multiple_of(512).max(512), 0);
    forge.content(0, vdev, &bytes);
    survive(&forge);
    // and has more entries than there are bytes
    forge.dnode(0, vdev, |dnode| {
        set_word(dnode, 16, u64::MAX >> 8);
        let bonus = DNODE_HEAD + usize::from(dnode[3]) * BLKPTR_SIZE;
        for n in 0..5 {
            set_word(dnode, bonus + n * 8, u64::MAX);
        }
    });
    survive(&forge);
}

/// Tables and chains of a ZAP lead in circles, or far away.
#[test]
fn a_zap_leads_in_circles() {
    let mut forge = Forge::of("simple");
    let (_, dir) = root_dir(&forge);
    let object = forge.pool.mos.objects().map(Result::unwrap).find(|o| o.at.object == 1).unwrap();
    let (mut zap, _) = object.content(1 << 20).whole().unwrap();
    let half = object.block_size as usize;
    assert!(zap.len() >= 2 * half, "a header and a leaf");
    // every hash of the leaf starts at the first entry, which follows itself
    let buckets = half / 32;
    for n in 0..buckets {
        zap[half + 48 + n * 2..half + 50 + n * 2].fill(0);
    }
    let first = half + 48 + buckets * 2;
    zap[first..first + 24]
        .copy_from_slice(&[252, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let kind = ObjectType::DSL_DIR_CHILD_MAP.0;
    for table in [None, Some((1u64, 1u64)), Some((0, 1 << 40)), Some((1, u64::MAX))] {
        let mut zap = zap.clone();
        if let Some((start, count)) = table {
            set_word(&mut zap, 16, start);
            set_word(&mut zap, 24, count);
            set_word(&mut zap, 32, 50);
        }
        let blocks = [forge.store(&zap[..half], kind, 0), forge.store(&zap[half..2 * half], kind, 0)];
        let indirect = [blocks.as_flattened(), &vec![0; (128 << 10) - 256]].concat();
        let top = forge.store(&indirect, kind, 1);
        forge.dnode(0, dir.child_dir_zapobj.0, |dnode| {
            dnode[1] = 17;
            dnode[2] = 2;
            dnode[8..10].copy_from_slice(&((half / 512) as u16).to_le_bytes());
            set_word(dnode, 16, if table.is_some() { u64::MAX >> 1 } else { 1 });
            dnode[DNODE_HEAD..DNODE_HEAD + BLKPTR_SIZE].copy_from_slice(&top);
        });
        survive(&forge);
    }
}

/// A gang header is one of its own pieces: it proves itself by its place, not by what points to it.
#[test]
fn a_gang_block_contains_itself() {
    let mut forge = Forge::of("gang");
    let history = named(&forge, "history");
    let kind = forge.pool.mos.object(history).unwrap().r#type.0;
    let size = 128 << 10;
    let at = forge.put(&[0; 512]);
    let data = forge.store(&[7; 512], 0, 0);
    for inner in [512, 1024, 64 << 10, size - 512, size, 16 << 20] {
        let mut header = vec![0; 512];
        let mut own = forge.pointer(at, &vec![0; inner], 0, 0, OFF);
        own[15] |= 0x80; // gang
        header[..128].copy_from_slice(&own);
        header[128..256].copy_from_slice(&own);
        header[256..384].copy_from_slice(&data);
        header[472..480].copy_from_slice(&0x0210_da7a_b10c_7a11_u64.to_le_bytes());
        let birth = forge.pool.uberblock.txg.0;
        let sum = Piece::ending(&header).unwrap().sha256([0, at, birth, 0]).0.map(u64::to_le_bytes);
        header[480..].copy_from_slice(sum.as_flattened());
        forge.rewrite(at, &header);
        let mut top = forge.pointer(at, &vec![0; size], kind, 0, FLETCHER4);
        top[15] |= 0x80;
        forge.dnode(0, history, |dnode| {
            dnode[2] = 1;
            dnode[8..10].copy_from_slice(&256_u16.to_le_bytes());
            dnode[DNODE_HEAD..DNODE_HEAD + BLKPTR_SIZE].copy_from_slice(&top);
        });
        let said = survive(&forge);
        says(&said, "pieces of a gang block");
    }
}

/// Lists of destroyed datasets and of livelists that name what is being freed already, and each other.
#[test]
fn what_is_being_freed_is_named_without_end() {
    let mut forge = Forge::of("simple");
    let (_, dir) = root_dir(&forge);
    let directory = micro_zap(&[
        ("root_dataset", named(&forge, "root_dataset")),
        ("config", named(&forge, "config")),
        ("free_bpobj", named(&forge, "free_bpobj")),
        ("bptree_obj", named(&forge, "free_bpobj")),
        ("sync_bplist", named(&forge, "free_bpobj")),
        ("com.delphix:deleted_clones", dir.child_dir_zapobj.0),
        ("features_for_read", 1),
        ("features_for_write", 1),
        ("com.delphix:zpool_checkpoint", 1),
    ]);
    // names in hex, each a list of lists that is this one
    let list = dir.child_dir_zapobj.0;
    forge.content(0, list, &micro_zap(&[("1", list), ("2", list), (&format!("{list:x}"), list)]));
    forge.laugh(0, named(&forge, "free_bpobj"), 31, &[0xff; 16 << 10]);
    forge.content(0, 1, &directory);
    says(&survive(&forge), "no list of destroyed datasets");
}
