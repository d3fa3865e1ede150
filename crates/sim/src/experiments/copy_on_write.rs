//! Two processes share a library, until one writes to it.
//!
//! Source: *Windows Internals*, "Copy-on-write".

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SectionId, SpaceId, Vpn};
use memtide_core::snapshot::{FrameShape, PteView};
use memtide_core::{Backing, Base, Call, Config, Protection, Reply, SectionConfig, View};

use super::outcome::{Outcome, Table};
use super::stage::{Given, Stage};
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};

/// Pages of the library.
const PAGES: u64 = 64;

/// Pages that each process writes: two of them both do.
const WRITTEN: [&[u64]; 2] = [&[1, 2, 3, 10, 20], &[10, 20, 40]];

const NAMES: [&str; 2] = ["A", "B"];

struct Scene {
    stage: Stage,
    processes: [SpaceId; 2],
    bases: [u64; 2],
}

impl Scene {
    fn new() -> Self {
        let mut machine = Machine::new(Config::new(1_024).with_page_file(1_024, 1_024));
        machine.has_contents = true;
        let mut stage = Stage::new(&machine);
        let section = library(&mut stage);
        let processes = [stage.process(), stage.process()];
        let bases = processes.map(|space| map(&mut stage, space, section));
        Self { stage, processes, bases }
    }

    fn access(&mut self, process: usize, page: u64, access: Access) -> Given {
        let address = self.bases[process] + page * PAGE_SIZE;
        self.stage.access(self.processes[process], address, access)
    }

    /// What a process reads in a page, as the oracle of contents has it.
    fn word(&mut self, process: usize, page: u64, written: Option<u64>) -> u64 {
        let address = self.bases[process] + page * PAGE_SIZE;
        self.stage.word(self.processes[process], address, written)
    }

    /// The frame of a page of a process.
    fn frame(&self, process: usize, page: u64) -> Option<Pfn> {
        let address = self.bases[process] + page * PAGE_SIZE;
        let snapshot = self.stage.world.manager().snapshot();
        match snapshot.pte(self.processes[process], address).ok()? {
            PteView::Valid { frame, .. } => Some(frame),
            _ => None,
        }
    }

    /// Pages of a process that others share, and that are its own.
    fn shared_and_private(&self, process: usize) -> (u64, u64) {
        let snapshot = self.stage.world.manager().snapshot();
        let set = snapshot.working_set(self.processes[process]).expect("the process lives");
        let first = Vpn::of(self.bases[process]).0;
        let own = set.iter().filter(|entry| (first..first + PAGES).contains(&entry.page.0));
        own.fold((0, 0), |(shared, private), entry| match entry.is_shared {
            true => (shared + 1, private),
            false => (shared, private + 1),
        })
    }

    fn frames_in_use(&self) -> u64 {
        u64::from(self.stage.world.manager().config().frames) - self.stage.available()
    }

    fn share_count(&self, frame: Pfn) -> u32 {
        let snapshot = self.stage.world.manager().snapshot();
        match snapshot.frame(frame).map(|view| view.shape) {
            Some(FrameShape::Active { share_count, .. }) => share_count,
            _ => 0,
        }
    }

    /// A row of the counts.
    fn count(&self, table: &mut Table, what: &str) {
        let [a, b] = [self.shared_and_private(0), self.shared_and_private(1)];
        let commit = self.stage.world.manager().snapshot().commit().charged();
        let numbers = [a.0, a.1, b.0, b.1, self.frames_in_use(), commit];
        table.row(std::iter::once(what.to_owned()).chain(numbers.map(|n| n.to_string())));
    }
}

/// A file of so many pages that may be read, executed, and written to privately.
fn library(stage: &mut Stage) -> SectionId {
    let protection = Protection::plain(Base::ExecuteWriteCopy).windows();
    let (bytes, backing) = (PAGES * PAGE_SIZE, Backing::File);
    let config = SectionConfig { bytes, protection, backing, is_reserved: false };
    match stage.must(&Call::CreateSection(config)) {
        Reply::Section(section) => section,
        other => panic!("no section: {other:?}"),
    }
}

