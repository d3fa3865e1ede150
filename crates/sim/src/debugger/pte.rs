//! `!pte`: the walk from a virtual address to a physical one.

use memtide_core::Stored;
use memtide_core::page::{PAGE_SIZE, SpaceId};
use memtide_core::snapshot::{PteView, WalkStep};

use super::arguments::{Arguments, number, process};
use super::error::{KdError, usage};
use super::format::{Columns, address, protection, rights};
use super::target::Target;

/// The names of the levels, from the page table up.
const LEVELS: [&str; 4] = ["PTE", "PDE", "PPE", "PXE"];

pub(super) fn pte(
    target: &Target,
    context: Result<SpaceId, KdError>,
    mut arguments: Arguments<'_>,
) -> Result<String, KdError> {
    let va = number(arguments.need("the address")?)?;
    let space = match arguments.next() {
        Some(word) => process(word, target)?,
        None => context?,
    };
    arguments.end()?;
    let walk = match target.manager().snapshot().walk(space, va) {
        Ok(walk) => walk,
        Err(refusal) => return usage(refusal.to_string()),
    };
    let mut text =
        format!("VA {}    process {:x} ({})\n\n", address(va), space.0, target.name(space));
    text += &levels(va, &walk.steps).to_string();
    if let Some(last) = walk.steps.last().filter(|step| step.level > 0) {
        let name = LEVELS.get(usize::from(last.level)).copied().unwrap_or("?");
        text += &format!("the {name} is zero: there is no table below it yet\n");
    }
    text += &format!("\n{}\n", view(&walk.pte));
    if let Some(prototype) = walk.prototype {
        text += &format!("prototype PTE: {}\n", view(&prototype));
    }
    let offset = va % PAGE_SIZE;
    text += &match walk.physical {
        Some(physical) => format!(
            "VA {} is PA {}: frame {:x}, offset {offset:03x}\n",
            address(va),
            address(physical),
            physical / PAGE_SIZE
        ),
        None => format!("VA {} has no physical address now\n", address(va)),
    };
    Ok(text)
}

fn levels(va: u64, steps: &[WalkStep]) -> Columns {
    let titles = ["level", "bits", "index", "table", "at", "contains"];
    let mut columns = Columns::new(&titles, &[0, 1]);
    for step in steps {
        let low = 12 + 9 * u32::from(step.level);
        let name = LEVELS.get(usize::from(step.level)).copied().unwrap_or("?");
        debug_assert_eq!(u64::from(step.index), va >> low & 0x1ff);
        columns.row(vec![
            name.to_owned(),
            format!("{}-{low}", low + 8),
            format!("{:03x}", step.index),
            format!("{:x}", step.table),
            address(u64::from(step.table) << 9 | u64::from(step.index)),
            address(step.word),
        ]);
    }
    columns
}

/// What a PTE says.
pub(super) fn view(pte: &PteView) -> String {
    match *pte {
        PteView::Zero => "zero: not allocated, or only reserved".to_owned(),
        PteView::Valid { frame, rights: found, is_accessed, is_dirty, is_shared, is_pinned } => {
            let letter = |is_set, letter| if is_set { letter } else { '-' };
            let flags: String = [
                letter(is_accessed, 'A'),
                letter(is_dirty, 'D'),
                letter(is_shared, 'S'),
                letter(is_pinned, 'P'),
            ]
            .iter()
            .collect();
            format!("pfn {:x}  {}{flags}V  valid", frame.0, rights(found))
        }
        PteView::Transition { frame } => format!("pfn {:x}  in transition", frame.0),
        PteView::PageFile(slot) => {
            format!("in page file {:x} at offset {:08x}", slot.file, slot.number)
        }
        PteView::Stored(Stored::Bytes { frame, offset, bytes }) => format!(
            "in the compression store: frame {:x}, offset {offset:03x}, {bytes:x} bytes",
            frame.0
        ),
        PteView::Stored(Stored::Same(word)) => {
            format!("in the compression store: the word {} over and over", address(word))
        }
        PteView::DemandZero(found) => format!("demand zero, {}", protection(found)),
        PteView::Prototype { section, page } => {
            format!("prototype: section {:x}, page {page:x}", section.0)
        }
        PteView::File { section, page } => {
            format!("in the file of section {:x}, page {page:x}", section.0)
        }
        PteView::Lost => "lost: its contents could not be had back".to_owned(),
    }
}
