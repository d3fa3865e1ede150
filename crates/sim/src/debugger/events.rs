//! What happened, a line each.

use memtide_core::page::{SpaceId, Tick};
use memtide_core::snapshot::PteView;
use memtide_core::{Call, Compressed, Counters, Event, Input, IoError};

use super::format::{access, address, time};
use super::target::Target;

/// What kind a fault was, by the counter that it counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    DemandZero,
    Soft,
    Prototype,
    Hard,
    Decompressed,
    CopyOnWrite,
    Collided,
    Guard,
    Violation,
    InPageError,
    FirstWrite,
}

impl FaultKind {
    pub(super) const ALL: [Self; 11] = [
        Self::DemandZero,
        Self::Soft,
        Self::Prototype,
        Self::Hard,
        Self::Decompressed,
        Self::CopyOnWrite,
        Self::Collided,
        Self::Guard,
        Self::Violation,
        Self::InPageError,
        Self::FirstWrite,
    ];

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::DemandZero => "demand-zero",
            Self::Soft => "soft",
            Self::Prototype => "prototype",
            Self::Hard => "hard",
            Self::Decompressed => "decompressed",
            Self::CopyOnWrite => "copy-on-write",
            Self::Collided => "collided",
            Self::Guard => "guard",
            Self::Violation => "violation",
            Self::InPageError => "in-page-error",
            Self::FirstWrite => "first-write",
        }
    }

    const fn count(self, counters: &Counters) -> u64 {
        match self {
            Self::DemandZero => counters.demand_zero,
            Self::Soft => counters.soft,
            Self::Prototype => counters.prototype,
            Self::Hard => counters.hard,
            Self::Decompressed => counters.decompressed,
            Self::CopyOnWrite => counters.copy_on_write,
            Self::Collided => counters.collided,
            Self::Guard => counters.guard,
            Self::Violation => counters.violations,
            Self::InPageError => counters.in_page_errors,
            Self::FirstWrite => counters.first_writes,
        }
    }

    /// What was counted between two looks.
    pub(super) fn between(before: &Counters, after: &Counters) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.count(after) > kind.count(before))
    }
}

/// A line about an event; `kind` is what a fault turned out to be.
pub(super) fn line(target: &Target, at: Tick, event: &Event, kind: Option<FaultKind>) -> String {
    let (word, rest) = match event {
        Event::Input(_, input) => input_words(target, input, kind),
        Event::Call(call) => ("call", call_words(target, call)),
        Event::Touch(space, va, how) => {
            ("access", format!("{} {} by {}", access(*how), address(*va), named(target, *space)))
        }
    };
    format!("{:>16}  {word:<8} {rest}\n", time(at))
}

fn named(target: &Target, space: SpaceId) -> String {
    format!("process {:x} ({})", space.0, target.name(space))
}

fn input_words(target: &Target, input: &Input, kind: Option<FaultKind>) -> (&'static str, String) {
    match input {
        Input::Tick => ("deadline", "the balance set manager or the modified writer".to_owned()),
        Input::Fault { thread, space, address: va, access: how } => {
            let (how, va_word, name) = (access(*how), address(*va), named(target, *space));
            let what = kind.map_or("not answered yet", FaultKind::word);
            let frame = match leaf(target, *space, *va) {
                Some(PteView::Valid { frame, .. }) => format!(", frame {:x}", frame.0),
                Some(PteView::Transition { frame }) => format!(", frame {:x}, waits", frame.0),
                _ => String::new(),
            };
            let thread = thread.0;
            ("fault", format!("{how} {va_word} by {name}, thread {thread:x}: {what}{frame}"))
        }
        Input::Lock { thread, space, address: va, bytes } => {
            let (va, name, thread) = (address(*va), named(target, *space), thread.0);
            ("lock", format!("{bytes:x} bytes at {va} of {name}, thread {thread:x}"))
        }
        Input::ThreadEnded { thread } => ("end", format!("thread {:x}", thread.0)),
        Input::ReadDone { operation, result } => ("read", ended(operation.0, *result)),
        Input::WriteDone { operation, result } => ("write", ended(operation.0, *result)),
        Input::CompressDone { operation, pages } => {
            let small = |page: &&Compressed| !matches!(page, Compressed::Incompressible);
            let small = pages.iter().filter(small).count();
            let (all, number) = (pages.len(), operation.0);
            ("compress", format!("operation {number:x} ended: {small} of {all} pages got smaller"))
        }
        Input::ExtendDone { operation, result } => {
            let result = result.map(|pages| format!(": {pages} pages"));
            let word = ended(operation.0, result.as_ref().map(|_| ()).map_err(|error| *error));
            ("extend", word + &result.unwrap_or_default())
        }
        Input::Lost { frame, error } => {
            ("lost", format!("frame {:x} could not be filled: error {}", frame.0, error.0))
        }
        Input::Idle { pages } => ("idle", format!("zeroes up to {pages} pages")),
        Input::Accessed { space, address: va } => {
            ("accessed", format!("{} of {}", address(*va), named(target, *space)))
        }
        other => ("input", format!("{other:?}")),
    }
}

/// What says where a page is: its PTE, or the prototype PTE that this refers to.
fn leaf(target: &Target, space: SpaceId, va: u64) -> Option<PteView> {
    let walk = target.manager().snapshot().walk(space, va).ok()?;
    Some(walk.prototype.unwrap_or(walk.pte))
}

fn ended(operation: u32, result: Result<(), IoError>) -> String {
    match result {
        Ok(()) => format!("operation {operation:x} ended"),
        Err(error) => format!("operation {operation:x} failed: error {}", error.0),
    }
}

/// A call as a program writes it: its name, and what it is given.
fn call_words(target: &Target, call: &Call) -> String {
    match call {
        Call::Allocate(space, allocation) => {
            let name = named(target, *space);
            format!(
                "VirtualAlloc by {name}: {:x} bytes, type {:x}, protection {:x}",
                allocation.bytes, allocation.kind, allocation.protection
            )
        }
        Call::Free(range, kind) => {
            let (name, va, bytes) =
                (named(target, range.space), address(range.address), range.bytes);
            format!("VirtualFree by {name}: {bytes:x} bytes at {va}, type {kind:x}")
        }
        Call::Protect(range, constant) => {
            let (name, va, bytes) =
                (named(target, range.space), address(range.address), range.bytes);
            format!("VirtualProtect by {name}: {bytes:x} bytes at {va}, protection {constant:x}")
        }
        Call::MapView(space, view) => {
            let (name, section) = (named(target, *space), view.section.0);
            let bytes = match view.bytes {
                0 => "all of it".to_owned(),
                bytes => format!("{bytes:x} bytes"),
            };
            format!("MapViewOfFile by {name}: section {section:x}, {bytes}")
        }
        Call::UnmapView(space, va) => {
            format!("UnmapViewOfFile by {}: {}", named(target, *space), address(*va))
        }
        Call::CreateSection(config) => format!("CreateFileMapping: {:x} bytes", config.bytes),
        Call::Command(command) => format!("memory-list command {command:?}"),
        Call::EmptyWorkingSet(space) => format!("EmptyWorkingSet of {}", named(target, *space)),
        Call::CreateSpace(_) => "a process begins".to_owned(),
        Call::DestroySpace(space) => format!("process {:x} ends", space.0),
        other => format!("{other:?}"),
    }
}