fn map(stage: &mut Stage, space: SpaceId, section: SectionId) -> u64 {
    let protection = Protection::plain(Base::ExecuteWriteCopy).windows();
    let view = View { section, address: 0, offset: 0, bytes: 0, protection };
    match stage.must(&Call::MapView(space, view)) {
        Reply::Address(base) => base,
        other => panic!("no address: {other:?}"),
    }
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    let mut scene = Scene::new();
    let mut table = Table::new(&[
        "after",
        "A shared",
        "A private",
        "B shared",
        "B private",
        "frames",
        "commit",
    ]);
    scene.count(&mut table, "mapping the library");
    read_all(&mut scene, &mut table, &mut outcome);
    write_some(&mut scene, &mut table, &mut outcome);
    outcome
        .step("Count the pages: shared and private of each process, frames in use, commit charge")
        .table(table.clone());
    let cell = |row, column| table.cell(row, column).and_then(|cell| cell.parse().ok());
    let number = |row, column| cell(row, column).unwrap_or(u64::MAX);
    outcome.finding_equal(
        "Two processes that read the library share every frame: 64 frames, not 128.",
        (number("B reads all of it", "frames"), "frames"),
        PAGES,
    );
    outcome.finding_equal(
        "Each page that A writes costs one more frame.",
        (number("A writes 5 pages", "frames"), "frames"),
        PAGES + 5,
    );
    outcome.finding_equal(
        "So does each that B writes; but the file's pages that both wrote are mapped nowhere any \
         more, and are standby: 64 + 5 + 3 - 2.",
        (number("B writes 3 pages", "frames"), "frames"),
        PAGES + 6,
    );
    outcome.finding_equal(
        "Commit is charged when the view is mapped, for all the copies there may be.",
        (number("mapping the library", "commit"), "pages"),
        2 * PAGES,
    );
    outcome.finding_equal(
        "Writing charges no more.",
        (number("B writes 3 pages", "commit"), "pages"),
        2 * PAGES,
    );
    outcome
}

fn read_all(scene: &mut Scene, table: &mut Table, outcome: &mut Outcome) {
    for process in [0, 1] {
        let mut kinds = Vec::new();
        for page in 0..PAGES {
            let word = scene.access(process, page, Access::Read).word();
            match kinds.iter_mut().find(|(kind, _)| *kind == word) {
                Some((_, count)) => *count += 1,
                None => kinds.push((word, 1)),
            }
        }
        let told: Vec<String> =
            kinds.iter().map(|(kind, count)| format!("{count} × {kind}")).collect();
        let name = NAMES[process];
        let step = outcome.step(format!("{name} reads all 64 pages, one after the other"));
        step.line(told.join(", "));
        if process == 1 {
            let hard = kinds.iter().any(|(kind, _)| kind == "hard fault");
            outcome.finding(
                "What the first process read from the file, the second one finds in memory.",
                told.join(", "),
                !hard,
            );
        }
        scene.count(table, &format!("{name} reads all of it"));
    }
}

fn write_some(scene: &mut Scene, table: &mut Table, outcome: &mut Outcome) {
    let shared = scene.frame(0, 10);
    let before = scene.word(1, 10, None);
    let count_before = shared.map_or(0, |frame| scene.share_count(frame));
    let mut first_write = String::new();
    for process in [0, 1] {
        for page in WRITTEN[process] {
            let given = scene.access(process, *page, Access::Write);
            first_write = given.word();
            scene.word(process, *page, Some(0xA000 + u64::try_from(process).unwrap_or(0)));
        }
        let count = WRITTEN[process].len();
        scene.count(table, &format!("{} writes {count} pages", NAMES[process]));
        if process == 0 {
            after_a(scene, outcome, before, shared.zip(Some(count_before)));
        }
    }
    let words = [scene.word(0, 10, None), scene.word(1, 10, None), scene.word(1, 1, None)];
    let frames = [0, 1].map(|process| scene.frame(process, 10));
    outcome
        .step("B writes as well, two of its pages being ones that A wrote")
        .line(format!("page 10: A reads {:#x}, B reads {:#x}", words[0], words[1]))
        .line(format!("page 1, which only A wrote: B reads {:#x}, the file's", words[2]));
    outcome.finding(
        "Each writer has its own copy and sees its own bytes.",
        format!("{:#x} and {:#x}; a write was answered by: {first_write}", words[0], words[1]),
        words[..2] == [0xA000, 0xA001] && frames[0] != frames[1] && first_write == "copy on write",
    );
}

