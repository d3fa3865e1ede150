//! What happens to pages that come back: soon after they were evicted, long after, and again and
//! again.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use std::collections::{HashMap, VecDeque};

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId, Tick};
use memtide_core::snapshot::PteView;
use memtide_core::{Allocation, Config, Input, Manager, Output, SpaceConfig};
use support::{World, at};

const FRAMES: u32 = 128;

/// More than three times what memory holds.
const PAGES: u64 = 400;

/// A machine that has evicted most pages of a space, each of which was written once, in order.
fn evicted(config: Config) -> (World, SpaceId, u64) {
    let mut world = World::new(config);
    world.is_checked = false;
    let space = world.space();
    let base = world.committed(space, PAGES);
    for page in 0..PAGES {
        world.write(space, at(base, page), 1 + page).expect("a write");
    }
    world.complete_all();
    (world, space, base)
}

fn with_page_file() -> Config {
    Config::new(FRAMES).with_page_file(4096, 4096)
}

/// The page that was evicted last of those that are where `is_there` says.
fn last_out(world: &World, space: SpaceId, base: u64, is_there: fn(PteView) -> bool) -> u64 {
    let is_out = |page: &u64| is_there(world.pte(space, at(base, *page)));
    (0..PAGES).rev().find(is_out).expect("a page that is not in memory")
}

/// Whether a page of the working set is on probation.
fn is_newcomer(world: &World, space: SpaceId, address: u64) -> bool {
    let set = world.manager.snapshot().working_set(space).expect("it is there");
    let found = set.iter().find(|entry| entry.page.address() == address);
    found.expect("it is resident").is_newcomer
}

#[test]
fn a_page_read_back_soon_after_its_eviction_is_no_newcomer() {
    let (mut world, space, base) = evicted(with_page_file());
    let is_there = |pte| matches!(pte, PteView::PageFile(_));
    let address = at(base, last_out(&world, space, base, is_there));
    let hard = world.manager.counters().hard;
    world.read(space, address).expect("a read");
    assert_eq!(world.manager.counters().hard, hard + 1);
    assert!(!is_newcomer(&world, space, address));
    world.check();
}

#[test]
fn a_page_read_back_long_after_its_eviction_is_a_newcomer() {
    let (mut world, space, base) = evicted(with_page_file());
    // More pages were evicted since than memory holds.
    world.read(space, base).expect("a read");
    assert!(is_newcomer(&world, space, base));
    world.check();
}

#[test]
fn a_stored_page_that_comes_back_soon_is_no_newcomer() {
    let (mut world, space, base) = evicted(with_page_file().with_store(FRAMES / 2));
    let is_there = |pte| matches!(pte, PteView::Stored(_));
    let address = at(base, last_out(&world, space, base, is_there));
    let decompressed = world.manager.counters().decompressed;
    world.read(space, address).expect("a read");
    assert_eq!(world.manager.counters().decompressed, decompressed + 1);
    assert!(!is_newcomer(&world, space, address));
    world.check();
}

#[test]
fn a_page_that_was_read_ahead_is_a_newcomer_when_it_is_used() {
    let mut config = with_page_file();
    config.policy.available_goal = FRAMES / 2;
    let (mut world, space, base) = evicted(config);
    let mut read_ahead = 0;
    for page in 0..FRAMES.into() {
        let before = *world.manager.counters();
        world.read(space, at(base, page)).expect("a read");
        let after = *world.manager.counters();
        if after.soft > before.soft && after.hard == before.hard {
            read_ahead += 1;
            assert!(is_newcomer(&world, space, at(base, page)), "page {page}");
        }
    }
    assert!(read_ahead > 0, "no page was read ahead");
}

/// Requests of pages by a zipf distribution, most often the page of number 0.
fn zipf(pages: u32, count: usize) -> Vec<u32> {
    let mut sums = vec![0.0];
    for rank in 1..=pages {
        sums.push(sums[rank as usize - 1] + 1.0 / f64::from(rank));
    }
    let total = sums[pages as usize];
    let mut state = 1u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 * total
    };
    (0..count).map(|_| draw()).map(|at| sums.partition_point(|sum| *sum <= at) as u32 - 1).collect()
}

