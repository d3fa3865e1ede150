//! `!memusage`: the physical pages by list, and by whom they belong to.

use std::collections::BTreeMap;

use memtide_core::page::{PAGE_SIZE, Pfn};
use memtide_core::snapshot::{FrameView, PteOwner, SectionView};
use memtide_core::{Backing, PageState};

use super::arguments::Arguments;
use super::error::KdError;
use super::format::{Columns, pages};
use super::target::Target;

/// Whom a page belongs to; in the order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    Process(u32),
    Section(u32),
    Store,
}

/// Pages of one holder.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    valid: u64,
    standby: u64,
    modified: u64,
    transition: u64,
}

impl Usage {
    const fn add(&mut self, view: &FrameView) {
        match view.state {
            PageState::Active => self.valid += 1,
            PageState::Standby => self.standby += 1,
            PageState::Modified | PageState::ModifiedNoWrite => self.modified += 1,
            PageState::Transition => self.transition += 1,
            PageState::Zeroed | PageState::Free | PageState::Bad => {}
        }
    }
}

pub(super) fn memusage(target: &Target, arguments: &Arguments<'_>) -> Result<String, KdError> {
    arguments.end()?;
    let snapshot = target.manager().snapshot();
    let mut counts = [0u64; PageState::COUNT];
    let mut usage: BTreeMap<Holder, Usage> = BTreeMap::new();
    for view in (0..snapshot.frames()).filter_map(|number| snapshot.frame(Pfn(number))) {
        counts[view.state as usize] += 1;
        let holder = match view.owner {
            Some(PteOwner::Space { space, .. }) => Holder::Process(space.0),
            Some(PteOwner::Section { section, .. }) => Holder::Section(section.0),
            None if view.is_store => Holder::Store,
            None => continue,
        };
        usage.entry(holder).or_default().add(&view);
    }
    let mut text = String::new();
    for (state, count) in PageState::ALL.into_iter().zip(counts) {
        text += &format!("    {:>18}: {}\n", state.word(), pages(count));
    }
    text += &format!("    {:>18}: {}\n\n", "total", pages(u64::from(snapshot.frames())));
    Ok(text + &holders(target, &usage).to_string())
}

fn holders(target: &Target, usage: &BTreeMap<Holder, Usage>) -> Columns {
    let sections: BTreeMap<u32, SectionView> =
        target.manager().snapshot().sections().map(|view| (view.section.0, view)).collect();
    let titles = ["valid", "standby", "modified", "transition", "belongs to"];
    let mut columns = Columns::new(&titles, &[4]);
    for (holder, usage) in usage {
        let kilobytes = |pages: u64| format!("{} Kb", pages * PAGE_SIZE / 1024);
        let name = match holder {
            Holder::Process(space) => {
                let name = target.name(memtide_core::page::SpaceId(*space));
                format!("process {space:x} ({name})")
            }
            Holder::Section(section) => match sections.get(section) {
                Some(SectionView { backing: Backing::File, .. }) => {
                    format!("section {section:x}, of a file")
                }
                _ => format!("section {section:x}, of the page file"),
            },
            Holder::Store => "the compression store".to_owned(),
        };
        let numbers = [usage.valid, usage.standby, usage.modified, usage.transition];
        columns.row(numbers.map(kilobytes).into_iter().chain([name]).collect());
    }
    columns
}
