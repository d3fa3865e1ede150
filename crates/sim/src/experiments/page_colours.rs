//! Page colours: what keeps consecutive pages from fighting for one part of the cache.
//!
//! Source: *Windows Internals*, "Page list dynamics".

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SpaceId};
use memtide_core::snapshot::PteView;
use memtide_core::{Allocation, Cache, Call, Config, MEM_DECOMMIT, Range};
use rand::seq::SliceRandom as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;

use super::outcome::{Outcome, Table};
use super::stage::Stage;
use crate::machine::Machine;
use crate::picture::{Axis, Bars, Group, Picture};

/// The processor's cache: 1 MiB in 16 ways, so a page falls into one of 16 places.
const CACHE: Cache = Cache { bytes: 1 << 20, ways: 16 };

/// Pages in one place of the cache, without one of them leaving.
const WAYS: usize = 16;

const COLOURS: usize = 16;

/// Frames of the machine.
const FRAMES: u64 = 4_096;

/// Consecutive pages that are used.
const SIZES: [u64; 4] = [64, 128, 192, 256];

/// How often they are gone through.
const PASSES: usize = 10;

const SEED: u64 = 1;

/// The frames that consecutive pages got.
fn frames(cache: Cache) -> Vec<Pfn> {
    let mut config = Config::new(4_096);
    config.cache = cache;
    let mut stage = Stage::new(&Machine::new(config));
    wear(&mut stage);
    let space = stage.process();
    let most = SIZES[SIZES.len() - 1];
    let base = stage.allocate(space, Allocation::committed(most * PAGE_SIZE));
    stage.access_pages(space, base, most, Access::Write);
    (0..most).map(|page| frame_of(&stage, space, base + page * PAGE_SIZE)).collect()
}

fn frame_of(stage: &Stage, space: SpaceId, address: u64) -> Pfn {
    match stage.world.manager().snapshot().pte(space, address) {
        Ok(PteView::Valid { frame, .. }) => frame,
        other => panic!("the page was just written: {other:?}"),
    }
}

/// A machine that has run for a while: every frame was used, and a random half is free again, in a
/// random order.
fn wear(stage: &mut Stage) {
    let space = stage.process();
    let base = stage.allocate(space, Allocation::committed(FRAMES * PAGE_SIZE));
    stage.access_pages(space, base, FRAMES, Access::Write);
    let mut pages: Vec<u64> = (0..FRAMES).collect();
    pages.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(SEED));
    for page in pages.iter().take(pages.len() / 2) {
        let range = Range { space, address: base + page * PAGE_SIZE, bytes: PAGE_SIZE };
        stage.must(&Call::Free(range, MEM_DECOMMIT));
    }
}

fn place(frame: Pfn) -> usize {
    usize::try_from(frame.0).unwrap_or_default() % COLOURS
}

/// Pages in each place of the cache.
fn histogram(frames: &[Pfn]) -> [usize; COLOURS] {
    let mut counts = [0; COLOURS];
    frames.iter().for_each(|frame| counts[place(*frame)] += 1);
    counts
}

/// Misses after the first pass of a cache that keeps the last used pages of each place.
fn misses(frames: &[Pfn]) -> usize {
    let mut held: [Vec<Pfn>; COLOURS] = Default::default();
    let mut misses = 0;
    for pass in 0..PASSES {
        for frame in frames {
            let set = &mut held[place(*frame)];
            let found = set.iter().position(|held| held == frame);
            if let Some(at) = found {
                set.remove(at);
            } else {
                misses += usize::from(pass > 0);
                set.truncate(WAYS - 1);
            }
            set.insert(0, *frame);
        }
    }
    misses
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    let with = frames(CACHE);
    let without = frames(Cache { bytes: PAGE_SIZE, ways: 1 });
    first_pages(&mut outcome, &with, &without);
    spread(&mut outcome, &with, &without);
    conflicts(&mut outcome, &with, &without);
    outcome
}

fn first_pages(outcome: &mut Outcome, with: &[Pfn], without: &[Pfn]) {
    let mut table = Table::new(&["page", "frame", "colour", "frame without", "its place"]);
    for page in 0..20 {
        table.row([
            page.to_string(),
            with[page].to_string(),
            place(with[page]).to_string(),
            without[page].to_string(),
            place(without[page]).to_string(),
        ]);
    }
    outcome
        .step("On a machine that has run for a while, write 256 pages in a row; the first twenty")
        .line("The cache has 1 MiB in 16 ways: 16 colours, and room for 16 pages of each.")
        .table(table);
    let follows = |frames: &[Pfn]| {
        frames.windows(2).filter(|pair| place(pair[1]) == (place(pair[0]) + 1) % COLOURS).count()
    };
    outcome.finding(
        "With colouring, each page has the colour after the one before it.",
        format!("{} of 255 pages; without, {} do", follows(with), follows(without)),
        follows(with) == 255,
    );
}

fn spread(outcome: &mut Outcome, with: &[Pfn], without: &[Pfn]) {
    let mut table = Table::new(&["colour", "pages with colouring", "pages without"]);
    let counts = [histogram(with), histogram(without)];
    for (colour, (with, without)) in counts[0].iter().zip(&counts[1]).enumerate() {
        table.row([colour, *with, *without]);
    }
    outcome.step("Count the pages of each colour: the cache holds 16 of each").table(table);
    let most = counts.map(|counts| counts.iter().copied().max().unwrap_or_default());
    outcome.finding(
        "256 pages fill the cache exactly when they are coloured; by chance, some places overflow.",
        format!("at most {} pages of a colour, and {} without", most[0], most[1]),
        most[0] == WAYS && most[1] > WAYS,
    );
}

fn conflicts(outcome: &mut Outcome, with: &[Pfn], without: &[Pfn]) {
    let mut table =
        Table::new(&["pages used", "misses a pass with colouring", "misses a pass without"]);
    let mut seen = Vec::new();
    for size in SIZES {
        let size = usize::try_from(size).unwrap_or_default();
        let each = [with, without].map(|frames| misses(&frames[..size]) / (PASSES - 1));
        table.row([size, each[0], each[1]]);
        seen.push((size, each));
    }
    outcome
        .step("Go through them ten times; pages that miss in the cache, from the second pass on")
        .table(table);
    let with: usize = seen.iter().map(|(_, each)| each[0]).sum();
    outcome.finding_equal(
        "As long as the pages fit in the cache, coloured ones never push one another out.",
        (with, "misses"),
        0,
    );
    let (size, [_, without]) = seen[seen.len() - 1];
    outcome.finding(
        "Uncoloured ones do, though the cache is large enough for all of them.",
        format!("{without} of {size} pages miss on every pass"),
        without > size / 4,
    );
}

/// Pages of each colour, with and without colouring.
pub(super) fn picture() -> Picture {
    let without = Cache { bytes: PAGE_SIZE, ways: 1 };
    let [with, without] = [CACHE, without].map(|cache| histogram(&frames(cache)));
    let values = |counts: [usize; COLOURS]| {
        counts.iter().map(|count| f64::from(u32::try_from(*count).unwrap_or(0))).collect()
    };
    let bars = Bars::new(Axis::count("pages"), (0..COLOURS).map(|colour| colour.to_string()))
        .group(Group::new("with colouring", values(with)))
        .group(Group::new("without", values(without)));
    Picture::new("256 consecutive pages in the 16 places of a cache", bars).subtitle(
        "Each place of the cache holds 16 pages; what is above that is read again and again",
    )
}