/// First touches and hard faults of the manager.
fn misses_of_manager(trace: &[u32], pages: u32, frames: u32) -> u64 {
    let config = Config::new(frames).with_page_file(2 * pages, 2 * pages);
    let mut manager = Manager::new(config).expect("a machine");
    let space = manager.create_space(SpaceConfig::default()).expect("a space");
    let bytes = u64::from(pages) * PAGE_SIZE;
    let base = manager.allocate(space, &Allocation::committed(bytes)).expect("memory");
    let mut is_written = vec![false; pages as usize];
    for page in trace {
        // Neighbours in the trace's order of hotness must not be neighbours in memory.
        let place = u64::from(*page) * 7919 % u64::from(pages);
        let address = at(base, place);
        let is_first = !std::mem::replace(&mut is_written[*page as usize], true);
        let access = if is_first { Access::Write } else { Access::Read };
        if manager.touch(space, address, access) {
            continue;
        }
        manager.handle(Tick(0), Input::Fault { thread: ThreadId(0), space, address, access });
        while let Some(output) = manager.poll_output() {
            let result = Ok(());
            match output {
                Output::Read { operation } => {
                    manager.handle(Tick(0), Input::ReadDone { operation, result });
                }
                Output::Write { operation } => {
                    manager.handle(Tick(0), Input::WriteDone { operation, result });
                }
                _ => {}
            }
        }
    }
    manager.verify().expect("sound");
    manager.counters().demand_zero + manager.counters().hard
}

fn misses_of_lru(trace: &[u32], size: usize) -> u64 {
    let (mut last, mut queue, mut misses) = (HashMap::new(), VecDeque::new(), 0);
    for (now, page) in trace.iter().enumerate() {
        misses += u64::from(last.insert(*page, now).is_none());
        queue.push_back((now, *page));
        while last.len() > size {
            let (used, oldest) = queue.pop_front().expect("as many as there are pages");
            if last.get(&oldest) == Some(&used) {
                last.remove(&oldest);
            }
        }
    }
    misses
}

/// S3-FIFO as its paper has it: a tenth for newcomers, two bits of frequency, and a memory of as
/// many evicted newcomers as the main queue holds pages.
fn misses_of_s3_fifo(trace: &[u32], size: usize) -> u64 {
    let (mut small, mut main) = (VecDeque::new(), VecDeque::new());
    let (mut frequency, mut evicted) = (HashMap::<u32, u8>::new(), HashMap::new());
    let (mut misses, mut evictions) = (0, 0);
    for page in trace {
        if let Some(count) = frequency.get_mut(page) {
            *count = (*count + 1).min(3);
            continue;
        }
        misses += 1;
        while small.len() + main.len() >= size {
            if small.len() > size / 10 || main.is_empty() {
                let victim = small.pop_front().expect("a newcomer");
                if frequency[&victim] > 1 {
                    frequency.insert(victim, 0);
                    main.push_back(victim);
                } else {
                    frequency.remove(&victim);
                    evicted.insert(victim, evictions);
                    evictions += 1;
                }
            } else {
                let victim = main.pop_front().expect("a page");
                match frequency[&victim] {
                    0 => drop(frequency.remove(&victim)),
                    count => {
                        frequency.insert(victim, count - 1);
                        main.push_back(victim);
                    }
                }
            }
        }
        frequency.insert(*page, 0);
        let is_remembered = |at: usize| evictions - at <= size - size / 10;
        match evicted.remove(page) {
            Some(at) if is_remembered(at) => main.push_back(*page),
            _ => small.push_back(*page),
        }
    }
    misses
}

#[test]
fn a_zipf_trace_misses_as_little_as_with_s3_fifo() {
    const PAGES: u32 = 10_000;
    const FRAMES: u32 = 1000;
    let trace = zipf(PAGES, 200_000);
    let ours = misses_of_manager(&trace, PAGES, FRAMES);
    let (lru, s3_fifo) =
        (misses_of_lru(&trace, FRAMES as usize), misses_of_s3_fifo(&trace, FRAMES as usize));
    assert!(ours < lru, "{ours} misses, {lru} with LRU");
    assert!(ours * 100 <= s3_fifo * 101, "{ours} misses, {s3_fifo} with S3-FIFO");
}
