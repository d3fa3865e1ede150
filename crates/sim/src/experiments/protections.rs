//! The eight protections, guard pages, and the modifiers that exclude one another.
//!
//! Source: Microsoft's documentation, "Memory Protection Constants" and "Creating Guard Pages".

use memtide_core::page::{Access, PAGE_SIZE, SpaceId};
use memtide_core::{
    Allocation, Backing, Base, Call, Config, MEM_COMMIT, MEM_RESERVE, Protection, Range, Refusal,
    Reply, SectionConfig, View,
};

use super::outcome::{Outcome, Table};
use super::stage::{Given, Stage, status};
use crate::machine::Machine;
use crate::picture::{Block, Colour, Diagram, Picture};

const NAMES: [(&str, Base); 8] = [
    ("PAGE_NOACCESS", Base::NoAccess),
    ("PAGE_READONLY", Base::ReadOnly),
    ("PAGE_READWRITE", Base::ReadWrite),
    ("PAGE_WRITECOPY", Base::WriteCopy),
    ("PAGE_EXECUTE", Base::Execute),
    ("PAGE_EXECUTE_READ", Base::ExecuteRead),
    ("PAGE_EXECUTE_READWRITE", Base::ExecuteReadWrite),
    ("PAGE_EXECUTE_WRITECOPY", Base::ExecuteWriteCopy),
];

const ACCESSES: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

const GUARD: u32 = 0x100;
const NOCACHE: u32 = 0x200;
const WRITECOMBINE: u32 = 0x400;

fn stage() -> (Stage, SpaceId) {
    let mut stage = Stage::new(&Machine::new(Config::new(1_024).with_page_file(1_024, 1_024)));
    let space = stage.process();
    (stage, space)
}

const fn private(constant: u32) -> Allocation {
    let kind = MEM_RESERVE | MEM_COMMIT;
    Allocation { address: 0, bytes: PAGE_SIZE, kind, protection: constant }
}

/// A page of a protection: private, or of a view where private memory cannot have it.
fn page_of(stage: &mut Stage, space: SpaceId, constant: u32) -> Result<u64, Refusal> {
    match stage.call(&Call::Allocate(space, private(constant))) {
        Ok(Reply::Address(base)) => return Ok(base),
        Ok(other) => panic!("no address: {other:?}"),
        Err(_) => {}
    }
    let protection = Protection::plain(Base::ExecuteReadWrite).windows();
    let config =
        SectionConfig { bytes: PAGE_SIZE, protection, backing: Backing::File, is_reserved: false };
    let section = match stage.call(&Call::CreateSection(config))? {
        Reply::Section(section) => section,
        other => panic!("no section: {other:?}"),
    };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: constant };
    match stage.call(&Call::MapView(space, view))? {
        Reply::Address(base) => Ok(base),
        other => panic!("no address: {other:?}"),
    }
}

const fn word(given: Given) -> &'static str {
    if given.is_ok() { "yes" } else { "violation" }
}

pub(super) fn run() -> Outcome {
    let mut outcome = Outcome::new();
    eight(&mut outcome);
    guards(&mut outcome);
    guard_on_each(&mut outcome);
    modifiers(&mut outcome);
    outcome
}

