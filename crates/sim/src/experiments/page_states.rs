//! Free, reserved, committed: what each access and each call gives.
//!
//! Source: Microsoft's documentation, "Page State".

use memtide_core::page::{ALLOCATION_GRANULARITY, Access, PAGE_SIZE, SpaceId};
use memtide_core::{
    Allocation, Call, Config, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PageUse, Range,
    RegionState, Reply,
};

use super::outcome::{Outcome, Table};
use super::stage::{Stage, status};
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};

/// The states a page can be in, as the book names them.
const STATES: [&str; 3] = ["free", "reserved", "committed"];

/// Where the experiment works: far from anything else.
const BASE: u64 = 0x1_0000_0000;

const SIZE: u64 = 16 * PAGE_SIZE;

fn stage() -> (Stage, SpaceId) {
    let mut stage = Stage::new(&Machine::new(Config::new(1_024).with_page_file(1_024, 1_024)));
    let space = stage.process();
    (stage, space)
}

/// Puts sixteen pages at [`BASE`] into a state.
fn put(stage: &mut Stage, space: SpaceId, state: &str) {
    let kind = match state {
        "reserved" => MEM_RESERVE,
        "committed" => MEM_RESERVE | MEM_COMMIT,
        _ => return,
    };
    stage.allocate(space, allocation(kind));
}

const fn allocation(kind: u32) -> Allocation {
    Allocation { address: BASE, bytes: SIZE, kind, protection: 0x04 }
}

/// The state of the page at [`BASE`], by VirtualQuery.
fn state(stage: &Stage, space: SpaceId) -> &'static str {
    match stage.world.manager().query(space, BASE).expect("an address of the program").state {
        RegionState::Free => "free",
        RegionState::Allocated { page_use: PageUse::Reserved, .. } => "reserved",
        RegionState::Allocated { .. } => "committed",
    }
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    accesses(&mut outcome);
    calls(&mut outcome);
    costs(&mut outcome);
    reservation(&mut outcome);
    end(&mut outcome);
    outcome
}

fn accesses(outcome: &mut Outcome) {
    let mut table = Table::new(&["page is", "read", "write", "execute", "second read"]);
    for wanted in STATES {
        let given = [Access::Read, Access::Write, Access::Execute].map(|access| {
            let (mut stage, space) = stage();
            put(&mut stage, space, wanted);
            stage.access(space, BASE, access).word()
        });
        let (mut stage, space) = stage();
        put(&mut stage, space, wanted);
        stage.access(space, BASE, Access::Read);
        let again = stage.access(space, BASE, Access::Read).word();
        let [read, write, execute] = given;
        table.row([wanted.to_owned(), read, write, execute, again]);
    }
    outcome
        .step("Access a page in each state (committed as PAGE_READWRITE, which does not execute)")
        .table(table.clone());
    let violates = |row: &str| {
        ["read", "write", "execute"]
            .iter()
            .all(|access| table.cell(row, access) == Some("STATUS_ACCESS_VIOLATION"))
    };
    for row in ["free", "reserved"] {
        let said = format!("Every access to a {row} page is an access violation.");
        outcome.finding(said, table.cell(row, "read").unwrap_or_default(), violates(row));
    }
    let cell = |column| table.cell("committed", column).unwrap_or_default();
    outcome.finding(
        "A committed page is brought in by its first access, as zeros, and is there for the next.",
        format!("{}, then {}", cell("read"), cell("second read")),
        cell("read") == "demand zero" && cell("second read") == "passes",
    );
    outcome.finding(
        "A committed page is accessible as far as its protection allows, and no further.",
        format!("write: {}; execute: {}", cell("write"), cell("execute")),
        cell("write") == "demand zero" && cell("execute") == "STATUS_ACCESS_VIOLATION",
    );
}

/// The calls, by the names of the constants.
fn call(name: &str, space: SpaceId) -> Call {
    let range = |bytes| Range { space, address: BASE, bytes };
    match name {
        "reserve" => Call::Allocate(space, allocation(MEM_RESERVE)),
        "commit" => Call::Allocate(space, allocation(MEM_COMMIT)),
        "reserve and commit" => Call::Allocate(space, allocation(MEM_RESERVE | MEM_COMMIT)),
        "decommit" => Call::Free(range(SIZE), MEM_DECOMMIT),
        "release" => Call::Free(range(0), MEM_RELEASE),
        other => unreachable!("there is no call {other}"),
    }
}

