//! Sections under pressure: several times the budget, many threads, and calls in any order.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::os::unix::fs::MetadataExt;

use memtide_core::ListCommand;
use memtide_live::{FaultPath, Machine, Section, Space};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use support::mappings::mappings;
use support::{
    MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, WRITE_COPY, bounded, check, committed,
    load, machine, mark, scrambled, section, space, store, succeeds, view, within_budget,
};

fn keeps_every_page(path: FaultPath, compression: Option<u8>) {
    bounded(move || {
        let machine = machine(8, compression);
        let bytes = 32 * MIB;
        let section = section(&machine, bytes);
        let (one, two) = (space(&machine, path), space(&machine, path));
        let (write, read) = (view(&one, &section, READ_WRITE), view(&two, &section, READ_ONLY));
        for round in 0..2 {
            mark(write, bytes, round);
            check(read, bytes, round);
            check(write, bytes, round);
        }
        let counters = machine.counters();
        assert!(counters.pages_written + counters.compressed > bytes / PAGE, "{counters:?}");
        machine.verify().expect("a sound machine");
    });
}

#[test]
fn a_section_of_four_times_the_budget_keeps_every_page_in_the_faulting_thread() {
    keeps_every_page(FaultPath::InThread, None);
}

#[test]
fn a_section_of_four_times_the_budget_keeps_every_page_through_handler_threads() {
    keeps_every_page(FaultPath::Handler, None);
}

#[test]
fn a_section_of_four_times_the_budget_keeps_every_page_with_compression() {
    keeps_every_page(FaultPath::InThread, Some(50));
    keeps_every_page(FaultPath::Handler, Some(50));
}

const THREADS: u64 = 6;

/// Each thread has its own word in every page, and a view of its own, of one of two spaces.
#[test]
fn threads_on_the_same_section_keep_every_word() {
    for path in PATHS {
        for compression in [None, Some(50)] {
            bounded(move || {
                let machine = machine(8, compression);
                let bytes = 16 * MIB;
                let section = section(&machine, bytes);
                let spaces = [space(&machine, path), space(&machine, path)];
                let of = |thread| view(&spaces[thread as usize % 2], &section, READ_WRITE);
                let bases: Vec<u64> = (0..THREADS).map(of).collect();
                std::thread::scope(|scope| {
                    for (thread, base) in (0..).zip(&bases) {
                        scope.spawn(move || write_own_words(*base, bytes, thread));
                    }
                });
                for page in 0..bytes / PAGE {
                    for thread in 0..THREADS {
                        // Through the view of another.
                        let base = bases[(thread as usize + 1) % bases.len()];
                        let word = load(base + page * PAGE + thread * 8);
                        let expected = scrambled(page * THREADS + thread + 1);
                        assert_eq!(word, expected, "page {page} of {thread}");
                    }
                }
                machine.verify().expect("a sound machine");
            });
        }
    }
}

fn write_own_words(base: u64, bytes: u64, thread: u64) {
    let pages = bytes / PAGE;
    for round in 0..2 {
        for number in 0..pages {
            // Each in an order of its own.
            let page = (number * [1, 3, 7, 13, 31, 61][thread as usize] + thread * 97) % pages;
            let at = base + page * PAGE + thread * 8;
            let before = if round == 0 { 0 } else { scrambled(page * THREADS + thread) };
            assert_eq!(load(at), before, "round {round}, page {page} of {thread}");
            store(at, scrambled(page * THREADS + thread + round));
        }
    }
}

/// Bytes in memory of all that a machine manages: pages of sections' files, and pages of its own
/// in mappings that a child of fork does not get. A page of a file counts once, however many map
/// it; Rss would count it each time.
fn resident() -> u64 {
    let own = mappings().into_iter().filter(|mapping| mapping.has("dc"));
    let mut bytes = own.map(|mapping| mapping.anonymous).sum();
    for file in std::fs::read_dir("/proc/self/fd").expect("descriptors").flatten() {
        let name = std::fs::read_link(file.path()).unwrap_or_default();
        if name.to_string_lossy().contains("memtide-section") {
            bytes += std::fs::metadata(file.path()).expect("a file in memory").blocks() * 512;
        }
    }
    bytes
}

