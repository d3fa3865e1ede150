//! The four cleaning commands in their order: what each moves where, and what comes back.
//!
//! Source: `SYSTEM_MEMORY_LIST_COMMAND`, as RAMMap and *Windows Internals* show it.

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, Tick};
use memtide_core::{
    Allocation, Backing, Call, Config, Counters, ListCommand, PageState, Reply, SectionConfig, View,
};

use super::outcome::{Outcome, Table};
use super::stage::Stage;
use crate::machine::Machine;
use crate::picture::{Axis, Bars, Colour, Group, Picture};

const FRAMES: u32 = 4_096;

/// Pages that each process uses: memory of its own, which it writes, or a file, which it reads.
const WRITER: u64 = 700;
const READER: u64 = 800;
const BACKGROUND: u64 = 500;

pub(super) const COMMANDS: [(&str, ListCommand); 4] = [
    ("empty working sets", ListCommand::EmptyWorkingSets),
    ("flush the modified list", ListCommand::FlushModifiedList),
    ("purge standby, priority 0", ListCommand::PurgeLowPriorityStandbyList),
    ("purge standby, all", ListCommand::PurgeStandbyList),
];

/// Where the pages of the machine are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) in_use: u64,
    pub(super) modified: u64,
    pub(super) standby_low: u64,
    pub(super) standby: u64,
    pub(super) free: u64,
    pub(super) zeroed: u64,
}

impl Places {
    const fn numbers(self) -> [u64; 6] {
        let Self { in_use, modified, standby_low, standby, free, zeroed } = self;
        [in_use, modified, standby_low, standby, free, zeroed]
    }

    const fn available(self) -> u64 {
        self.standby_low + self.standby + self.free + self.zeroed
    }
}

struct Scene {
    stage: Stage,
    /// Each process, where its memory begins, how many pages, and what it does to them.
    users: [(SpaceId, u64, u64, Access); 3],
}

impl Scene {
    fn new() -> Self {
        let mut config = Config::new(FRAMES).with_page_file(FRAMES, FRAMES);
        // As on larger machines, the writer leaves fewer modified pages than this for a while.
        config.policy.modified_high = 800;
        let mut stage = Stage::new(&Machine::new(config));
        let [writer, reader, background] = [stage.process(), stage.process(), stage.process()];
        stage.must(&Call::SetPagePriority(background, 0));
        let memory = stage.allocate(writer, Allocation::committed(WRITER * PAGE_SIZE));
        let file = map_file(&mut stage, reader, READER);
        let other = map_file(&mut stage, background, BACKGROUND);
        let mut scene = Self {
            stage,
            users: [
                (writer, memory, WRITER, Access::Write),
                (reader, file, READER, Access::Read),
                (background, other, BACKGROUND, Access::Read),
            ],
        };
        scene.use_all();
        scene
    }

    /// Every process goes through its memory.
    fn use_all(&mut self) {
        for (space, base, pages, access) in self.users {
            self.stage.access_pages(space, base, pages, access);
        }
        self.stage.finish_io();
    }

    fn command(&mut self, command: ListCommand) {
        self.stage.must(&Call::Command(command));
        self.stage.finish_io();
    }

    fn places(&self) -> Places {
        let manager = self.stage.world.manager();
        let lists = manager.list_counts();
        let snapshot = manager.snapshot();
        let all: u32 = lists.standby.iter().sum();
        let low = lists.standby[0];
        let listed = [lists.zeroed, lists.free, lists.modified, all];
        let listed: u64 = listed.into_iter().map(u64::from).sum();
        debug_assert_eq!(snapshot.list(PageState::Modified).count(), lists.modified as usize);
        Places {
            in_use: u64::from(FRAMES) - listed,
            modified: u64::from(lists.modified),
            standby_low: u64::from(low),
            standby: u64::from(all - low),
            free: u64::from(lists.free),
            zeroed: u64::from(lists.zeroed),
        }
    }
}

fn map_file(stage: &mut Stage, space: SpaceId, pages: u64) -> u64 {
    let (bytes, backing) = (pages * PAGE_SIZE, Backing::File);
    let config = SectionConfig { bytes, protection: 0x02, backing, is_reserved: false };
    let section = match stage.must(&Call::CreateSection(config)) {
        Reply::Section(section) => section,
        other => panic!("no section: {other:?}"),
    };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x02 };
    match stage.must(&Call::MapView(space, view)) {
        Reply::Address(base) => base,
        other => panic!("no address: {other:?}"),
    }
}

/// Where the pages are before the commands, and after each.
pub(super) fn places() -> Vec<(&'static str, Places)> {
    let mut scene = Scene::new();
    let mut seen = vec![("before", scene.places())];
    for (name, command) in COMMANDS {
        scene.command(command);
        seen.push((name, scene.places()));
    }
    seen
}

/// What it costs the processes to go through their memory again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    soft: u64,
    hard: u64,
    pages_read: u64,
    pages_written: u64,
    time: Tick,
}

