//! Histories of real pools, against what `zpool history -il` prints, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use common::forge::{DNODE_HEAD, Forge, set_word};
use common::program::{Run, zexplore};
use common::{Fixture, each, fixture, fixtures, unpacked};
use zfsp::history::{Event, History};

/// The lines that both print, of what was logged until the text was made.
fn told(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

fn check(fixture: &Fixture, text: &str) -> Result<(), String> {
    let images: Vec<_> = fixture.images().iter().map(|image| unpacked(image)).collect();
    let ours = zexplore(&["history", "-il"], &images)?;
    if ours.code != 0 {
        return Err(format!("{}: exit code {}: {}", fixture.name, ours.code, ours.errors));
    }
    let (ours, mut theirs) = (told(&ours.out), told(text));
    // of pools before version 4 `zpool` shows no history, although the kernel has kept events
    if text.starts_with("cannot get history") {
        let only_events = ours.iter().skip(1).all(|line| line.contains(" [txg:"));
        return if only_events && ours.len() > 1 {
            Ok(())
        } else {
            Err(format!("{}: {ours:?}", fixture.name))
        };
    }
    // its text is of a copy that was imported once more
    if fixture.name == "multihost" {
        let again = theirs.iter().position(|line| line.contains(" [txg:32] open pool")).unwrap();
        theirs.truncate(again);
    }
    // of an event without words `zpool` may print what its memory held before
    let is_left_over = |ours: &str, theirs: &str| ours.starts_with(" [user") && theirs.ends_with(ours);
    match ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs && !is_left_over(ours, theirs)) {
        Some((ours, theirs)) => Err(format!("{}:\n{ours}\nis\n{theirs}", fixture.name)),
        None if ours.len() != theirs.len() => {
            Err(format!("{}: {} lines, zpool has {}", fixture.name, ours.len(), theirs.len()))
        }
        None => Ok(()),
    }
}

#[test]
fn each_history_is_what_zpool_prints() {
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("history.txt")?, f))).collect();
    assert!(pools.len() > 60, "histories are missing: {}", pools.len());
    each(pools, |(text, fixture)| check(fixture, text));
}

/// The history of a pool, in the hands of an enemy: its object, its content, where its events start.
struct Victim {
    forge: Forge,
    object: u64,
    content: Vec<u8>,
    starts: Vec<usize>,
}

impl Victim {
    fn of(name: &str) -> Self {
        let forge = Forge::of(name);
        let object = forge.pool.directory_number("history").unwrap().unwrap();
        let (content, _) = forge.pool.mos.object(object).unwrap().content(1 << 20).whole().unwrap();
        let history = History::of(&forge.pool).unwrap().unwrap();
        let starts = history.events().map(|event| usize::try_from(event.unwrap().at).unwrap()).collect();
        Self { forge, object, content, starts }
    }
    fn run(&self) -> Run {
        zexplore(&["history", "-il"], &self.forge.saved.paths).unwrap()
    }
    /// Where the events start that can still be had, and how often something was lost.
    fn left(&self) -> (Vec<usize>, usize) {
        let history = History::of(&self.forge.pool).unwrap().unwrap();
        let (mut found, mut losses) = (Vec::new(), 0);
        for event in history.events() {
            match event {
                Ok(Event { at, .. }) => found.push(usize::try_from(at).unwrap()),
                Err(_) => losses += 1,
            }
        }
        (found, losses)
    }
}

/// Bytes of one record, then its length, make no sense: it is named, all others are shown.
#[test]
fn one_record_is_lost() {
    for (at, len) in [(12, 40), (0, 8), (3, 1)] {
        let mut victim = Victim::of("simple");
        let start = victim.starts[60];
        victim.content[start + at..][..len].fill(0xa5);
        let content = victim.content.clone();
        victim.forge.content(0, victim.object, &content);
        let mut wanted = victim.starts.clone();
        wanted.remove(60);
        assert_eq!(victim.left(), (wanted, 1), "{at} {len}");
        let run = victim.run();
        assert_eq!(run.code, 3);
        assert!(run.errors.contains(&format!("record at {start:#x}")), "{}", run.errors);
        assert!(run.out.contains("zpool export lab [user 0 (root) on zlab:linux]"));
    }
}