/// A section of twice the budget, two views of it, copies, and private memory.
fn work(path: FaultPath, compression: Option<u8>) {
    let budget = 16 * MIB;
    let machine = machine(16, compression);
    let bytes = 2 * budget;
    let section = section(&machine, bytes);
    let (one, two) = (space(&machine, path), space(&machine, path));
    let shared = [view(&one, &section, READ_WRITE), view(&two, &section, READ_WRITE)];
    let copied = view(&two, &section, WRITE_COPY);
    let private = committed(&one, budget);
    let what = format!("{path:?} {compression:?}");
    within_budget((&machine, budget, &what), resident, || {
        for round in 0..2 {
            mark(shared[0], bytes, round);
            mark(private, budget, round);
            check(shared[1], bytes, round);
            mark(copied, budget, round + 5);
            check(private, budget, round);
            check(copied, budget, round + 5);
            check(copied + budget, bytes - budget, round + budget / PAGE);
        }
    });
}

#[test]
fn sections_and_copies_keep_within_the_budget() {
    const TEST: &str = "sections_and_copies_keep_within_the_budget";
    for path in PATHS {
        for compression in [None, Some(50)] {
            succeeds(TEST, &format!("{path:?} {compression:?}"), || work(path, compression));
        }
    }
}

/// A view, and what it should hold.
struct Shown {
    space: usize,
    section: usize,
    base: u64,
    first: usize,
    pages: usize,
    /// Whether all of it copies on write.
    is_private: bool,
    /// Pages that copy on write, and the words that are its own.
    copying: Vec<bool>,
    copies: Vec<Option<u64>>,
}

/// A section, while it is held, and what it should hold.
struct Held {
    handle: Option<Section>,
    words: Vec<u64>,
}

const SECTION_PAGES: usize = 768;

/// Spaces, sections and views, made, used and ended at random, beside what each should hold.
struct Torture {
    machine: Machine,
    path: FaultPath,
    random: Xoshiro256PlusPlus,
    spaces: [Option<Space>; 3],
    sections: Vec<Held>,
    views: Vec<Shown>,
}

impl Torture {
    fn new(seed: u64, path: FaultPath, compression: Option<u8>) -> Self {
        let (machine, random) = (machine(4, compression), Xoshiro256PlusPlus::seed_from_u64(seed));
        let (spaces, sections, views) = ([None, None, None], Vec::new(), Vec::new());
        Self { machine, path, random, spaces, sections, views }
    }

    /// A section that is held, perhaps a new one.
    fn section(&mut self) -> usize {
        let is_held = |number: &usize| self.sections[*number].handle.is_some();
        let held: Vec<usize> = (0..self.sections.len()).filter(is_held).collect();
        if held.len() < 3 {
            let handle = Some(section(&self.machine, SECTION_PAGES as u64 * PAGE));
            self.sections.push(Held { handle, words: vec![0; SECTION_PAGES] });
            return self.sections.len() - 1;
        }
        held[self.random.random_range(0..held.len())]
    }

    fn map(&mut self) {
        let section = self.section();
        let space = self.random.random_range(0..self.spaces.len());
        let first = 16 * self.random.random_range(0..SECTION_PAGES / 32);
        let pages = self.random.random_range(1..=SECTION_PAGES - first);
        let is_private = self.random.random_bool(0.5);
        let (copying, copies) = (vec![is_private; pages], vec![None; pages]);
        let protection = if is_private { WRITE_COPY } else { READ_WRITE };
        let (machine, path) = (&self.machine, self.path);
        let of = self.spaces[space].get_or_insert_with(|| support::space(machine, path));
        let Some(handle) = &self.sections[section].handle else { unreachable!("it is held") };
        let (offset, bytes) = (first as u64 * PAGE, pages as u64 * PAGE);
        let base = of.map_view(handle, offset, bytes, protection).expect("a view");
        self.views.push(Shown { space, section, base, first, pages, is_private, copying, copies });
    }

    fn unmap(&mut self) {
        let view = self.views.swap_remove(self.random.random_range(0..self.views.len()));
        let Some(space) = &self.spaces[view.space] else { unreachable!("it has a view") };
        let inside = self.random.random_range(0..view.pages as u64 * PAGE);
        space.unmap_view(view.base + inside).expect("a view");
    }