fn after_a(scene: &mut Scene, outcome: &mut Outcome, before: u64, shared: Option<(Pfn, u32)>) {
    let Some((shared, count_before)) = shared else { return };
    let own = scene.frame(0, 10);
    let other = scene.frame(1, 10);
    let after = scene.word(1, 10, None);
    let count = scene.share_count(shared);
    let mine = own.map_or_else(String::new, |frame| frame.to_string());
    outcome
        .step("A writes five pages; look at page 10, before and after")
        .line(format!("before: both map frame {shared}, share count {count_before}"))
        .line(format!(
            "after:  A maps frame {mine}, B still maps frame {shared}, share count {count}"
        ))
        .line(format!("B read {before:#x} before and reads {after:#x} after"));
    outcome.finding(
        "A write leaves the shared page as it is, and gives the writer another frame.",
        format!("frame {shared} has share count {count_before}, then {count}"),
        own != Some(shared) && other == Some(shared) && (count_before, count) == (2, 1),
    );
    outcome.finding("The other process sees no change.", format!("{after:#x}"), before == after);
}

/// The pages of both processes and the frames behind them, before and after A writes.
pub(super) fn picture() -> Picture {
    let mut scene = Scene::new();
    for process in [0, 1] {
        (0..4).for_each(|page| drop(scene.access(process, page, Access::Read).word()));
    }
    let mut diagram = mapped(&scene, Diagram::new(), 0, "Both have read pages 0 to 3");
    scene.access(0, 1, Access::Write);
    scene.access(0, 2, Access::Write);
    diagram = mapped(&scene, diagram, 290, "A has written pages 1 and 2");
    Picture::new("Copy on write", diagram)
        .subtitle("Two processes map the same library; a write gives its writer a frame of its own")
        .size(1_100, 680)
}

/// Draws four pages of both processes, and the frames that they map.
fn mapped(scene: &Scene, diagram: Diagram, top: i32, heading: &str) -> Diagram {
    let pages: [u64; 4] = [0, 1, 2, 3];
    let mut frames: Vec<Pfn> = Vec::new();
    for process in [1, 0] {
        for page in pages {
            frames.extend(scene.frame(process, page).filter(|frame| !frames.contains(frame)));
        }
    }
    let place = |at: usize| 20 + 160 * i32::try_from(at).unwrap_or(0);
    let mut diagram = diagram.heading((20, top + 30), heading);
    for (at, frame) in frames.iter().enumerate() {
        let count = scene.share_count(*frame);
        let fill = if count > 1 { Colour::SKY } else { Colour::ORANGE };
        let lines = [format!("frame {frame}"), format!("share count {count}")];
        let block = Block::new((place(at), top + 130), (140, 46)).lines(lines).fill(fill);
        diagram = diagram.block(block);
    }
    for (process, name) in NAMES.into_iter().enumerate() {
        let (y, edge, tip) = if process == 0 { (45, 81, 130) } else { (225, 225, 176) };
        for (at, page) in pages.into_iter().enumerate() {
            let label = format!("{name}: page {page}");
            let block = Block::new((place(at), top + y), (140, 36)).lines([label]);
            diagram = diagram.block(block.fill(Colour::LIGHT));
            let frame = scene.frame(process, page);
            if let Some(to) = frames.iter().position(|found| Some(*found) == frame) {
                let (from, to) = ((place(at) + 70, top + edge), (place(to) + 70, top + tip));
                diagram = diagram.arrow(from, to, "", Colour::BLACK);
            }
        }
    }
    diagram
}