/// A block in the middle is lost with all its copies: what stands before and behind it is shown.
#[test]
fn one_block_is_lost() {
    const SIZE: usize = 8192;
    let mut victim = Victim::of("simple");
    let kind = victim.forge.pool.mos.object(victim.object).unwrap().r#type.0;
    let blocks: Vec<_> =
        victim.content[..3 * SIZE].chunks(SIZE).map(|block| victim.forge.store(block, kind, 0)).collect();
    victim.forge.dnode(0, victim.object, |dnode| {
        dnode[8..10].copy_from_slice(&16u16.to_le_bytes());
        set_word(dnode, 16, 2);
        for (n, pointer) in blocks.iter().enumerate() {
            // the checksum of the second one is that of other bytes
            let mut pointer = *pointer;
            pointer[127] ^= u8::from(n == 1);
            dnode[DNODE_HEAD + n * 128..][..128].copy_from_slice(&pointer);
        }
    });
    let (found, losses) = victim.left();
    let before =
        |start: &&usize| victim.starts.iter().find(|next| next > start).is_none_or(|next| *next <= SIZE);
    let kept = victim.starts.iter().filter(|start| before(start) || **start >= 2 * SIZE);
    assert_eq!((found, losses), (kept.copied().collect(), 1));
    let run = victim.run();
    assert_eq!(run.code, 3);
    assert!(run.errors.contains(&format!("MOS object {} block 1: ", victim.object)), "{}", run.errors);
    assert!(run.out.contains("zpool export lab [user 0 (root) on zlab:linux]"));
}

/// Where each offset could be the start of a large record, the search for one is given up; what stands before is shown.
#[test]
fn a_search_has_an_end() {
    const LEN: u32 = 512 << 10;
    let mut victim = Victim::of("simple");
    let (kept, start) = (60, victim.starts[60]);
    victim.content.resize(usize::try_from(LEN).unwrap(), 0);
    // the length of a record, and the head of a packed list
    let bait = [0, 0, 4, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    victim.content[start..].chunks_exact_mut(bait.len()).for_each(|to| to.copy_from_slice(&bait));
    victim.content[start..][..16].fill(0xa5);
    let blocks: Vec<_> = victim.content.chunks(128 << 10).map(<[u8]>::to_vec).collect();
    let kind = victim.forge.pool.mos.object(victim.object).unwrap().r#type.0;
    let pointers: Vec<_> = blocks.iter().map(|block| victim.forge.store(block, kind, 0)).collect();
    let mut above = pointers.concat();
    above.resize(128 << 10, 0);
    let above = victim.forge.store(&above, kind, 1);
    victim.forge.dnode(0, victim.object, |dnode| {
        (dnode[1], dnode[2]) = (17, 2);
        dnode[8..10].copy_from_slice(&256u16.to_le_bytes());
        set_word(dnode, 16, 3);
        let header = DNODE_HEAD + usize::from(dnode[3]) * 128;
        dnode[DNODE_HEAD..header].fill(0);
        dnode[DNODE_HEAD..][..128].copy_from_slice(&above);
        set_word(dnode, header + 8, u64::from(LEN));
        set_word(dnode, header + 24, u64::from(LEN));
    });
    let begun = std::time::Instant::now();
    let run = victim.run();
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
    assert_eq!(run.code, 3);
    assert!(run.errors.contains("the search was given up"), "{}", run.errors);
    assert_eq!(victim.left(), (victim.starts[..kept].to_vec(), 2));
}

/// Figures that contradict each other, and logs that are larger than any.
#[test]
fn offsets_that_make_no_sense() {
    for (at, word) in [(1, 1 << 40), (1, 0), (2, 1 << 50), (3, u64::MAX), (0, u64::MAX)] {
        let mut victim = Victim::of("simple");
        let pointers = usize::from(victim.forge.pool.mos.object(victim.object).unwrap().dnode_bytes().0[3]);
        victim
            .forge
            .dnode(0, victim.object, |dnode| set_word(dnode, DNODE_HEAD + pointers * 128 + at * 8, word));
        let run = victim.run();
        assert_eq!(run.code, 1, "{at}: {}", run.errors);
        assert!(run.errors.contains("offsets contradict each other"), "{}", run.errors);
    }
}

#[test]
fn parts_of_the_time() {
    let images: Vec<_> = fixture("simple").images().iter().map(|image| unpacked(image)).collect();
    let lines = |args: &[&str]| zexplore(args, &images).unwrap().out.lines().count();
    let all = lines(&["history", "-i", "--json"]);
    let cut = "2026-11-22T13:01:38";
    let (before, since) =
        (lines(&["history", "--json", "--until", cut]), lines(&["history", "--json", "--since", cut]));
    assert!(before > 40 && since > 10 && before + since == all, "{before} and {since} of {all}");
}

transcripts! {
    history_of_commands: "zexplore history -p fixtures/simple";
    history_with_users: "zexplore history -l -p fixtures/quotas";
    history_of_events: "zexplore history -il --since 2026-11-22T13:01:39 -p fixtures/simple";
    history_as_json: "zexplore history --json --since 2026-11-22T13:01:40 -p fixtures/simple";
    history_help: "zexplore history --help";
}