    fn end_space(&mut self) {
        let ended = self.random.random_range(0..self.spaces.len());
        self.views.retain(|view| view.space != ended);
        self.spaces[ended] = None;
    }

    fn close(&mut self) {
        let section = self.section();
        self.sections[section].handle = None;
    }

    /// Uses a run of pages of a view.
    fn touch(&mut self, writes: bool) {
        let number = self.random.random_range(0..self.views.len());
        let start = self.random.random_range(0..self.views[number].pages);
        let count = self.random.random_range(1..400);
        let step = self.random.random_range(1..4);
        let view = &mut self.views[number];
        let words = &mut self.sections[view.section].words;
        for page in (start..view.pages).step_by(step).take(count) {
            let word = (view.first + page) as u64 % 512;
            let at = view.base + page as u64 * PAGE + 8 * word;
            let own = view.copies[page];
            let expected = own.unwrap_or(words[view.first + page]);
            assert_eq!(load(at), expected, "page {page} of {number}");
            if writes {
                let word = self.random.random();
                store(at, word);
                match own.is_some() || view.copying[page] {
                    true => view.copies[page] = Some(word),
                    false => words[view.first + page] = word,
                }
            }
        }
    }

    /// Takes a right from a page of a view and gives it back, with a use of another between.
    fn protect(&mut self) {
        let view = &self.views[self.random.random_range(0..self.views.len())];
        let page = self.random.random_range(0..view.pages);
        let at = view.base + page as u64 * PAGE;
        let space = view.space;
        let back = if view.copying[page] { WRITE_COPY } else { READ_WRITE };
        let taken = if self.random.random_bool(0.5) { READ_ONLY } else { NO_ACCESS };
        let protect = |torture: &Self, protection| {
            let Some(space) = &torture.spaces[space] else { unreachable!("it has a view") };
            space.protect(at, PAGE, protection)
        };
        protect(self, taken).expect("a protection");
        if self.random.random_bool(0.5) {
            self.machine.command(ListCommand::EmptyWorkingSets);
        }
        protect(self, back).expect("the protection that it had");
    }

    /// Lets pages of a view that may write copy on write from now on, or write through again.
    fn copy(&mut self) {
        let number = self.random.random_range(0..self.views.len());
        let view = &mut self.views[number];
        if view.is_private {
            return;
        }
        let first = self.random.random_range(0..view.pages);
        let last = self.random.random_range(first..view.pages.min(first + 40));
        let copies = self.random.random_bool(0.6);
        view.copying[first..=last].fill(copies);
        let (at, bytes) = (view.base + first as u64 * PAGE, (last - first + 1) as u64 * PAGE);
        let Some(space) = &self.spaces[view.space] else { unreachable!("it has a view") };
        let protection = if copies { WRITE_COPY } else { READ_WRITE };
        space.protect(at, bytes, protection).expect("a protection");
    }

    fn step(&mut self) {
        match self.random.random_range(0..100) {
            _ if self.views.is_empty() => self.map(),
            0..8 => self.map(),
            8..13 => self.unmap(),
            13 => self.end_space(),
            14 => self.close(),
            15..18 => self.protect(),
            18..22 => self.copy(),
            22..25 => {
                let commands = [
                    ListCommand::EmptyWorkingSets,
                    ListCommand::FlushModifiedList,
                    ListCommand::PurgeStandbyList,
                ];
                self.machine.command(commands[self.random.random_range(0..3)]);
            }
            25..60 => self.touch(false),
            _ => self.touch(true),
        }
    }
}

fn torture(path: FaultPath, compression: Option<u8>) {
    bounded(move || {
        for seed in 0..6 {
            let mut torture = Torture::new(seed, path, compression);
            for step in 0..400 {
                torture.step();
                if step % 16 == 0 {
                    let sound = torture.machine.verify();
                    sound.unwrap_or_else(|error| panic!("seed {seed}, step {step}: {error}"));
                }
            }
        }
    });
}

#[test]
fn sections_views_and_copies_hold_what_was_written_whatever_is_done() {
    for path in PATHS {
        for compression in [None, Some(50)] {
            torture(path, compression);
        }
    }
}