const CALLS: [&str; 5] = ["reserve", "commit", "reserve and commit", "decommit", "release"];

fn calls(outcome: &mut Outcome) {
    let mut table = Table::new(&["call", "on", "status", "page is then"]);
    let mut seen = Vec::new();
    for name in CALLS {
        for wanted in STATES {
            let (mut stage, space) = stage();
            put(&mut stage, space, wanted);
            let result = stage.call(&call(name, space));
            let after = state(&stage, space);
            table.row([name, wanted, status(&result), after]);
            seen.push(((name, wanted), (status(&result), after)));
        }
    }
    outcome.step("Make each call on a page in each state").table(table);
    let rules: [(&str, &str, &str, &str, &str); 10] = [
        ("A free page can be reserved.", "reserve", "free", OK, "reserved"),
        ("A free page can be reserved and committed at once.", CALLS[2], "free", OK, "committed"),
        ("A free page cannot be committed alone.", "commit", "free", CONFLICT, "free"),
        ("A reserved range cannot be reserved again.", "reserve", "reserved", CONFLICT, "reserved"),
        ("A reserved page can be committed.", "commit", "reserved", OK, "committed"),
        ("Committing a committed page succeeds.", "commit", "committed", OK, "committed"),
        ("A committed page can go back to reserved.", "decommit", "committed", OK, "reserved"),
        (
            "Decommitting a page that is not committed is no error.",
            CALLS[3],
            "reserved",
            OK,
            STATES[1],
        ),
        ("A reserved page can be released.", "release", "reserved", OK, "free"),
        ("A committed page can be released at once.", "release", "committed", OK, "free"),
    ];
    for (rule, name, on, wanted_status, then) in rules {
        let found = seen.iter().find(|(key, _)| *key == (name, on)).map(|(_, found)| *found);
        let told = found.map_or_else(String::new, |(status, after)| format!("{status}, {after}"));
        outcome.finding(rule, told, found == Some((wanted_status, then)));
    }
}

const OK: &str = "STATUS_SUCCESS";
const CONFLICT: &str = "STATUS_CONFLICTING_ADDRESSES";

/// Commit charge and frames of a process.
fn holdings(stage: &Stage, space: SpaceId) -> [u64; 3] {
    let view = stage.world.manager().snapshot().space(space).expect("the process lives");
    [view.commit, u64::from(view.working_set), view.page_tables - 1]
}

fn costs(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let mut table = Table::new(&["after", "commit charge, pages", "frames, pages", "page tables"]);
    let mut seen = Vec::new();
    let mut note = |stage: &Stage, what: &str| {
        let now = holdings(stage, space);
        table.row(std::iter::once(what.to_owned()).chain(now.map(|n| n.to_string())));
        seen.push(now);
    };
    note(&stage, "nothing");
    stage.allocate(space, allocation(MEM_RESERVE));
    note(&stage, "reserving 16 pages");
    stage.allocate(space, allocation(MEM_COMMIT));
    note(&stage, "committing them");
    stage.access(space, BASE, Access::Write);
    note(&stage, "writing the first one");
    stage.access_pages(space, BASE, 16, Access::Write);
    note(&stage, "writing all");
    stage.must(&call("decommit", space));
    note(&stage, "decommitting them");
    stage.must(&call("release", space));
    note(&stage, "releasing them");
    outcome.step("Take sixteen pages through the states, and count what they cost").table(table);
    let rule = |at: usize, index: usize| seen[at][index];
    outcome.finding_equal("Reserving charges nothing.", (rule(1, 0), "pages"), 0);
    outcome.finding_equal("Committing charges every page.", (rule(2, 0), "pages"), 16);
    outcome.finding_equal("Committing takes no frame.", (rule(2, 1), "frames"), 0);
    outcome.finding_equal("The first access takes one frame.", (rule(3, 1), "frame"), 1);
    outcome.finding_equal(
        "Page tables are made by accesses, not by reserving.",
        (rule(2, 2), "tables"),
        0,
    );
    outcome.finding_equal(
        "Decommitting gives charge and frames back.",
        (rule(5, 0) + rule(5, 1), "pages"),
        0,
    );
}