fn eight(outcome: &mut Outcome) {
    let mut table =
        Table::new(&["protection", "constant", "read", "write", "execute", "VirtualAlloc"]);
    let mut differ = 0;
    for (name, base) in NAMES {
        let constant = Protection::plain(base).windows();
        let given = ACCESSES.map(|access| {
            let (mut stage, space) = stage();
            let page = page_of(&mut stage, space, constant).expect("one of the eight");
            let given = stage.access(space, page, access);
            differ += u32::from(given.is_ok() != Protection::plain(base).allows(access));
            word(given)
        });
        let (mut stage, space) = stage();
        let result = stage.call(&Call::Allocate(space, private(constant)));
        let [read, write, execute] = given;
        let constant = format!("0x{constant:02x}");
        table.row([name, &constant, read, write, execute, status(&result)]);
    }
    outcome
        .step("Read, write and execute a page of each protection")
        .line("Copies on write need something to copy from: those two are pages of a mapped file.")
        .table(table.clone());
    let row = |name: &str| {
        ["read", "write", "execute"].map(|access| table.cell(name, access).unwrap_or_default())
    };
    outcome.finding_equal(
        "Each access gives what the documentation says.",
        (differ, "of 24 differ"),
        0,
    );
    outcome.finding(
        "PAGE_EXECUTE can be read: the processor has no pages for execution alone.",
        row("PAGE_EXECUTE").join(", "),
        row("PAGE_EXECUTE") == ["yes", "violation", "yes"],
    );
    let refused = |name| table.cell(name, "VirtualAlloc") == Some("STATUS_INVALID_PAGE_PROTECTION");
    outcome.finding(
        "Private memory cannot be copied on write: VirtualAlloc refuses both protections.",
        table.cell("PAGE_WRITECOPY", "VirtualAlloc").unwrap_or_default(),
        refused("PAGE_WRITECOPY") && refused("PAGE_EXECUTE_WRITECOPY"),
    );
}

/// The protection of a page, by VirtualProtect giving the old one.
fn protection(stage: &mut Stage, space: SpaceId, address: u64, new: u32) -> u32 {
    let range = Range { space, address, bytes: PAGE_SIZE };
    match stage.must(&Call::Protect(range, new)) {
        Reply::Protection(old) => old,
        other => panic!("no protection: {other:?}"),
    }
}

fn guards(outcome: &mut Outcome) {
    let (mut stage, space) = stage();
    let page = page_of(&mut stage, space, 0x04 | GUARD).expect("a guard page");
    let mut table = Table::new(&["what is done", "what it gives"]);
    let locked = stage.lock(space, page, PAGE_SIZE);
    table.row(["lock the page (VirtualLock)", status(&locked)]);
    let first = stage.access(space, page, Access::Write);
    table.row(["write to it", &first.word()]);
    let second = stage.access(space, page, Access::Write);
    table.row(["write to it again", &second.word()]);
    let third = stage.access(space, page, Access::Write);
    table.row(["and again", &third.word()]);
    let after = protection(&mut stage, space, page, 0x04 | GUARD);
    table.row(["ask for its protection", &format!("0x{after:02x} (PAGE_READWRITE)")]);
    let again = stage.access(space, page, Access::Read);
    table.row(["make it a guard page again, and read it", &again.word()]);
    outcome.step("Touch a guard page (PAGE_READWRITE | PAGE_GUARD)").table(table);
    outcome.finding(
        "The first access to a guard page raises STATUS_GUARD_PAGE_VIOLATION, the second passes.",
        format!("{}, then {}", first.word(), second.word()),
        first.word() == "STATUS_GUARD_PAGE_VIOLATION" && second.is_ok(),
    );
    outcome.finding(
        "The guard is gone then: the page has the protection below it.",
        format!("0x{after:02x}"),
        after == 0x04,
    );
    outcome.finding(
        "VirtualLock is refused by a guard page, and leaves the guard in place.",
        format!("{}, then {}", status(&locked), first.word()),
        locked == Err(Refusal::GuardPage { address: page }) && !first.is_ok(),
    );
}

fn guard_on_each(outcome: &mut Outcome) {
    let mut table = Table::new(&["protection | PAGE_GUARD", "first write", "second write"]);
    let mut guarded = 0;
    for (name, base) in NAMES {
        let constant = Protection::plain(base).windows() | GUARD;
        let (mut stage, space) = stage();
        let allocated = stage.call(&Call::Allocate(space, private(constant)));
        let given = match allocated {
            Ok(Reply::Address(page)) => {
                let first = stage.access(space, page, Access::Write);
                guarded += u32::from(first.word() == "STATUS_GUARD_PAGE_VIOLATION");
                [first.word(), stage.access(space, page, Access::Write).word()]
            }
            result => [format!("refused: {}", status(&result)), "–".to_owned()],
        };
        table.row([name.to_owned()].into_iter().chain(given));
    }
    outcome.step("Write twice to a guard page of each protection").table(table.clone());
    outcome.finding(
        "The guard speaks before the protection: even a write that is forbidden finds it first.",
        table.rows[1][1..].join(", then "),
        guarded == 5 && table.rows[1][2] == "STATUS_ACCESS_VIOLATION",
    );
}

