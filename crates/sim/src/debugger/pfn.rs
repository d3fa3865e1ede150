//! `!pfn`: an entry of the PFN database, in one of its four shapes.

use memtide_core::page::{Pfn, SpaceId};
use memtide_core::snapshot::{FrameShape, FrameView, PteOwner};
use memtide_core::{Manager, PageState, PteAddress, Source};

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
    let shape = match view.shape {
        FrameShape::Active { working_set_index, share_count } if view.is_store => {
            format!("held by the compression store    slots {working_set_index:x}, {share_count:x}")
        }
        FrameShape::Active { working_set_index, share_count } => {
            format!("ws index {working_set_index:08x}    share count {share_count:08x}")
        }
        FrameShape::Listed { next, previous } => {
            format!("flink    {}    blink       {}", link(next), link(previous))
        }
        FrameShape::Free { next_of_colour, previous_of_colour } => {
            let (next, previous) = (link(next_of_colour), link(previous_of_colour));
            format!("colour flink {next}    colour blink {previous}")
        }
        FrameShape::InProgress { operation, waiters } => in_progress(manager, operation, waiters),
    };
    let pte = view.pte_address.map_or_else(|| "none".to_owned(), pte_address);
    let (references, colour, priority) = (view.reference_count, view.colour, view.priority);
    let mut lines = format!("    PFN {:08x}    {}\n", view.frame.0, headline(view));
    lines += &format!("    {shape}    pteaddress {pte}\n");
    lines += &format!(
        "    reference count {references:04x}    colour {colour:x}    priority {priority}    {}\n",
        flags(view)
    );
    lines += &format!("    original pte  {}\n", original(view));
    lines + &format!("    owner         {}\n", owner(name, view))
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

fn in_progress(
    manager: &Manager,
    operation: Option<memtide_core::OperationId>,
    waiters: u32,
) -> String {
    let Some(operation) = operation else {
        return "event: none, for nobody waits for a write".to_owned();
    };
    let from = match manager.source_of(operation) {
        Some(Source::PageFile(slot)) => {
            format!("page file {:x}, offset {:x}", slot.file, slot.number)
        }
        Some(Source::File { section, page }) => format!("section {:x}, page {page:x}", section.0),
        None => "the store".to_owned(),
    };
    format!("event: operation {:x} from {from}    waiters {waiters:x}", operation.0)
}

pub(super) fn link(frame: Option<Pfn>) -> String {
    frame.map_or_else(|| "--------".to_owned(), |frame| format!("{:08x}", frame.0))
}

/// Where a PTE stands: table and index.
pub(super) fn pte_address(at: PteAddress) -> String {
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