fn reservation(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let asked = BASE + 5 * PAGE_SIZE;
    let one = |address, kind| Allocation { address, bytes: PAGE_SIZE, kind, protection: 0x04 };
    let reserved = stage.allocate(space, one(asked, MEM_RESERVE));
    let committed = stage.allocate(space, one(asked, MEM_COMMIT));
    let next = stage.call(&Call::Allocate(space, one(asked + PAGE_SIZE, MEM_RESERVE)));
    let reply = |address: u64| format!("{address:#x}");
    let mut table = Table::new(&["call at", "status", "base"]);
    table.row([format!("reserve a page at {asked:#x}"), OK.to_owned(), reply(reserved)]);
    table.row([format!("commit a page at {asked:#x}"), OK.to_owned(), reply(committed)]);
    let base = match &next {
        Ok(Reply::Address(base)) => reply(*base),
        _ => String::new(),
    };
    table.row([
        format!("reserve the page at {:#x}", asked + PAGE_SIZE),
        status(&next).to_owned(),
        base,
    ]);
    outcome.step("Reserve one page in the middle of 64 KiB").table(table);
    outcome.finding(
        "Reservations begin at multiples of 64 KiB, commitments at multiples of a page.",
        format!("{reserved:#x} and {committed:#x}"),
        reserved % ALLOCATION_GRANULARITY == 0 && committed == asked,
    );
    outcome.finding(
        "What is left of the 64 KiB cannot be reserved by anyone else.",
        status(&next),
        status(&next) == CONFLICT,
    );
}

fn end(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    put(&mut stage, space, "committed");
    stage.access_pages(space, BASE, 16, Access::Write);
    let before = stage.world.manager().snapshot().commit().charged();
    stage.must(&Call::DestroySpace(space));
    let manager = stage.world.manager();
    let after = manager.snapshot().commit().charged();
    outcome
        .step("Let the process end")
        .line(format!("commit charge: {before} pages before, {after} after"))
        .line(format!("available: {} of {} pages", stage.available(), manager.config().frames));
    outcome.finding_equal(
        "When a process ends, its memory is given back.",
        (after, "pages are charged"),
        0,
    );
}

/// The states, and the calls that lead from one to another.
pub(super) fn picture() -> Picture {
    let accesses = |state: &str, protection: &str| {
        let (mut stage, space) = stage();
        put(&mut stage, space, state);
        let given = stage.access(space, BASE, Access::Write).word();
        [state.to_owned(), format!("a write{protection}:"), given]
    };
    let states = [
        (accesses("free", ""), (20, 150), Colour::LIGHT),
        (accesses("reserved", ""), (430, 150), Colour::SKY),
        (accesses("committed", ""), (840, 150), Colour::GREEN),
    ];
    let blocks = states.map(|(lines, at, fill)| Block::new(at, (270, 110)).lines(lines).fill(fill));
    let (there, back) = (Colour::BLACK, Colour::VERMILLION);
    let diagram = Diagram::new()
        .blocks(blocks)
        .arrow((290, 180), (430, 180), "reserve", there)
        .arrow((700, 180), (840, 180), "commit", there)
        .arrow((430, 235), (290, 235), "release", back)
        .arrow((840, 235), (700, 235), "decommit", back)
        .arrow((155, 100), (975, 100), "reserve and commit", there)
        .arrow((155, 150), (155, 100), "", there)
        .arrow((975, 100), (975, 150), "", there)
        .arrow((975, 320), (155, 320), "release", back)
        .arrow((975, 260), (975, 320), "", back)
        .arrow((155, 320), (155, 260), "", back)
        .heading((20, 390), "What a page costs")
        .caption((20, 420), "free: nothing")
        .caption((430, 420), "reserved: addresses")
        .caption((840, 420), "committed: a page of the commit charge,")
        .caption((840, 440), "and from the first access on a frame");
    Picture::new("The states of a page", diagram)
        .subtitle("Calls lead from state to state; what an access gives depends on the state alone")
        .size(1_200, 560)
}
