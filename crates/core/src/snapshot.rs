//! What a viewer or a debugger sees: a cheap, read-only look at everything.

use alloc::vec::Vec;

use crate::commit::Commit;
use crate::counters::Counters;
use crate::exception::Exception;
use crate::manager::Manager;
use crate::operation::{OperationId, Source};
use crate::output::Stored;
use crate::page::{Access, PAGE_SHIFT, PAGE_SIZE, Pfn, SectionId, SpaceId, Vpn};
use crate::pfn::{Entry, Flag, PageState, PteAddress};
use crate::pools::{Pool, PoolAllocation, PoolAllocationId, PoolKind};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::section::Backing;
use crate::space::page_table::Owner;
use crate::space::pte::{ACCESSED, DIRTY, Pte, Rights, Slot, Valid};
use crate::space::region::{PageUse, RegionKind};
use crate::working_set::Limits;
use crate::working_set::list::Queue;

/// A PTE, as `!pte` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PteView {
    /// Nothing: no region, or a page that is only reserved.
    Zero,
    /// The page is resident.
    Valid {
        /// Its frame.
        frame: Pfn,
        /// What passes without a fault.
        rights: Rights,
        /// Whether it was used since the bit was last taken.
        is_accessed: bool,
        /// Whether it was written since it was mapped.
        is_dirty: bool,
        /// Whether the frame is a section's.
        is_shared: bool,
        /// Whether it is never trimmed: a large or a physical page.
        is_pinned: bool,
    },
    /// The page is in a frame that no working set holds.
    Transition {
        /// The frame.
        frame: Pfn,
    },
    /// The page is in a page file.
    PageFile(Slot),
    /// The page is in the compression store.
    Stored(Stored),
    /// The first access gets zeros.
    DemandZero(Protection),
    /// The section's prototype PTE says where the page is.
    Prototype {
        /// The section.
        section: SectionId,
        /// Its page.
        page: u64,
    },
    /// The page is in the file of its section.
    File {
        /// The section.
        section: SectionId,
        /// Its page.
        page: u64,
    },
    /// The page's contents are lost.
    Lost,
}

/// Whose PTE a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PteOwner {
    /// A page of a space.
    Space {
        /// The space.
        space: SpaceId,
        /// Its page.
        page: Vpn,
    },
    /// A page of a section: the PTE is a prototype PTE.
    Section {
        /// The section.
        section: SectionId,
        /// Its page.
        page: u64,
    },
}

/// An entry of the PFN database, in the shape of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameShape {
    /// In a working set, or held by the manager.
    Active {
        /// The index in the working set of the first process that made it valid.
        working_set_index: u32,
        /// How many PTEs map it.
        share_count: u32,
    },
    /// On the standby, modified or modified-no-write list.
    Listed {
        /// The next frame on the list.
        next: Option<Pfn>,
        /// The frame before.
        previous: Option<Pfn>,
    },
    /// On the zeroed, free or bad list.
    Free {
        /// The next frame of its colour.
        next_of_colour: Option<Pfn>,
        /// The frame of its colour before.
        previous_of_colour: Option<Pfn>,
    },
    /// I/O is in progress.
    InProgress {
        /// The operation whose end the waiting threads wait for; `None` for a write.
        operation: Option<OperationId>,
        /// How many threads wait.
        waiters: u32,
    },
}

/// A frame, as `!pfn` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FrameView {
    /// Which frame.
    pub frame: Pfn,
    /// Where it is.
    pub state: PageState,
    /// What its entry holds besides.
    pub shape: FrameShape,
    /// References: one for being mapped, one for a write in progress.
    pub reference_count: u16,
    /// Whose page it holds.
    pub owner: Option<PteOwner>,
    /// The address of its PTE.
    pub pte_address: Option<PteAddress>,
    /// What its PTE says once the frame is taken: where its copy is.
    pub original: Option<Slot>,
    /// Whether its copy is in the compression store.
    pub is_stored: bool,
    /// Its priority, 0 to 7.
    pub priority: u8,
    /// Its colour.
    pub colour: u32,
    /// Whether its bytes differ from every copy.
    pub is_modified: bool,
    /// Whether it is being written.
    pub is_writing: bool,
    /// Whether it is being read.
    pub is_reading: bool,
    /// Whether it holds compressed pages.
    pub is_store: bool,
    /// Whether a program allocated it (AWE).
    pub is_physical: bool,
    /// Whether it is part of a large page.
    pub is_large: bool,
}

