//! Memory that stays: physical pages behind a window, and large pages.

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SpaceId};
use memtide_core::snapshot::PteView;
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Call, Config, LARGE_PAGE_SIZE, ListCommand, MEM_COMMIT, MEM_LARGE_PAGES,
    MEM_PHYSICAL, MEM_RESERVE, Privileges, Reply, SpaceConfig,
};

use super::super::outcome::{Outcome, Table};
use super::super::stage::{Stage, status};
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};

/// Pages of the window, and of the physical memory behind it.
const WINDOW: usize = 4;
const PHYSICAL: u64 = 12;

fn stage() -> (Stage, SpaceId) {
    let mut machine = Machine::new(Config::new(4_096).with_page_file(4_096, 4_096));
    machine.has_contents = true;
    let mut stage = Stage::new(&machine);
    let privileges = Privileges { lock_memory: true };
    let space = stage.process_with(SpaceConfig { privileges, ..SpaceConfig::default() });
    (stage, space)
}

fn counted(stage: &Stage) -> u64 {
    stage.world.manager().counters().faults()
}

pub(super) fn windows(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let unprivileged = stage.process();
    let refused = stage.call(&Call::AllocatePhysical(unprivileged, PHYSICAL));
    let frames = match stage.must(&Call::AllocatePhysical(space, PHYSICAL)) {
        Reply::Frames(frames) => frames,
        other => panic!("no frames: {other:?}"),
    };
    let window = stage.allocate(
        space,
        Allocation {
            address: 0,
            bytes: 4 * PAGE_SIZE,
            kind: MEM_RESERVE | MEM_PHYSICAL,
            protection: 0x04,
        },
    );
    let mut table = Table::new(&["the window shows", "frames", "its first word", "faults so far"]);
    let mut seen = Vec::new();
    let views = frames.chunks(WINDOW).enumerate();
    for (part, chunk) in views.clone().chain(views.take(1)) {
        let frames: Vec<Pfn> = chunk.to_vec();
        let pages = 0;
        stage.must(&Call::MapPhysical { space, address: window, pages, frames });
        let mark = 0x100 + u64::try_from(part).unwrap_or_default();
        // Written the first time round, only read the second.
        let is_first = seen.len() < 3;
        let found = stage.word(space, window, is_first.then_some(mark));
        let names: Vec<String> = chunk.iter().map(ToString::to_string).collect();
        let part = format!("part {}{}", part + 1, if is_first { "" } else { " again" });
        table.row([part, names.join(" "), format!("{found:#x}"), counted(&stage).to_string()]);
        seen.push(found);
    }
    stage.must(&Call::Command(ListCommand::EmptyWorkingSets));
    let after = stage.access(space, window, Access::Read).word();
    outcome
        .step("AWE: allocate 12 physical pages, and show them through a window of 4 pages")
        .line(format!("without SeLockMemoryPrivilege: {}", status(&refused)))
        .table(table);
    outcome.finding(
        "A window shows other frames at the same addresses, and their bytes with them.",
        format!("{:#x}, {:#x}, {:#x}, and {:#x} again", seen[0], seen[1], seen[2], seen[3]),
        seen == [0x100, 0x101, 0x102, 0x100],
    );
    outcome.finding(
        "Physical pages never fault and are never trimmed.",
        format!("{} faults; after emptying all working sets a read {after}", counted(&stage)),
        counted(&stage) == 0 && after == "passes",
    );
    outcome.finding(
        "They need the privilege to lock memory.",
        status(&refused),
        status(&refused) == "STATUS_PRIVILEGE_NOT_HELD",
    );
}

const fn large(bytes: u64) -> Allocation {
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES;
    Allocation { address: 0, bytes, kind, protection: 0x04 }
}

fn frame(stage: &Stage, space: SpaceId, address: u64) -> Option<Pfn> {
    match stage.world.manager().snapshot().pte(space, address) {
        Ok(PteView::Valid { frame, .. }) => Some(frame),
        _ => None,
    }
}