/// The price after so many of the commands.
fn price(commands: usize) -> Price {
    let mut scene = Scene::new();
    let first = *scene.stage.world.manager().counters();
    for (_, command) in COMMANDS.into_iter().take(commands) {
        scene.command(command);
    }
    let before = *scene.stage.world.manager().counters();
    scene.stage.world.take_work();
    let begun = scene.stage.world.now();
    scene.use_all();
    let waited = scene.stage.world.now().0 - begun.0;
    let after = *scene.stage.world.manager().counters();
    let since = |count: fn(&Counters) -> u64| count(&after) - count(&before);
    Price {
        soft: since(|counters| counters.soft + counters.prototype),
        hard: since(|counters| counters.hard),
        pages_read: since(|counters| counters.pages_read),
        pages_written: after.pages_written - first.pages_written,
        time: Tick(waited).after(scene.stage.world.take_work()),
    }
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    let seen = places();
    moves(&mut outcome, &seen);
    let prices: Vec<Price> = (0..=COMMANDS.len()).map(price).collect();
    costs(&mut outcome, &seen, &prices);
    outcome
}

fn moves(outcome: &mut Outcome, seen: &[(&str, Places)]) {
    let mut table = Table::new(&[
        "after",
        "in use",
        "modified",
        "standby 0",
        "standby",
        "free",
        "zeroed",
        "available",
    ]);
    for (name, places) in seen {
        let numbers = places.numbers().into_iter().chain([places.available()]);
        table.row(std::iter::once((*name).to_owned()).chain(numbers.map(|n| n.to_string())));
    }
    outcome
        .step("Three processes use memory; then give the four commands in their order")
        .line(format!("one writes {WRITER} pages of its own, one reads {READER} of a file,"))
        .line(format!("one at page priority 0 reads {BACKGROUND} of another; counts in pages"))
        .table(table);
    let [before, emptied, flushed, low, all] = [0, 1, 2, 3, 4].map(|at| seen[at].1);
    outcome.finding(
        "Emptying working sets makes nothing free: written pages become modified, others standby.",
        format!(
            "{} in use become {} modified and {} standby; free and zeroed: {} before and after",
            before.in_use,
            emptied.modified,
            emptied.standby + emptied.standby_low,
            emptied.free + emptied.zeroed
        ),
        emptied.modified == WRITER
            && emptied.standby == READER
            && emptied.standby_low == BACKGROUND
            && emptied.free + emptied.zeroed == before.free + before.zeroed,
    );
    outcome.finding(
        "Flushing the modified list writes it, and makes it standby.",
        format!("{} pages", flushed.standby - emptied.standby),
        flushed.modified == 0 && flushed.standby == emptied.standby + WRITER,
    );
    outcome.finding(
        "Purging low-priority standby frees what programs in the background read, and no more.",
        format!("{} pages", low.free - flushed.free),
        low.free - flushed.free == BACKGROUND && low.standby == flushed.standby,
    );
    outcome.finding(
        "Purging standby frees the rest.",
        format!("{} pages", all.free - low.free),
        all.standby == 0 && all.free - low.free == WRITER + READER,
    );
    outcome.finding(
        "Purging makes nothing available that was not: standby is available already.",
        format!("{} before it and {} after", flushed.available(), all.available()),
        flushed.available() == all.available(),
    );
}

fn milliseconds(time: Tick) -> String {
    format!("{}.{:02} ms", time.0 / 1_000_000, time.0 % 1_000_000 / 10_000)
}

fn costs(outcome: &mut Outcome, seen: &[(&str, Places)], prices: &[Price]) {
    let mut table = Table::new(&[
        "commands, up to",
        "soft faults",
        "hard faults",
        "pages read",
        "pages written",
        "time",
    ]);
    for ((name, _), price) in seen.iter().zip(prices) {
        let Price { soft, hard, pages_read, pages_written, time } = *price;
        let numbers = [soft, hard, pages_read, pages_written].map(|number| number.to_string());
        table.row([(*name).to_owned()].into_iter().chain(numbers).chain([milliseconds(time)]));
    }
    outcome
        .step("After so many of the commands, let every process go through its memory again")
        .table(table);
    let (none, emptied, all) = (prices[0], prices[1], prices[4]);
    outcome.finding(
        "After emptying, every page comes back by a soft fault: processor time, no disk.",
        format!("{} faults, {}", emptied.soft, milliseconds(emptied.time)),
        emptied.hard == 0 && emptied.soft == WRITER + READER + BACKGROUND && none.soft == 0,
    );
    outcome.finding(
        "After purging, every page is read from a disk again.",
        format!("{} pages, {}", all.pages_read, milliseconds(all.time)),
        all.pages_read == WRITER + READER + BACKGROUND && all.time.0 > 2 * emptied.time.0,
    );
}

/// Where the pages are after each command.
pub(super) fn picture() -> Picture {
    let seen = places();
    let parts: [(&str, Colour); 6] = [
        ("in use", Colour::BLUE),
        ("modified", Colour::VERMILLION),
        ("standby, priority 0", Colour::YELLOW),
        ("standby", Colour::ORANGE),
        ("free", Colour::SKY),
        ("zeroed", Colour::LIGHT),
    ];
    let mut bars = Bars::new(Axis::count("pages"), seen.iter().map(|(name, _)| *name)).stacked();
    for (at, (name, colour)) in parts.into_iter().enumerate() {
        let pages =
            |places: &Places| f64::from(u32::try_from(places.numbers()[at]).unwrap_or(u32::MAX));
        let values = seen.iter().map(|(_, places)| pages(places)).collect();
        bars = bars.group(Group::new(name, values).colour(colour));
    }
    Picture::new("What each cleaning command moves where", bars).subtitle(
        "Standby, free and zeroed pages are available: the last two commands change none of it",
    )
}
