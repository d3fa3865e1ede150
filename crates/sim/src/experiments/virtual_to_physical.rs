//! One address through the page tables, wherever its page is.
//!
//! Source: *Windows Internals*, "Address translation".

use memtide_core::page::{Access, PAGE_SIZE, SpaceId};
use memtide_core::snapshot::{PteView, Walk};
use memtide_core::{Allocation, Call, Config, ListCommand, MEM_COMMIT, MEM_RESERVE, Stored};

use super::outcome::{Outcome, Table};
use super::stage::Stage;
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};

/// Where the region lies: every index of the walk is another number.
const BASE: u64 = 0x1234_5678_0000;

/// The address that is followed.
const ADDRESS: u64 = 0x1234_5678_9abc;

/// Pages of the other process: with them nearly all frames are in use.
const OTHERS: u64 = 60;

const LEVELS: [&str; 4] = [
    "page table (PT)",
    "page directory (PD)",
    "page directory pointers (PDPT)",
    "page map level 4 (PML4)",
];

struct Scene {
    stage: Stage,
    space: SpaceId,
    others: (SpaceId, u64),
    table: Table,
    physical: Vec<Option<u64>>,
}

impl Scene {
    fn walk(&self, address: u64) -> Walk {
        self.stage.world.manager().snapshot().walk(self.space, address).expect("a process")
    }

    fn note(&mut self, what: &str) {
        let walk = self.walk(ADDRESS);
        let physical = walk.physical.map_or_else(|| "–".to_owned(), |at| format!("{at:#x}"));
        let tables = walk.steps.len().to_string();
        self.table.row([what, &tables, &pte_text(walk.pte), &physical]);
        self.physical.push(walk.physical);
    }

    fn command(&mut self, command: ListCommand) {
        self.stage.must(&Call::Command(command));
        self.stage.finish_io();
    }
}

/// A PTE in words.
pub(super) fn pte_text(pte: PteView) -> String {
    match pte {
        PteView::Zero => "zero: nothing may be accessed".to_owned(),
        PteView::Valid { frame, is_dirty, .. } => {
            format!("valid, frame {frame}{}", if is_dirty { ", dirty" } else { "" })
        }
        PteView::Transition { frame } => format!("transition, frame {frame}"),
        PteView::PageFile(slot) => format!("page file {}, slot {:#x}", slot.file, slot.number),
        PteView::Stored(Stored::Same(word)) => format!("store: all {word:#x}"),
        PteView::Stored(Stored::Bytes { frame, offset, bytes }) => {
            format!("store: {bytes} bytes in frame {frame} at {offset}")
        }
        PteView::DemandZero(_) => "demand zero".to_owned(),
        PteView::Prototype { section, page } => {
            format!("prototype: page {page} of section {}", section.0)
        }
        PteView::File { section, page } => format!("file: page {page} of section {}", section.0),
        PteView::Lost => "lost".to_owned(),
    }
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    split(&mut outcome);
    let mut stage = Stage::new(&Machine::new(Config::new(64).with_page_file(256, 256)));
    // Somebody was there before, so that the page's frame is not the very first.
    let other = stage.process();
    let memory = stage.allocate(other, Allocation::committed(OTHERS * PAGE_SIZE));
    stage.access_pages(other, memory, 7, Access::Write);
    let space = stage.process();
    let table = Table::new(&["after", "tables on the way", "the PTE says", "physical address"]);
    let mut scene = Scene { stage, space, others: (other, memory), table, physical: Vec::new() };
    scene.note("nothing");
    let allocation =
        Allocation { address: BASE, bytes: 64 << 20, kind: MEM_RESERVE, protection: 0x04 };
    scene.stage.allocate(space, allocation);
    scene.note("reserving 64 MiB");
    scene
        .stage
        .allocate(space, Allocation { kind: MEM_COMMIT, ..Allocation::commit_at(BASE, 1 << 20) });
    scene.note("committing the first MiB");
    scene.stage.access(space, ADDRESS, Access::Write);
    scene.note("writing there");
    show_walk(&scene, &mut outcome);
    neighbours(&mut scene, &mut outcome);
    round_trip(&mut scene, &mut outcome);
    outcome
}

