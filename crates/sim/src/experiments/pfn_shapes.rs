//! The four shapes of an entry of the PFN database, and an I/O that fails two threads.
//!
//! Source: *Windows Internals*, "Page frame number database".

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SpaceId, ThreadId};
use memtide_core::snapshot::{FrameShape, FrameView, PteOwner};
use memtide_core::{Allocation, Call, Config, ListCommand, MEM_RELEASE, PageState, Range};

use super::outcome::{Outcome, Table};
use super::stage::Stage;
use super::status::status_name;
use crate::debugger::pfn_entry;
use crate::injected::InjectedFaults;
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};
use crate::world::Told;

const FRAMES: u32 = 64;

/// The threads that fault on the same page.
const THREADS: [ThreadId; 2] = [ThreadId(7), ThreadId(8)];

struct Scene {
    stage: Stage,
    /// A process whose pages stay, and one whose pages go.
    stays: SpaceId,
    goes: SpaceId,
    base: u64,
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    let mut stage = Stage::new(&Machine::new(Config::new(FRAMES).with_page_file(256, 256)));
    let [stays, goes] = [stage.process(), stage.process()];
    let base = stage.allocate(goes, Allocation::committed(8 * PAGE_SIZE));
    stage.access_pages(goes, base, 8, Access::Write);
    let own = stage.allocate(stays, Allocation::committed(8 * PAGE_SIZE));
    stage.access_pages(stays, own, 4, Access::Write);
    let mut scene = Scene { stage, stays, goes, base };
    active(&scene, &mut outcome);
    listed(&mut scene, &mut outcome);
    free(&mut scene, &mut outcome);
    in_progress(&mut scene, &mut outcome);
    outcome
}

impl Scene {
    fn frame(&self, frame: Pfn) -> FrameView {
        self.stage.world.manager().snapshot().frame(frame).expect("the machine has it")
    }

    /// The first frame in a state.
    fn first(&self, state: PageState) -> Option<Pfn> {
        self.stage.world.manager().snapshot().list(state).next()
    }

    /// What the debugger says.
    fn show(&self, frame: Pfn) -> Vec<String> {
        let name = |space| if space == self.goes { "goes" } else { "stays" };
        let text = pfn_entry(self.stage.world.manager(), &name, &self.frame(frame));
        let command = format!("0: kd> !pfn {frame}");
        std::iter::once(command).chain(text.lines().map(str::to_owned)).collect()
    }

    fn states(&self) -> Table {
        let snapshot = self.stage.world.manager().snapshot();
        let mut table = Table::new(&["state", "frames"]);
        for state in STATES {
            let count =
                (0..FRAMES).filter(|n| snapshot.frame(Pfn(*n)).is_some_and(|f| f.state == state));
            table.row([format!("{state:?}"), count.count().to_string()]);
        }
        table
    }
}

const STATES: [PageState; 6] = [
    PageState::Zeroed,
    PageState::Free,
    PageState::Standby,
    PageState::Modified,
    PageState::Active,
    PageState::Transition,
];

fn active(scene: &Scene, outcome: &mut Outcome) {
    let step = outcome.step("Two processes write pages; look at frames 0 and 1: active");
    step.lines.extend([scene.show(Pfn(0)), scene.show(Pfn(1))].concat());
    step.table(scene.states());
    let view = scene.frame(Pfn(0));
    let holds = matches!(view.shape, FrameShape::Active { share_count: 1, .. })
        && view.reference_count == 1
        && matches!(view.owner, Some(PteOwner::Space { space, .. }) if space == scene.goes);
    outcome.finding(
        "1. An active page: working-set index, share count, PTE address and reference count.",
        scene.show(Pfn(0))[2].trim(),
        holds,
    );
}

fn listed(scene: &mut Scene, outcome: &mut Outcome) {
    let mut seen = Vec::new();
    let title = "Trim one process: its pages are modified; write them: they are standby";
    let mut lines = Vec::new();
    scene.stage.must(&Call::EmptyWorkingSet(scene.goes));
    for state in [PageState::Modified, PageState::Standby] {
        let frame = scene.first(state).expect("the trimmed pages are there");
        lines.extend(scene.show(frame));
        seen.push(scene.frame(frame));
        if state == PageState::Modified {
            scene.stage.must(&Call::Command(ListCommand::FlushModifiedList));
            scene.stage.finish_io();
        }
    }
    let step = outcome.step(title);
    step.lines.extend(lines);
    step.table(scene.states());
    let is_listed = |view: &FrameView| {
        matches!(view.shape, FrameShape::Listed { next: Some(_), previous: None })
            && view.reference_count == 0
    };
    outcome.finding(
        "2. A standby or modified page: links of the list in place of index and share count, and \
         no references.",
        format!("{:?} and {:?}", seen[0].state, seen[1].state),
        seen.iter().all(is_listed),
    );
    outcome.finding(
        "Once written, the original PTE says where the copy is.",
        seen[1].original.map_or_else(String::new, |slot| format!("slot {:#x}", slot.number)),
        seen[0].original.is_none() && seen[1].original.is_some(),
    );
}

