//! `!pfn`: an entry of the PFN database, in one of its four shapes.

use std::fmt::Write;

use memtide_core::page::{Pfn, SpaceId};
use memtide_core::snapshot::{FrameShape, FrameView, PteOwner};
use memtide_core::{Manager, OperationId, PageState, PteAddress, Source};

use super::arguments::{Arguments, frame};
use super::error::KdError;
use super::format::address;
use super::target::Target;

pub(super) fn pfn(target: &Target, mut arguments: Arguments<'_>) -> Result<String, KdError> {
    let snapshot = target.manager().snapshot();
    let wanted = frame(arguments.need("the frame")?, &snapshot)?;
    arguments.end()?;
    Ok(match snapshot.frame(wanted) {
        Some(view) => entry(target.manager(), &|space| target.name(space), &view),
        None => String::new(),
    })
}

/// The lines of an entry: what every shape has stands around what is its own.
pub(crate) fn entry<'n>(
    manager: &Manager,
    name: &dyn Fn(SpaceId) -> &'n str,
    view: &FrameView,
) -> String {
    let (first, second) = shape(manager, view);
    let pte = view.pte_address.map_or_else(|| "none".to_owned(), pte_address);
    let references = format!("{:04x}", view.reference_count);
    let colour = format!("{:x}    priority {}    {}", view.colour, view.priority, flags(view));
    let mut text = format!("    PFN {:08x}    {}\n", view.frame.0, headline(view));
    let mut line = |left: (&str, String), right: (&str, String)| {
        let _ = writeln!(text, "    {:<17} {:<10} {:<12} {}", left.0, left.1, right.0, right.1);
    };
    line(first, second);
    line(("reference count", references), ("colour", colour));
    let lines =
        [("pteaddress", pte), ("original pte", original(view)), ("owner", owner(name, view))];
    for (what, value) in lines {
        let _ = writeln!(text, "    {what:<17} {value}");
    }
    text
}

/// What the first words of an entry are in its shape.
fn shape(manager: &Manager, view: &FrameView) -> ((&'static str, String), (&'static str, String)) {
    match view.shape {
        FrameShape::Active { working_set_index, share_count } => (
            ("ws index", format!("{working_set_index:08x}")),
            ("share count", format!("{share_count:08x}")),
        ),
        FrameShape::Listed { next, previous } => (("flink", link(next)), ("blink", link(previous))),
        FrameShape::Free { next_of_colour, previous_of_colour } => {
            (("colour flink", link(next_of_colour)), ("colour blink", link(previous_of_colour)))
        }
        FrameShape::InProgress { operation, waiters } => (
            ("event: operation", event(operation)),
            ("waiters", waiting(manager, operation, waiters)),
        ),
    }
}

fn event(operation: Option<OperationId>) -> String {
    operation.map_or_else(|| "none".to_owned(), |operation| format!("{:08x}", operation.0))
}

/// How many threads wait, and for what.
fn waiting(manager: &Manager, operation: Option<OperationId>, waiters: u32) -> String {
    let Some(operation) = operation else {
        return format!("{waiters:x}    nobody waits for a write");
    };
    match manager.source_of(operation) {
        Some(Source::PageFile(slot)) => {
            format!("{waiters:x}    reads page file {:x} from {:08x}", slot.file, slot.number)
        }
        Some(Source::File { section, page }) => {
            format!("{waiters:x}    reads the file of section {:x} from page {page:x}", section.0)
        }
        None => format!("{waiters:x}"),
    }
}

/// What the entry's shape is, in a few words.
fn headline(view: &FrameView) -> &'static str {
    match (view.shape, view.state) {
        (FrameShape::Active { .. }, _) if view.is_store => "Active: holds compressed pages",
        (FrameShape::Active { .. }, _) if view.is_large => "Active: part of a large page",
        (FrameShape::Active { .. }, _) if view.is_physical => {
            "Active: allocated by a program (AWE)"
        }
        (FrameShape::Active { .. }, _) => "Active and valid: in a working set",
        (FrameShape::InProgress { .. }, _) if view.is_reading => "Transition: being read",
        (FrameShape::InProgress { .. }, _) => "Transition: being written",
        (_, PageState::Standby) => "Standby: its copy lies elsewhere",
        (_, PageState::Modified) => "Modified: waits to be written",
        (_, PageState::ModifiedNoWrite) => "Modified-no-write: must not be written yet",
        (_, PageState::Zeroed) => "Zeroed: free, and all zeros",
        (_, PageState::Bad) => "Bad: has failed, and is not used",
        _ => "Free: with what its last owner left",
    }
}

fn link(frame: Option<Pfn>) -> String {
    frame.map_or_else(|| "--------".to_owned(), |frame| format!("{:08x}", frame.0))
}

/// Where a PTE stands: table and index.
fn pte_address(at: PteAddress) -> String {
    format!("{} (table {:x}, index {:03x})", address(at.0), at.0 >> 9, at.0 & 0x1ff)
}

/// The flags, a letter each as Windows' debugger has them, and a word.
fn flags(view: &FrameView) -> String {
    let found = [
        (view.is_modified, "M modified"),
        (view.is_reading, "R read in progress"),
        (view.is_writing, "W write in progress"),
        (matches!(view.owner, Some(PteOwner::Section { .. })), "P prototype"),
        (view.is_large, "L large"),
        (view.is_physical, "A physical"),
        (view.is_store, "S store"),
    ];
    let set: Vec<&str> = found.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
    if set.is_empty() { "no flags".to_owned() } else { set.join(", ") }
}

fn original(view: &FrameView) -> String {
    match view.original {
        Some(slot) => format!("page file {:x}, offset {:08x}", slot.file, slot.number),
        None if view.is_stored => "in the compression store".to_owned(),
        None if view.owner.is_none() => "none".to_owned(),
        None => "no copy elsewhere".to_owned(),
    }
}

fn owner<'n>(name: &dyn Fn(SpaceId) -> &'n str, view: &FrameView) -> String {
    match view.owner {
        Some(PteOwner::Space { space, page }) => {
            format!("process {:x} ({}), VA {}", space.0, name(space), address(page.address()))
        }
        Some(PteOwner::Section { section, page }) => {
            format!("section {:x}, page {page:x}", section.0)
        }
        None => "nobody".to_owned(),
    }
}