pub(super) fn large_pages(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let before = stage.available();
    let base = stage.allocate(space, large(LARGE_PAGE_SIZE));
    let taken = before - stage.available();
    let frames: Vec<u32> = (0..512)
        .filter_map(|page| frame(&stage, space, base + page * PAGE_SIZE))
        .map(|frame| frame.0)
        .collect();
    let is_run = frames.windows(2).all(|pair| pair[1] == pair[0] + 1);
    stage.access_pages(space, base, 512, Access::Write);
    let faults = counted(&stage);
    let odd = stage.call(&Call::Allocate(space, large(LARGE_PAGE_SIZE + PAGE_SIZE)));
    // One page in each 2 MiB is in use: half the memory is free, and no large page is to be had.
    let fragmented = fragment(&mut stage);
    let refused = stage.call(&Call::Allocate(space, large(LARGE_PAGE_SIZE)));
    let mut table = Table::new(&["what", "seen"]);
    table.row(["frames taken by the call itself", &taken.to_string()]);
    table.row(["frames that follow one another", if is_run { "all" } else { "not all" }]);
    table.row(["faults while writing it all", &faults.to_string()]);
    table.row(["a size of 2 MiB and a page", status(&odd)]);
    table
        .row([&format!("once memory is fragmented, {fragmented} MiB available"), status(&refused)]);
    outcome.step("Large pages: allocate 2 MiB at once").table(table);
    outcome.finding(
        "A large page is there from the call on, in 512 frames in a row.",
        format!("{taken} frames, {faults} faults"),
        taken == 512 && frames.len() == 512 && is_run && faults == 0,
    );
    outcome.finding(
        "It needs memory in one piece, not only enough of it.",
        format!("{}, with {fragmented} MiB available", status(&refused)),
        status(&refused) == "STATUS_INSUFFICIENT_RESOURCES" && fragmented >= 4,
    );
}

/// Uses all memory, locks one page in each 2 MiB of frames, and frees the others; MiB available
/// then.
fn fragment(stage: &mut Stage) -> u64 {
    let space = stage.process();
    let pages = stage.available();
    let base = stage.allocate(space, Allocation::committed(pages * PAGE_SIZE));
    stage.access_pages(space, base, pages, Access::Write);
    for page in 0..pages {
        let address = base + page * PAGE_SIZE;
        let keeps = frame(stage, space, address).is_some_and(|frame| frame.0 % 512 == 100);
        if !keeps {
            let range = memtide_core::Range { space, address, bytes: PAGE_SIZE };
            stage.must(&Call::Free(range, memtide_core::MEM_DECOMMIT));
        }
    }
    Bytes::from_pages(stage.available()).0 >> 20
}

/// The window, and the frames that it shows one part after the other.
pub(in super::super) fn picture() -> Picture {
    let (mut stage, space) = stage();
    let frames = match stage.must(&Call::AllocatePhysical(space, PHYSICAL)) {
        Reply::Frames(frames) => frames,
        other => panic!("no frames: {other:?}"),
    };
    let mut diagram = Diagram::new()
        .heading((20, 25), "The program's addresses: a window of four pages")
        .heading((20, 285), "Its physical pages: twelve frames, never trimmed");
    let left = |at: usize| 20 + 92 * i32::try_from(at).unwrap_or(0);
    for page in 0..WINDOW {
        let block = Block::new((left(page + 4), 40), (86, 46)).lines([format!("page {page}")]);
        diagram = diagram.block(block.fill(Colour::LIGHT));
    }
    let parts = [Colour::GREEN, Colour::ORANGE, Colour::SKY];
    for (at, frame) in frames.iter().enumerate() {
        let fill = parts[at / WINDOW % parts.len()];
        let block = Block::new((left(at), 210), (86, 46)).lines([format!("frame {frame}")]);
        diagram = diagram.block(block.fill(fill));
    }
    for (part, label) in ["first", "then", "then"].into_iter().enumerate() {
        let (from, to) = (left(5) + 89, left(WINDOW * part + 1) + 89);
        diagram = diagram.arrow((from, 86), (to, 210), label, Colour::BLACK);
    }
    Picture::new("Address windowing extensions", diagram)
        .subtitle(
            "MapUserPhysicalPages changes what the same addresses show; nothing is copied or read",
        )
        .size(1_180, 400)
}