/// One step of a walk through the page tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WalkStep {
    /// 3 for the root, 0 for the page table.
    pub level: u8,
    /// The table, by its number.
    pub table: u32,
    /// The index in it: nine bits of the address.
    pub index: u16,
    /// The word there.
    pub word: u64,
}

/// The walk of an address, virtual to physical, as `!pte` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The steps, from the root down, as far as there are tables.
    pub steps: Vec<WalkStep>,
    /// What the PTE says.
    pub pte: PteView,
    /// What the section's prototype PTE says, where the PTE refers to it.
    pub prototype: Option<PteView>,
    /// The physical address, where the page is resident.
    pub physical: Option<u64>,
}

/// A region, as `!vad` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionView {
    /// Its base, in bytes.
    pub base: u64,
    /// Its size, in bytes.
    pub bytes: u64,
    /// What kind of memory it is.
    pub kind: RegionKind,
    /// The protection it was allocated with.
    pub protection: Protection,
    /// Its commit charge, in pages.
    pub charge: u64,
    /// The level of its descriptor in the tree, 0 for the root.
    pub level: u32,
    /// Whether it notes writes.
    pub has_write_watch: bool,
    /// What its pages are: first page counted from the base, number of pages, what they are.
    pub uses: Vec<(u64, u64, PageUse)>,
}

/// An entry of a working set, as `!ws` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WorkingSetEntry {
    /// Its index.
    pub index: u32,
    /// The page.
    pub page: Vpn,
    /// The frame.
    pub frame: Pfn,
    /// 0, used just now, to 7.
    pub age: u8,
    /// Whether it is locked.
    pub is_locked: bool,
    /// Whether it came in for the first time and was not used since.
    pub is_newcomer: bool,
    /// Whether the frame is a section's.
    pub is_shared: bool,
    /// Whether it was written since it was mapped.
    pub is_dirty: bool,
}

/// A space, as `!process` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceView {
    /// Which space.
    pub space: SpaceId,
    /// Pages in its working set.
    pub working_set: u32,
    /// The most there ever were.
    pub working_set_peak: u32,
    /// Locked pages.
    pub locked: u32,
    /// The limits.
    pub limits: Limits,
    /// Pages of its working set by age.
    pub ages: [u32; 8],
    /// Its private commit charge, in pages.
    pub commit: u64,
    /// Regions.
    pub regions: usize,
    /// Page tables, the root included.
    pub page_tables: u64,
    /// Physical pages that it allocated (AWE).
    pub physical: usize,
    /// The priority of its pages.
    pub priority: u8,
    /// What happened to it.
    pub counters: Counters,
}

/// A section, as a viewer shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SectionView {
    /// Which section.
    pub section: SectionId,
    /// Its size, in pages.
    pub pages: u64,
    /// Where its pages come from.
    pub backing: Backing,
    /// The most that views may do.
    pub protection: Protection,
    /// Views that map it.
    pub views: u32,
    /// Its pages in memory, in any state.
    pub resident: u64,
    /// Its commit charge, in pages.
    pub charge: u64,
}

/// A page file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PageFileView {
    /// Which one.
    pub file: u8,
    /// Its size, in pages.
    pub size: u32,
    /// The most it may have.
    pub maximum: u32,
    /// Slots in use.
    pub used: u32,
    /// Slots that failed.
    pub bad: u32,
}

/// The compression store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct StoreView {
    /// Frames that it holds.
    pub frames: u32,
    /// The most it may hold.
    pub frames_max: u32,
    /// Pages in it.
    pub pages: u32,
    /// Bytes that they take, rounded to its classes.
    pub bytes: u64,
    /// Pages that it ever took.
    pub stored: u64,
}

/// A look at a manager.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    manager: &'a Manager,
}

impl Manager {
    /// A look at everything; it costs nothing until something is asked.
    #[must_use]
    pub const fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { manager: self }
    }

    /// What has happened so far, in all spaces.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }
}

