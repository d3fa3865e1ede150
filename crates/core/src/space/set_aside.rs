//! What faults need is set aside by the calls that make them possible, so that faults allocate
//! nothing: a thread may fault where it holds its allocator's lock, and another that holds the
//! manager's must not wait for that lock either.
//!
//! Only where [`waiters_max`](crate::Policy::waiters_max) asks for it. What is set aside is room
//! in vectors, which takes addresses but no memory before it is used.
//!
//! # Invariants
//! - The tables of all pages that may be touched have room in the arena; so have working-set
//!   entries, store entries, operations, waiters, and the outputs of taking everything out of all
//!   working sets.

use core::ops::Range;

use crate::manager::Manager;
use crate::page::{SectionId, SpaceId, narrow};
use crate::space::page_table::most_tables_of;
use crate::space::region::RegionKind;

/// What is set aside for something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct SetAside {
    /// Pages that may be resident.
    pub(crate) pages: u64,
    /// Page tables.
    pub(crate) tables: u64,
}

impl SetAside {
    /// For pages of one range.
    fn of(range: &Range<u64>) -> Self {
        Self { pages: range.end - range.start, tables: most_tables_of(range) }
    }

    const fn plus(self, other: Self) -> Self {
        Self { pages: self.pages + other.pages, tables: self.tables + other.tables }
    }

    const fn minus(self, other: Self) -> Self {
        Self { pages: self.pages - other.pages, tables: self.tables - other.tables }
    }

    fn at_most(self, most: Self) -> Self {
        Self { pages: self.pages.min(most.pages), tables: self.tables.min(most.tables) }
    }
}

/// Outputs of an input beyond those about the pages of working sets.
const OUTPUTS: u64 = 4096;

impl Manager {
    pub(crate) const fn sets_aside(&self) -> bool {
        self.config.policy.waiters_max > 0
    }

    /// Sets aside what faults need whatever is touched.
    pub(crate) fn set_aside_for_all(&mut self) {
        if !self.sets_aside() {
            return;
        }
        let policy = &self.config.policy;
        let files = narrow(self.config.page_files.len());
        let operations = policy.reads_max.saturating_add(policy.writes_max).saturating_add(files);
        let waiters = policy.waiters_max as usize;
        self.operations.reserve(operations.min(self.config.frames), waiters);
        self.waiting.reserve(waiters);
        self.page_files.reserve();
        self.scratch.reserve(policy.cluster_max() as usize);
        self.make_room_for_all();
    }

    /// Sets aside what faults on pages of a region need.
    pub(crate) fn set_aside(&mut self, space: SpaceId, number: u32, pages: &Range<u64>) {
        if !self.sets_aside() {
            return;
        }
        let holder = self.spaces.get_mut(space);
        let region = holder.region_mut(number);
        let before = region.set_aside;
        region.set_aside = before.plus(SetAside::of(pages)).at_most(SetAside::of(&region.range()));
        let more = region.set_aside.minus(before);
        let place = place_of(region.kind);
        holder.set_aside[place] = holder.set_aside[place].plus(more);
        self.set_aside[place] = self.set_aside[place].plus(more);
        let entries = entries_of(&holder.set_aside, self.config.frames);
        holder.working_set.reserve(entries, holder.set_aside[VIEWS].pages);
        self.make_room_for_all();
    }

    /// Sets aside what faults on pages of a section need.
    pub(crate) fn set_aside_for_section(&mut self, id: SectionId) {
        if !self.sets_aside() {
            return;
        }
        let section = self.sections.get_mut(id);
        section.set_aside = SetAside { pages: section.pages, tables: section.tables.len() as u64 };
        self.set_aside[PRIVATE] = self.set_aside[PRIVATE].plus(section.set_aside);
        self.make_room_for_all();
    }

    /// A region is gone, and its faults.
    pub(crate) fn let_go_of_region(&mut self, space: SpaceId, kind: RegionKind, less: SetAside) {
        let place = place_of(kind);
        let holder = self.spaces.get_mut(space);
        holder.set_aside[place] = holder.set_aside[place].minus(less);
        self.set_aside[place] = self.set_aside[place].minus(less);
    }

    /// A section is gone.
    pub(crate) fn let_go_of_section(&mut self, less: SetAside) {
        self.set_aside[PRIVATE] = self.set_aside[PRIVATE].minus(less);
    }

    /// Makes room for what all spaces and sections may need together.
    fn make_room_for_all(&mut self) {
        let tables = self.set_aside.iter().map(|of| of.tables).sum::<u64>();
        self.tables.reserve(tables + u64::from(self.spaces.end()));
        // A page may leave a working set and another take its frame.
        let entries = entries_of(&self.set_aside, self.config.frames);
        let outputs = crate::page::wide(2 * entries + OUTPUTS);
        self.outputs.reserve(outputs.saturating_sub(self.outputs.len()));
        if let Some(store) = &mut self.store {
            store.reserve(self.set_aside.iter().map(|of| of.pages).sum());
        }
    }
}

/// The place among what is set aside of private pages, and of sections' own.
const PRIVATE: usize = 0;

/// The place of views.
const VIEWS: usize = 1;

const fn place_of(kind: RegionKind) -> usize {
    match kind {
        RegionKind::View { .. } => VIEWS,
        RegionKind::Private | RegionKind::LargePages | RegionKind::Physical => PRIVATE,
    }
}

/// The most working-set entries: a frame has one private page, and any number of views map it.
fn entries_of(set_aside: &[SetAside; 2], frames: u32) -> u64 {
    set_aside[PRIVATE].pages.min(u64::from(frames)) + set_aside[VIEWS].pages
}
