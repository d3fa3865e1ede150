//! Contents that the program tells something about: write watch, reset and offer.

use memtide_core::page::{Access, PAGE_SIZE, SpaceId};
use memtide_core::{
    Allocation, Call, Config, ListCommand, MEM_COMMIT, MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO,
    MEM_WRITE_WATCH, OfferPriority, Range, Refusal, Reply,
};

use super::super::outcome::{Outcome, Table};
use super::super::stage::{Stage, status};
use crate::machine::Machine;

/// Pages that the experiments are made on.
const PAGES: u64 = 64;

fn stage() -> (Stage, SpaceId) {
    let mut stage = Stage::new(&Machine::new(Config::new(256).with_page_file(1_024, 1_024)));
    let space = stage.process();
    (stage, space)
}

fn written(stage: &mut Stage, range: Range, resets: bool) -> Vec<u64> {
    let call = Call::WriteWatch { range, resets, most: 100 };
    match stage.must(&call) {
        Reply::Addresses(addresses) => {
            addresses.iter().map(|address| (address - range.address) / PAGE_SIZE).collect()
        }
        other => panic!("no addresses: {other:?}"),
    }
}

pub(super) fn write_watch(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let bytes = PAGES * PAGE_SIZE;
    let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
    let base = stage.allocate(space, Allocation { address: 0, bytes, kind, protection: 0x04 });
    let range = Range { space, address: base, bytes };
    let at = |page: u64| base + page * PAGE_SIZE;
    for page in [3, 5, 5, 8] {
        stage.access(space, at(page), Access::Write);
    }
    stage.access(space, at(10), Access::Read);
    let first = written(&mut stage, range, true);
    let second = written(&mut stage, range, false);
    stage.access(space, at(5), Access::Write);
    let third = written(&mut stage, range, false);
    stage.must(&Call::ResetWriteWatch(range));
    let fourth = written(&mut stage, range, false);
    let list = |pages: &[u64]| format!("{pages:?}");
    let mut table = Table::new(&["after", "GetWriteWatch gives the pages"]);
    table.row(["writing pages 3, 5, 5 and 8, reading page 10", &list(&first)]);
    table.row(["that call, which reset them", &list(&second)]);
    table.row(["writing page 5 again", &list(&third)]);
    table.row(["ResetWriteWatch", &list(&fourth)]);
    outcome.step("Write watch: ask which pages were written").table(table);
    outcome.finding(
        "Write watch tells each page that was written since the last reset, and none that was only \
         read.",
        format!("{}, then {}", list(&first), list(&third)),
        first == [3, 5, 8] && second.is_empty() && third == [5] && fourth.is_empty(),
    );
}

/// What happens to written pages that leave memory, after they were told to be of no interest or
/// not.
struct Fate {
    pages_written: u64,
    back: Result<(), Refusal>,
    charge: u64,
    first_access: String,
}

/// Writes pages, does something to them, lets them leave memory or not, and takes it back.
fn fate(
    tell: impl Fn(Range) -> Option<Call>,
    take_back: impl Fn(Range) -> Option<Call>,
    leaves: bool,
) -> Fate {
    let (mut stage, space) = stage();
    let bytes = PAGES * PAGE_SIZE;
    let address = stage.allocate(space, Allocation::committed(bytes));
    stage.access_pages(space, address, PAGES, Access::Write);
    let range = Range { space, address, bytes };
    if let Some(call) = tell(range) {
        stage.must(&call);
    }
    let first_access = stage.access(space, address + bytes - PAGE_SIZE, Access::Read).word();
    if leaves {
        for command in [
            ListCommand::EmptyWorkingSets,
            ListCommand::FlushModifiedList,
            ListCommand::PurgeStandbyList,
        ] {
            stage.must(&Call::Command(command));
            stage.finish_io();
        }
    }
    let pages_written = stage.world.manager().counters().pages_written;
    let back = match take_back(range) {
        Some(call) => stage.call(&call).map(|_| ()),
        None => Ok(()),
    };
    Fate {
        pages_written,
        back,
        charge: stage.world.manager().snapshot().commit().charged(),
        first_access,
    }
}

fn allocate(range: Range, kind: u32) -> Call {
    let Range { space, address, bytes } = range;
    Call::Allocate(space, Allocation { address, bytes, kind, protection: 0x04 })
}

pub(super) fn reset(outcome: &mut Outcome) {
    let tell = |range| Some(allocate(range, MEM_RESET));
    let undo = |range| Some(allocate(range, MEM_RESET_UNDO));
    let kept = fate(|_| None, |_| None, true);
    let stays = fate(tell, undo, false);
    let left = fate(tell, undo, true);
    let mut table =
        Table::new(&["64 written pages are", "pages written to disk", "MEM_RESET_UNDO", "charge"]);
    let row = |name: &str, fate: &Fate, undo: &str| {
        [name.to_owned(), fate.pages_written.to_string(), undo.to_owned(), fate.charge.to_string()]
    };
    table.row(row("pushed out of memory", &kept, "–"));
    table.row(row("reset, and stay in memory", &stays, status(&stays.back)));
    table.row(row("reset, and pushed out", &left, status(&left.back)));
    outcome.step("Reset: say that the contents are of no interest (MEM_RESET)").table(table);
    outcome.finding(
        "Pages that were reset are never written anywhere.",
        format!("{} pages, and {} without the reset", left.pages_written, kept.pages_written),
        left.pages_written == 0 && kept.pages_written == PAGES,
    );
    outcome.finding(
        "A reset can be undone until the memory is needed; whoever is too late is told.",
        format!("{}, and {}", status(&stays.back), status(&left.back)),
        stays.back.is_ok() && matches!(left.back, Err(Refusal::ContentsLost { .. })),
    );
    outcome.finding(
        "The commit charge stays.",
        format!("{} pages", left.charge),
        left.charge == PAGES,
    );
}

pub(super) fn offer(outcome: &mut Outcome) {
    let tell = |range| Some(Call::Offer(range, OfferPriority::VeryLow));
    let reclaim = |range| Some(Call::ReclaimOffered(range));
    let stays = fate(tell, reclaim, false);
    let left = fate(tell, reclaim, true);
    let mut table = Table::new(&[
        "64 offered pages",
        "an access to one",
        "pages written to disk",
        "ReclaimVirtualMemory",
    ]);
    for (name, fate) in [("stay in memory", &stays), ("are pushed out", &left)] {
        let written = fate.pages_written.to_string();
        table.row([name, &fate.first_access, &written, status(&fate.back)]);
    }
    outcome.step("Offer: let the system have the contents (OfferVirtualMemory)").table(table);
    outcome.finding(
        "Offered pages cannot be accessed until they are reclaimed.",
        stays.first_access.clone(),
        stays.first_access == "STATUS_ACCESS_VIOLATION",
    );
    outcome.finding(
        "Reclaiming tells whether the contents are still there; they are never written to a disk.",
        format!("{}, and {}", status(&stays.back), status(&left.back)),
        stays.back.is_ok() && left.back.is_err() && left.pages_written == 0,
    );
}