fn index(level: u8) -> u64 {
    ADDRESS >> (12 + 9 * u32::from(level)) & 0x1ff
}

fn split(outcome: &mut Outcome) {
    let mut table = Table::new(&["bits", "of the address", "index into", "value"]);
    for level in (0..4_u8).rev() {
        let low = 12 + 9 * level;
        let bits = format!("{}..{low}", low + 8);
        let value = format!("{:#05x}", index(level));
        let binary = format!("{:09b}", index(level));
        table.row([bits, binary, LEVELS[usize::from(level)].to_owned(), value]);
    }
    let offset = format!("{:012b}", ADDRESS % PAGE_SIZE);
    let value = format!("{:#05x}", ADDRESS % PAGE_SIZE);
    table.row(["11..0".to_owned(), offset, "the page itself".to_owned(), value]);
    outcome.step(format!("Take the address {ADDRESS:#x} apart")).table(table);
}

fn show_walk(scene: &Scene, outcome: &mut Outcome) {
    let walk = scene.walk(ADDRESS);
    let mut table = Table::new(&["level", "table", "index", "entry"]);
    for step in &walk.steps {
        let name = LEVELS[usize::from(step.level)];
        let entry = match step.level {
            0 => pte_text(walk.pte),
            _ => "the next table".to_owned(),
        };
        table.row([name.to_owned(), step.table.to_string(), format!("{:#05x}", step.index), entry]);
    }
    outcome.step("Write to it, and walk from the root down").table(table);
    let agree = walk.steps.iter().all(|step| u64::from(step.index) == index(step.level));
    let levels = walk.steps.len();
    outcome.finding(
        "The walk takes four tables, each index nine bits of the address.",
        format!("{levels} tables, {}", if agree { "the indices above" } else { "other indices" }),
        levels == 4 && agree,
    );
    let physical = walk.physical.unwrap_or_default();
    let frame = match walk.pte {
        PteView::Valid { frame, .. } => u64::from(frame.0),
        _ => u64::MAX,
    };
    outcome.finding(
        "The physical address is the frame's, with the last twelve bits of the virtual one.",
        format!("{physical:#x}: frame {frame:#x}, offset {:#x}", physical % PAGE_SIZE),
        physical == (frame << 12) + ADDRESS % PAGE_SIZE,
    );
}

fn neighbours(scene: &mut Scene, outcome: &mut Outcome) {
    let tables = |scene: &Scene| {
        scene.stage.world.manager().snapshot().space(scene.space).map_or(0, |s| s.page_tables)
    };
    let far = BASE + (32 << 20);
    let first = tables(scene);
    scene.stage.access(scene.space, ADDRESS + PAGE_SIZE, Access::Write);
    let near = tables(scene);
    scene.stage.allocate(scene.space, Allocation::commit_at(far, PAGE_SIZE));
    scene.stage.access(scene.space, far, Access::Write);
    let other = tables(scene);
    let mut table = Table::new(&["page tables of the process", "root included"]);
    table.row(["after the first page", &first.to_string()]);
    table.row(["after the page beside it", &near.to_string()]);
    table.row(["after a page 32 MiB further", &other.to_string()]);
    outcome.step("Write to a page beside it, and to one 32 MiB further").table(table);
    outcome.finding(
        "Neighbours share all tables; a page table covers 2 MiB.",
        format!("{first}, {near} and {other} tables"),
        near == first && other == first + 1,
    );
}