impl Snapshot<'_> {
    /// How many frames there are.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.manager.frames.len()
    }

    /// How many colours they have.
    #[must_use]
    pub const fn colours(&self) -> u32 {
        self.manager.frames.colours()
    }

    /// A frame; `None` where there is none of that number.
    #[must_use]
    pub fn frame(&self, frame: Pfn) -> Option<FrameView> {
        if frame.0 >= self.frames() {
            return None;
        }
        let entry = self.manager.frames.entry(frame);
        let has_page = entry.pte() != PteAddress::NONE;
        let original = Pte::unpacked(entry.original());
        let keeps_copy = has_page && !entry.has(Flag::Physical);
        Some(FrameView {
            frame,
            state: entry.state(),
            shape: self.shape(frame, &entry),
            reference_count: entry.references(),
            owner: has_page.then(|| self.owner(entry.pte())),
            pte_address: has_page.then(|| entry.pte()),
            original: match original {
                Pte::PageFile(slot) if keeps_copy => Some(slot),
                _ => None,
            },
            is_stored: keeps_copy && matches!(original, Pte::Store(_)),
            priority: entry.priority(),
            colour: self.manager.frames.colour_of(frame),
            is_modified: entry.has(Flag::Modified),
            is_writing: entry.has(Flag::Writing),
            is_reading: entry.has(Flag::Reading),
            is_store: entry.has(Flag::Store),
            is_physical: entry.has(Flag::Physical),
            is_large: entry.has(Flag::Large),
        })
    }

    fn shape(&self, frame: Pfn, entry: &Entry) -> FrameShape {
        let frames = &self.manager.frames;
        let (next, previous) = (frames.next_on_list(frame), frames.previous_on_list(frame));
        match entry.state() {
            PageState::Active => {
                FrameShape::Active { working_set_index: entry.low(), share_count: entry.high() }
            }
            PageState::Standby | PageState::Modified | PageState::ModifiedNoWrite => {
                FrameShape::Listed { next, previous }
            }
            PageState::Zeroed | PageState::Free | PageState::Bad => {
                FrameShape::Free { next_of_colour: next, previous_of_colour: previous }
            }
            PageState::Transition => {
                let operation = OperationId(entry.low());
                let read = entry.has(Flag::Reading).then_some(operation);
                let found = read.map(|id| self.manager.operations.waiters_of(id));
                let waiters = found.map_or(0, crate::page::narrow);
                FrameShape::InProgress { operation: read, waiters }
            }
        }
    }

    fn owner(&self, pte: PteAddress) -> PteOwner {
        match self.manager.tables.owner(pte) {
            (Owner::Space(space), page) => PteOwner::Space { space, page: Vpn(page) },
            (Owner::Section(section), page) => PteOwner::Section { section, page },
        }
    }

    /// The walk of an address.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`] for a space that is not there.
    pub fn walk(&self, space: SpaceId, address: u64) -> Result<Walk, Refusal> {
        self.manager.known_space(space)?;
        let page = address >> PAGE_SHIFT;
        let space = self.manager.behind(space, page);
        let holder = self.manager.spaces.get(space);
        let path = self.manager.tables.path(holder.root, page);
        let levels = (0..crate::space::page_table::LEVELS).rev();
        let step = |(level, (table, index, word)): (u8, (u32, usize, u64))| {
            let index = u16::try_from(index).unwrap_or_default();
            WalkStep { level, table, index, word }
        };
        let steps: Vec<WalkStep> = levels.zip(path).map(step).collect();
        let pte = self.pte_at(space, page);
        let prototype = match pte {
            PteView::Prototype { section, page } => Some(self.prototype(section, page)),
            _ => None,
        };
        let physical = match pte {
            PteView::Valid { frame, .. } => {
                Some((u64::from(frame.0) << PAGE_SHIFT) + address % PAGE_SIZE)
            }
            _ => None,
        };
        Ok(Walk { steps, pte, prototype, physical })
    }

    /// What a PTE of a space says.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`] for a space that is not there.
    pub fn pte(&self, space: SpaceId, address: u64) -> Result<PteView, Refusal> {
        self.manager.known_space(space)?;
        let page = address >> PAGE_SHIFT;
        Ok(self.pte_at(self.manager.behind(space, page), page))
    }

    fn pte_at(&self, space: SpaceId, page: u64) -> PteView {
        let root = self.manager.spaces.get(space).root;
        let word = self.manager.tables.peek(root, page).map(|p| self.manager.tables.get(p));
        self.view_of(space, page, word.unwrap_or(Pte::None))
    }

    fn view_of(&self, space: SpaceId, page: u64, pte: Pte) -> PteView {
        if !matches!(pte, Pte::None | Pte::Gone) {
            return self.plain(pte);
        }
        let holder = self.manager.spaces.get(space);
        let Some(number) = holder.region_at(page) else { return PteView::Zero };
        let page_use = self.manager.page_use(space, number, page);
        match (holder.region(number).section_page(page), page_use.protection()) {
            (_, None) => PteView::Zero,
            (Some((section, page)), _) => PteView::Prototype { section, page },
            (None, Some(protection)) => PteView::DemandZero(protection),
        }
    }

    fn plain(&self, pte: Pte) -> PteView {
        match pte {
            Pte::None | Pte::Gone => PteView::Zero,
            Pte::Valid(valid) => valid_view(valid),
            Pte::Transition(frame) => PteView::Transition { frame },
            Pte::PageFile(slot) => PteView::PageFile(slot),
            Pte::Store(entry) => match &self.manager.store {
                Some(store) => PteView::Stored(store.stored_at(entry)),
                None => PteView::Zero,
            },
            Pte::Lost(_) => PteView::Lost,
        }
    }

    /// What the prototype PTE of a section's page says.
    #[must_use]
    pub fn prototype(&self, id: SectionId, page: u64) -> PteView {
        let Some(section) = self.manager.sections.find(id) else { return PteView::Zero };
        if page >= section.pages || !section.is_committed(page) {
            return PteView::Zero;
        }
        let table = section.table(page / 512);
        let address =
            table.map(|table| crate::space::page_table::join(table, crate::page::wide(page % 512)));
        match (address.map(|a| self.manager.tables.get(a)), section.backing) {
            (None | Some(Pte::None), Backing::PageFile) => PteView::DemandZero(section.protection),
            (None | Some(Pte::None), Backing::File) => PteView::File { section: id, page },
            (Some(pte), _) => self.plain(pte),
        }
    }

    /// The regions of a space, in ascending order.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn regions(&self, space: SpaceId) -> Result<Vec<RegionView>, Refusal> {
        let holder = self.manager.known_space(space)?;
        let view = |region: &crate::space::region::Region| RegionView {
            base: region.first << PAGE_SHIFT,
            bytes: crate::page::bytes(region.pages),
            kind: region.kind,
            protection: region.protection,
            charge: region.charge.pages(),
            level: holder.descriptors.depth_of(region.granules().start).unwrap_or(0),
            has_write_watch: region.write_watch.is_some(),
            uses: region
                .uses
                .iter(0..region.pages)
                .map(|(run, page)| (run.start, run.end - run.start, page))
                .collect(),
        };
        Ok(holder.regions().map(|(_, region)| view(region)).collect())
    }

    /// The working set of a space, in the order of its indices.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn working_set(&self, space: SpaceId) -> Result<Vec<WorkingSetEntry>, Refusal> {
        let list = &self.manager.known_space(space)?.working_set;
        let entry = |(index, pte): (u32, PteAddress)| {
            let Pte::Valid(valid) = self.manager.tables.get(pte) else { return None };
            Some(WorkingSetEntry {
                index,
                page: Vpn(self.manager.tables.owner(pte).1),
                frame: valid.pfn(),
                age: list.age(index),
                is_locked: list.queue(index) == Some(Queue::Locked),
                is_newcomer: list.queue(index) == Some(Queue::Probation),
                is_shared: valid.is_shared(),
                is_dirty: valid.has(DIRTY),
            })
        };
        Ok(list.iter().filter_map(entry).collect())
    }

    /// A space.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn space(&self, space: SpaceId) -> Result<SpaceView, Refusal> {
        let holder = self.manager.known_space(space)?;
        let regions = holder.regions().map(|(_, region)| region.charge.pages()).sum::<u64>();
        Ok(SpaceView {
            space,
            working_set: holder.working_set.len(),
            working_set_peak: holder.working_set_peak,
            locked: holder.working_set.len_of(Queue::Locked),
            limits: holder.limits,
            ages: *holder.working_set.ages(),
            commit: regions + holder.physical_charge.pages(),
            regions: holder.descriptors.len(),
            page_tables: holder.tables + 1,
            physical: holder.physical.len(),
            priority: holder.priority,
            counters: holder.counters,
        })
    }

    /// The spaces, in the order of their numbers.
    pub fn spaces(&self) -> impl Iterator<Item = SpaceId> {
        let hidden = self.manager.shared_area;
        self.manager.spaces.iter().map(|(id, _)| id).filter(move |id| Some(*id) != hidden)
    }

    /// The sections, in the order of their numbers.
    pub fn sections(&self) -> impl Iterator<Item = SectionView> {
        self.manager.sections.iter().map(|(section, found)| SectionView {
            section,
            pages: found.pages,
            backing: found.backing,
            protection: found.protection,
            views: found.views,
            resident: found.frames,
            charge: found.charge.pages(),
        })
    }

    /// The frames on a list, in their order: for standby, the lowest priority first;
    /// for modified, what goes to a page file first. Zeroed and
    /// free frames are on lists by colour: the frames of that state in the order of their numbers.
    pub fn list(&self, state: PageState) -> impl Iterator<Item = Pfn> {
        let frames = &self.manager.frames;
        let heads: Vec<Pfn> = match state {
            PageState::Standby => (0..8).filter_map(|p| frames.standby_head(p)).collect(),
            PageState::Modified => {
                [false, true].into_iter().filter_map(|file| frames.modified_frame(file)).collect()
            }
            PageState::ModifiedNoWrite => frames.modified_no_write_frame().into_iter().collect(),
            _ => Vec::new(),
        };
        let is_linked =
            matches!(state, PageState::Standby | PageState::Modified | PageState::ModifiedNoWrite);
        let linked = heads.into_iter().flat_map(move |head| {
            core::iter::successors(Some(head), move |pfn| frames.next_on_list(*pfn))
        });
        let all = if is_linked { 0 } else { self.frames() };
        let others = (0..all).map(Pfn).filter(move |pfn| frames.entry(*pfn).state() == state);
        linked.chain(others)
    }

    /// The commit charge and its limits, in pages.
    #[must_use]
    pub const fn commit(&self) -> Commit {
        self.manager.commit
    }

    /// A pool.
    #[must_use]
    pub const fn pool(&self, kind: PoolKind) -> Pool {
        *self.manager.pools.get(kind)
    }

    /// What others than the manager hold of the pools.
    pub fn pool_allocations(&self) -> impl Iterator<Item = (PoolAllocationId, PoolAllocation)> {
        self.manager.pools.allocations()
    }

    /// The page files.
    pub fn page_files(&self) -> impl Iterator<Item = PageFileView> {
        self.manager.page_files.iter().map(|(file, found)| PageFileView {
            file,
            size: found.slots.size(),
            maximum: found.maximum,
            used: found.slots.used(),
            bad: found.slots.bad(),
        })
    }

    /// The compression store; all zeros where there is none.
    #[must_use]
    pub fn store(&self) -> StoreView {
        self.manager.store.as_ref().map_or(StoreView::default(), |store| StoreView {
            frames: store.frames(),
            frames_max: store.frames_max(),
            pages: store.pages(),
            bytes: store.bytes(),
            stored: store.stored(),
        })
    }

    /// The operations in progress, with their source and how many threads wait for each.
    pub fn operations(&self) -> impl Iterator<Item = (OperationId, Option<Source>, usize)> {
        let all = self.manager.operations.iter();
        all.map(|(id, _)| (id, self.manager.source_of(id), self.manager.operations.waiters_of(id)))
    }

    /// Threads that wait for a frame.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.manager.waiting.len()
    }

    /// What an access would raise now, if its page had to be judged by its region alone: whether a
    /// debugger may read there.
    #[must_use]
    pub fn would_raise(&self, space: SpaceId, address: u64, access: Access) -> Option<Exception> {
        let page = address >> PAGE_SHIFT;
        let space = self.manager.behind(space, page);
        let holder = self.manager.spaces.find(space);
        let number = holder.and_then(|holder| holder.region_at(page));
        if let Ok(PteView::Valid { is_pinned: true, rights, .. }) = self.pte(space, address)
            && rights.allow(access)
        {
            return None;
        }
        match number.map(|number| self.manager.page_use(space, number, page)) {
            Some(PageUse::Committed(protection)) if protection.is_guard() => {
                Some(Exception::GuardPage { address, access })
            }
            Some(PageUse::Committed(protection)) if protection.allows(access) => None,
            _ => Some(Exception::AccessViolation { address, access }),
        }
    }
}

const fn valid_view(valid: Valid) -> PteView {
    PteView::Valid {
        frame: valid.pfn(),
        rights: valid.current_rights(),
        is_accessed: valid.has(ACCESSED),
        is_dirty: valid.has(DIRTY),
        is_shared: valid.is_shared(),
        is_pinned: valid.is_pinned(),
    }
}