fn free(scene: &mut Scene, outcome: &mut Outcome) {
    // The last page of the process that stays becomes free; what was never used is zeroed.
    let range = {
        let extra = scene.stage.allocate(scene.stays, Allocation::committed(2 * PAGE_SIZE));
        scene.stage.access_pages(scene.stays, extra, 2, Access::Write);
        Range { space: scene.stays, address: extra, bytes: 0 }
    };
    scene.stage.must(&Call::Free(range, MEM_RELEASE));
    let frames = [PageState::Free, PageState::Zeroed]
        .map(|state| scene.first(state).expect("there are such frames"));
    let step = outcome.step("Release two pages: they are free; others are zeroed still");
    step.lines.extend(frames.iter().flat_map(|frame| scene.show(*frame)));
    step.table(scene.states());
    let views = frames.map(|frame| scene.frame(frame));
    outcome.finding(
        "3. A free or zeroed page: chained by its colour, and nobody's.",
        format!("colours {} and {}", views[0].colour, views[1].colour),
        views.iter().all(|view| {
            matches!(view.shape, FrameShape::Free { .. })
                && view.owner.is_none()
                && view.reference_count == 0
        }),
    );
}

fn in_progress(scene: &mut Scene, outcome: &mut Outcome) {
    scene.stage.must(&Call::Command(ListCommand::PurgeStandbyList));
    let faults = InjectedFaults { read_error_permille: 1_000, ..InjectedFaults::default() };
    scene.stage.world.set_faults(faults);
    let before = *scene.stage.world.manager().counters();
    for thread in THREADS {
        scene.stage.world.fault(thread, scene.goes, scene.base, Access::Read);
    }
    let frames = (0..FRAMES).map(Pfn);
    let reading = frames.map(|frame| scene.frame(frame)).find(|view| view.is_reading);
    let reading = reading.expect("the page is being read");
    let lines = scene.show(reading.frame);
    let step = outcome.step(
        "Take the standby pages away, let two threads read the same page, and look meanwhile",
    );
    step.lines.extend(lines.iter().cloned());
    step.table(scene.states());
    outcome.finding(
        "4. A page whose I/O is in progress: what the waiting threads wait for.",
        lines[2].trim(),
        matches!(reading.shape, FrameShape::InProgress { operation: Some(_), waiters: 2 }),
    );
    scene.stage.finish_io();
    let told: Vec<(ThreadId, Told)> =
        std::iter::from_fn(|| scene.stage.world.take_told()).collect();
    let word = |told: &Told| match told {
        Told::Raised(exception) => status_name(exception.ntstatus()).to_owned(),
        other => format!("{other:?}"),
    };
    let mut table = Table::new(&["thread", "is told"]);
    told.iter().for_each(|(thread, told)| table.row([thread.0.to_string(), word(told)]));
    outcome.step("The read ends with an I/O error").table(table);
    let after = *scene.stage.world.manager().counters();
    let reads = after.reads - before.reads;
    outcome.finding(
        "The second fault joins the first one's read: a collided fault.",
        format!("{reads} read for {} threads", told.len()),
        reads == 1 && after.collided - before.collided == 1,
    );
    outcome.finding(
        "Both threads get the error.",
        told.iter().map(|(_, told)| word(told)).collect::<Vec<_>>().join(", "),
        told.len() == 2 && told.iter().all(|(_, told)| word(told) == "STATUS_IN_PAGE_ERROR"),
    );
    scene.stage.world.set_faults(InjectedFaults::default());
    let retried = scene.stage.access(scene.goes, scene.base, Access::Read);
    outcome.finding(
        "The page is not lost: once the disk reads again, so does the program.",
        retried.word(),
        retried.word() == "hard fault",
    );
}

/// The four shapes as records.
pub(super) fn picture() -> Picture {
    let common = ["PTE address", "reference count, state, priority", "original PTE"];
    let shapes = [
        ("1. Active", ["working-set index", "share count"], Colour::GREEN),
        ("2. Standby, modified", ["link to the next", "link to the previous"], Colour::ORANGE),
        ("3. Zeroed, free", ["next of its colour", "previous of its colour"], Colour::LIGHT),
        ("4. I/O in progress", ["what the threads wait for", "how many threads"], Colour::SKY),
    ];
    let mut diagram = Diagram::new();
    for (at, (name, fields, fill)) in (0..).zip(shapes) {
        let left = 20 + 280 * at;
        diagram = diagram.heading((left, 25), name);
        let own = fields.into_iter().map(|field| (field, fill));
        let shared = common.into_iter().map(|field| (field, Colour::WHITE));
        for (row, (field, fill)) in (0..).zip(own.chain(shared)) {
            let block = Block::new((left, 40 + 46 * row), (262, 46)).lines([field]).fill(fill);
            diagram = diagram.block(block);
        }
    }
    Picture::new("The four shapes of an entry of the PFN database", diagram)
        .subtitle(
            "The first two words mean something else in each state; the others stay what they are",
        )
        .size(1_190, 400)
}