fn round_trip(scene: &mut Scene, outcome: &mut Outcome) {
    scene.command(ListCommand::EmptyWorkingSets);
    scene.note("trimming it");
    scene.command(ListCommand::FlushModifiedList);
    scene.note("writing it to the page file");
    scene.command(ListCommand::PurgeStandbyList);
    scene.note("taking its frame for others");
    let (other, memory) = scene.others;
    scene.stage.access_pages(other, memory, OTHERS, Access::Write);
    scene.stage.access(scene.space, ADDRESS, Access::Read);
    scene.note("reading there again");
    outcome.step("Follow the page out of memory and back").table(scene.table.clone());
    let says = |row, word: &str| {
        scene.table.cell(row, "the PTE says").is_some_and(|text| text.starts_with(word))
    };
    outcome.finding(
        "There are no tables until something is accessed: reserving and committing make none.",
        scene.table.rows[2][1].clone(),
        scene.table.rows[2][1] == "1",
    );
    outcome.finding(
        "A trimmed page keeps its frame for a while: its PTE is in transition.",
        scene.table.cell("trimming it", "the PTE says").unwrap_or_default(),
        says("trimming it", "transition") && says("writing it to the page file", "transition"),
    );
    outcome.finding(
        "When the frame is taken, the PTE says where in the page file the page is.",
        scene.table.cell("taking its frame for others", "the PTE says").unwrap_or_default(),
        says("taking its frame for others", "page file"),
    );
    let places: Vec<u64> = scene.physical.iter().flatten().copied().collect();
    let told: Vec<String> = places.iter().map(|at| format!("{at:#x}")).collect();
    outcome.finding(
        "The virtual address stays; the physical one is another when the page comes back.",
        told.join(", then "),
        places.len() == 2 && places[0] != places[1],
    );
}

/// The address, taken apart, and the walk.
pub(super) fn picture() -> Picture {
    let (stage, space) = walked();
    let walk = stage.world.manager().snapshot().walk(space, ADDRESS).expect("a process");
    let mut diagram = Diagram::new().heading((20, 25), format!("Virtual address {ADDRESS:#x}"));
    let colours = [Colour::ORANGE, Colour::GREEN, Colour::SKY, Colour::BLUE];
    let mut previous = None;
    for (at, step) in (0..).zip(&walk.steps) {
        let left = 20 + 220 * at;
        let fill = colours[usize::from(step.level)];
        let bits = format!("{:09b}", index(step.level));
        let label = format!("index {:#x}", step.index);
        diagram = diagram.block(Block::new((left, 40), (200, 52)).lines([bits, label]).fill(fill));
        let name = LEVELS[usize::from(step.level)].rsplit(['(', ')']).nth(1).unwrap_or_default();
        let entry = match step.level {
            0 => pte_text(walk.pte),
            _ => "the next table".to_owned(),
        };
        diagram = diagram
            .block(
                Block::new((left, 180), (200, 46)).lines([format!("{name}, table {}", step.table)]),
            )
            .block(Block::new((left, 226), (200, 46)).lines([entry]).fill(fill))
            .block(Block::new((left, 272), (200, 46)))
            .arrow((left + 100, 92), (left + 100, 180), "", Colour::BLACK);
        if let Some(edge) = previous {
            diagram = diagram.arrow((edge, 249), (left, 203), "", Colour::BLACK);
        }
        previous = Some(left + 200);
    }
    let offset = ADDRESS % PAGE_SIZE;
    let physical = walk.physical.unwrap_or_default();
    let bits = format!("{offset:012b}");
    diagram = diagram
        .block(Block::new((900, 40), (200, 52)).lines([bits, format!("offset {offset:#x}")]))
        .block(
            Block::new((900, 180), (200, 138))
                .lines([format!("frame {:x}", physical >> 12), format!("byte {offset:#x}")])
                .fill(Colour::YELLOW),
        )
        .arrow((1_000, 92), (1_000, 180), "", Colour::BLACK)
        .arrow((880, 249), (900, 249), "", Colour::BLACK)
        .heading((900, 350), format!("Physical address {physical:#x}"));
    Picture::new("From a virtual address to a physical one", diagram)
        .subtitle(
            "Each table is entered by nine bits of the address; the last twelve stay as they are",
        )
        .size(1_180, 480)
}

/// A process that has just written at the address.
fn walked() -> (Stage, SpaceId) {
    let mut stage = Stage::new(&Machine::new(Config::new(64).with_page_file(256, 256)));
    let other = stage.process();
    let memory = stage.allocate(other, Allocation::committed(OTHERS * PAGE_SIZE));
    stage.access_pages(other, memory, 7, Access::Write);
    let space = stage.process();
    let kind = MEM_RESERVE | MEM_COMMIT;
    let bytes = 1 << 20;
    stage.allocate(space, Allocation { address: BASE, bytes, kind, protection: 0x04 });
    stage.access(space, ADDRESS, Access::Write);
    (stage, space)
}
