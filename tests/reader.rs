//! Reading here and there gives what reading from one end to the other does, and so does the search for data and holes.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use std::ops::Range;
use std::sync::Arc;

use common::image::Random;
use common::{each, fixture};
use zfsp::block::Cache;
use zfsp::file::{Content, File, Reader, Sought};
use zfsp::fs::Found;
use zfsp::namespace::{Held, Namespace};
use zfsp_grammar::mode::FileType;

/// Files up to this size are compared as a whole.
const LONGEST: u64 = 8 << 20;

/// The regular files and volumes of a pool, with the intent logs applied.
fn files(fixture: &common::Fixture) -> Vec<(String, File)> {
    let pool = fixture.unlocked();
    let names = Namespace::replayed(&pool);
    let mut all = Vec::new();
    for dataset in names.datasets().all.iter().filter(|set| !set.is_hidden) {
        match names.open(dataset) {
            Ok(Held::Volume(volume)) => all.push((dataset.name.clone(), volume.data())),
            Ok(Held::FileSystem(fs)) => {
                let Ok(root) = fs.root() else { continue };
                for visit in root.walk() {
                    let Found::Inode(inode) = &visit.found else { continue };
                    if inode.kind() == FileType::REGULAR {
                        all.push((
                            format!("{}:{}", dataset.name, String::from_utf8_lossy(&visit.path)),
                            inode.open(),
                        ));
                    }
                }
            }
            Err(_) => {}
        }
    }
    all
}

fn whole(file: &File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.stream(0..file.size(), |chunk| {
        match &chunk.content {
            Content::Data(data) => bytes.extend_from_slice(data),
            Content::Hole => bytes.resize(chunk.range.end as usize, 0),
            Content::Lost(loss) => return Err(loss.clone()),
        }
        Ok(())
    })
    .unwrap();
    bytes
}

/// Where data is, as the segments tell it.
fn sought(segments: &[Range<u64>], size: u64, sought: Sought, from: u64) -> Option<u64> {
    if from >= size {
        return None;
    }
    match sought {
        Sought::Data => {
            segments.iter().find(|segment| segment.end > from).map(|segment| segment.start.max(from))
        }
        Sought::Hole => {
            let mut at = from;
            while let Some(segment) = segments.iter().find(|segment| segment.contains(&at)) {
                at = segment.end;
            }
            Some(at)
        }
    }
}

#[test]
fn reading_here_and_there_is_reading() {
    let pools = [
        "simple",
        "recordsize-all",
        "bigfile",
        "unclean-zil",
        "zvol",
        "compress-all",
        "encryption-mixed",
        "block-cloning",
    ];
    each(pools.to_vec(), |pool| {
        let mut random = Random::new(7);
        let mut compared = 0;
        // the smallest cache that there is, for all files
        let cache = Arc::new(Cache::with_room(0));
        for (name, file) in files(&fixture(pool)) {
            let segments: Vec<Range<u64>> = file.segments().collect::<Result<_, _>>().unwrap();
            let size = file.size();
            let ends = segments.iter().flat_map(|segment| [segment.start, segment.end]);
            let near = ends.flat_map(|end| [end.saturating_sub(1), end, end + 1]).take(200);
            for from in near.chain([0, size / 2, size.saturating_sub(1), size, u64::MAX]).collect::<Vec<_>>()
            {
                for kind in [Sought::Data, Sought::Hole] {
                    let (ours, expected) = (file.seek_to(kind, from), sought(&segments, size, kind, from));
                    assert_eq!(ours, expected, "{pool}: {name}: {kind:?} from {from}");
                }
            }
            compared += 1;
            if size > LONGEST {
                continue;
            }
            let bytes = whole(&file);
            for is_ahead in [false, true] {
                let reader = Reader::new(file.clone(), cache.clone(), is_ahead);
                let read = |range: Range<u64>| {
                    let found = reader.read(range.clone()).unwrap();
                    let expected = range.start.min(size) as usize..range.end.min(size) as usize;
                    assert!(found[..] == bytes[expected], "{pool}: {name}: {range:?}");
                };
                for at in (0..size).step_by(100_000) {
                    read(at..at + 100_000);
                }
                for _ in 0..20 {
                    let at = random.below(size as usize + 2) as u64;
                    read(at..at + random.below(300_000) as u64);
                }
                read(size..u64::MAX);
                read(0..u64::MAX);
            }
        }
        match compared {
            0..3 => Err(format!("{pool}: only {compared} files were compared")),
            _ => Ok(()),
        }
    });
}

/// Threads that read one file at once see the same.
#[test]
fn many_threads_read_one_file() {
    let (_, file) = files(&fixture("recordsize-all"))
        .into_iter()
        .max_by_key(|(_, file)| file.size().min(LONGEST))
        .unwrap();
    let (size, bytes) = (file.size().min(LONGEST), whole(&file));
    let reader = Reader::new(file, Arc::new(Cache::with_room(0)), true);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (reader, bytes) = (&reader, &bytes);
            scope.spawn(move || {
                let mut random = Random::new(thread);
                for n in 0..100u64 {
                    let at =
                        if thread % 2 == 0 { n * 65_536 % size } else { random.below(size as usize) as u64 };
                    let end = (at + 65_536).min(size);
                    assert!(reader.read(at..end).unwrap()[..] == bytes[at as usize..end as usize]);
                }
            });
        }
    });
}
