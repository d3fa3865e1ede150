//! `!list` and `!pfnlist`: frames by list, and frames by what they are.

use memtide_core::PageState;
use memtide_core::lists::STANDBY_PRIORITIES;
use memtide_core::page::{Pfn, SpaceId};
use memtide_core::snapshot::{FrameView, PteOwner};

use super::arguments::{Arguments, below, frame, number, process};
use super::error::{KdError, usage};
use super::format::{Columns, address};
use super::target::Target;
use super::vm::state_named;
use super::working_set::tail;

/// Frames shown where nothing else is said.
const SHOWN: usize = 16;

/// What `!pfnlist` can be asked for, before the value.
pub(super) const FILTERS: [&str; 7] =
    ["state=", "process=", "section=", "priority=", "colour=", "modified", "from="];

pub(super) fn list(target: &Target, mut arguments: Arguments<'_>) -> Result<String, KdError> {
    let shown = arguments.count(SHOWN)?;
    let state = state(arguments.need("the list")?)?;
    let snapshot = target.manager().snapshot();
    let priority = match arguments.next() {
        Some(word) if state == PageState::Standby => Some(priority(word)?),
        Some(word) => {
            let name = state.word();
            return usage(format!("'{word}': only standby has priorities, and not {name}"));
        }
        None => None,
    };
    arguments.end()?;
    let fits = |view: &FrameView| priority.is_none_or(|wanted| view.priority == wanted);
    let all = snapshot.list(state).filter_map(|pfn| snapshot.frame(pfn)).filter(fits);
    Ok(table(target, all, shown))
}

pub(super) fn pfnlist(target: &Target, mut arguments: Arguments<'_>) -> Result<String, KdError> {
    let shown = arguments.count(SHOWN)?;
    let snapshot = target.manager().snapshot();
    let mut filter = Filter::default();
    while let Some(word) = arguments.next() {
        filter.add(target, word)?;
    }
    let numbers = filter.from.0..snapshot.frames();
    let all = numbers.filter_map(|number| snapshot.frame(Pfn(number)));
    Ok(table(target, all.filter(|view| filter.fits(view)), shown))
}

/// What holds for the frames that are shown.
struct Filter {
    state: Option<PageState>,
    process: Option<SpaceId>,
    section: Option<u32>,
    priority: Option<u8>,
    colour: Option<u32>,
    modified: bool,
    from: Pfn,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            state: None,
            process: None,
            section: None,
            priority: None,
            colour: None,
            modified: false,
            from: Pfn(0),
        }
    }
}

impl Filter {
    fn add(&mut self, target: &Target, word: &str) -> Result<(), KdError> {
        let snapshot = target.manager().snapshot();
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "state" => self.state = Some(state(value)?),
            "process" => self.process = Some(process(value, target)?),
            "section" => self.section = Some(u32::try_from(number(value)?).unwrap_or(u32::MAX)),
            "priority" => self.priority = Some(priority(value)?),
            "colour" | "color" => {
                let found = below(value, "colour", u64::from(snapshot.colours()))?;
                self.colour = u32::try_from(found).ok();
            }
            "modified" if value.is_empty() => self.modified = true,
            "from" => self.from = frame(value, &snapshot)?,
            _ => return usage(format!("'{word}': expected {}", FILTERS.join(", "))),
        }
        Ok(())
    }

    fn fits(&self, view: &FrameView) -> bool {
        let (space, section) = match view.owner {
            Some(PteOwner::Space { space, .. }) => (Some(space), None),
            Some(PteOwner::Section { section, .. }) => (None, Some(section.0)),
            None => (None, None),
        };
        self.state.is_none_or(|wanted| view.state == wanted)
            && (self.process.is_none() || self.process == space)
            && (self.section.is_none() || self.section == section)
            && self.priority.is_none_or(|wanted| view.priority == wanted)
            && self.colour.is_none_or(|wanted| view.colour == wanted)
            && (!self.modified || view.is_modified)
    }
}

fn state(name: &str) -> Result<PageState, KdError> {
    let names = PageState::ALL.map(PageState::word).join(", ");
    state_named(name)
        .ok_or_else(|| KdError::Usage(format!("there is no list '{name}': expected {names}")))
}

fn priority(text: &str) -> Result<u8, KdError> {
    let count = u64::try_from(STANDBY_PRIORITIES).unwrap_or(u64::MAX);
    Ok(u8::try_from(below(text, "priority", count)?).unwrap_or(u8::MAX))
}

fn table(target: &Target, frames: impl Iterator<Item = FrameView>, shown: usize) -> String {
    let titles = ["pfn", "state", "priority", "colour", "ref", "flags", "belongs to"];
    let mut columns = Columns::new(&titles, &[1, 5, 6]);
    let mut all = 0;
    for view in frames {
        if all < shown {
            columns.row(row(target, &view));
        }
        all += 1;
    }
    let rows = if columns.is_empty() { String::new() } else { columns.to_string() };
    rows + &tail(all, shown, "frames")
}

fn row(target: &Target, view: &FrameView) -> Vec<String> {
    let flags = [
        (view.is_modified, 'M'),
        (view.is_reading, 'R'),
        (view.is_writing, 'W'),
        (view.is_large, 'L'),
        (view.is_physical, 'A'),
        (view.is_store, 'S'),
    ];
    let owner = match view.owner {
        Some(PteOwner::Space { space, page }) => {
            format!("{:x} ({}) {}", space.0, target.name(space), address(page.address()))
        }
        Some(PteOwner::Section { section, page }) => format!("section {:x} +{page:x}", section.0),
        None => String::new(),
    };
    vec![
        format!("{:x}", view.frame.0),
        view.state.word().to_owned(),
        view.priority.to_string(),
        format!("{:x}", view.colour),
        view.reference_count.to_string(),
        flags.iter().filter(|(set, _)| *set).map(|(_, letter)| *letter).collect(),
        owner,
    ]
}