fn modifiers(outcome: &mut Outcome) {
    let sets = [
        ("PAGE_READWRITE | PAGE_NOCACHE", 0x04 | NOCACHE, true),
        ("PAGE_READWRITE | PAGE_WRITECOMBINE", 0x04 | WRITECOMBINE, true),
        ("PAGE_READWRITE | PAGE_GUARD | PAGE_NOCACHE", 0x04 | GUARD | NOCACHE, false),
        ("PAGE_READWRITE | PAGE_GUARD | PAGE_WRITECOMBINE", 0x04 | GUARD | WRITECOMBINE, false),
        ("PAGE_READWRITE | PAGE_NOCACHE | PAGE_WRITECOMBINE", 0x04 | NOCACHE | WRITECOMBINE, false),
        ("PAGE_NOACCESS | PAGE_GUARD", 0x01 | GUARD, false),
        ("PAGE_NOACCESS | PAGE_NOCACHE", 0x01 | NOCACHE, false),
        ("PAGE_NOACCESS | PAGE_WRITECOMBINE", 0x01 | WRITECOMBINE, false),
        ("PAGE_READONLY | PAGE_READWRITE", 0x02 | 0x04, false),
        ("none at all", 0, false),
    ];
    let mut table = Table::new(&["protection", "constant", "VirtualAlloc"]);
    let mut wrong = Vec::new();
    for (name, constant, is_allowed) in sets {
        let (mut stage, space) = stage();
        let result = stage.call(&Call::Allocate(space, private(constant)));
        let expected = if is_allowed { "STATUS_SUCCESS" } else { "STATUS_INVALID_PAGE_PROTECTION" };
        if status(&result) != expected {
            wrong.push(name);
        }
        table.row([name, &format!("0x{constant:03x}"), status(&result)]);
    }
    outcome.step("Add the modifiers").table(table);
    let seen = if wrong.is_empty() { "all ten as said".to_owned() } else { wrong.join(", ") };
    outcome.finding(
        "PAGE_GUARD, PAGE_NOCACHE and PAGE_WRITECOMBINE exclude one another, and PAGE_NOACCESS \
         takes none of them.",
        seen,
        wrong.is_empty(),
    );
}

/// What each protection gives for each access.
pub(super) fn picture() -> Picture {
    let mut diagram = Diagram::new();
    for (column, access) in (0..).zip(ACCESSES) {
        diagram = diagram.heading((330 + 220 * column, 20), format!("{access:?}"));
    }
    for (row, (name, base)) in (0..).zip(NAMES) {
        let top = 35 + 52 * row;
        diagram = diagram.heading((20, top + 28), name);
        for (column, access) in (0..).zip(ACCESSES) {
            let (mut stage, space) = stage();
            let constant = Protection::plain(base).windows();
            let page = page_of(&mut stage, space, constant).expect("one of the eight");
            let given = stage.access(space, page, access);
            let copies = Protection::plain(base).copies_on_write() && access == Access::Write;
            let (word, fill) = match (given.is_ok(), copies) {
                (true, true) => ("a private copy", Colour::YELLOW),
                (true, false) => ("passes", Colour::GREEN),
                (false, _) => ("access violation", Colour::VERMILLION),
            };
            let block = Block::new((330 + 220 * column, top), (210, 44));
            diagram = diagram.block(block.lines([word]).fill(fill));
        }
    }
    Picture::new("The eight protections", diagram)
        .subtitle("What reading, writing and executing a page of each gives")
        .size(1_060, 560)
}
