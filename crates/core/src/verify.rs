//! The proof that the whole state is sound. It looks at everything, so it is for tests.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::manager::Manager;
use crate::page::{PAGE_SHIFT, Pfn, SpaceId};
use crate::pfn::{Entry, Flag, PageState, PteAddress};
use crate::pools::PoolKind;
use crate::section::create::SECTION_BYTES;
use crate::space::allocate::DESCRIPTOR_BYTES;
use crate::space::page_table::{Owner, TABLE_BYTES};
use crate::space::pte::{Pte, Slot};
use crate::space::region::{PageUse, RegionKind};
use crate::space::write_watch_map::WriteWatchMap;
use crate::store;

/// Something is not as it must be: a defect of the manager.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is not sound: {0}")]
pub struct Unsound(pub String);

impl From<String> for Unsound {
    fn from(what: String) -> Self {
        Self(what)
    }
}

macro_rules! ensure {
    ($holds:expr, $($what:tt)*) => {
        if !$holds {
            return Err(Unsound(format!($($what)*)));
        }
    };
}

/// Who names slots and store entries.
#[derive(Default)]
struct Copies {
    slots: BTreeMap<Slot, &'static str>,
    stored: BTreeMap<store::Entry, PteAddress>,
}

impl Copies {
    fn note(&mut self, word: u64, owner: PteAddress, by: &'static str) -> Result<(), Unsound> {
        match Pte::unpacked(word) {
            Pte::PageFile(slot) => {
                let twice = self.slots.insert(slot, by);
                ensure!(twice.is_none(), "{slot:?} is named by {by} and by {twice:?}");
            }
            Pte::Store(entry) => {
                let twice = self.stored.insert(entry, owner);
                ensure!(twice.is_none(), "{entry:?} of the store is named twice");
            }
            _ => {}
        }
        Ok(())
    }
}

impl Manager {
    /// Proves the whole state.
    ///
    /// Every frame is on exactly one list, and every count is the length of its list; every PTE
    /// that names a frame is named by it; every slot and store entry has one owner; working sets
    /// hold exactly the resident pages; the commit charge is the sum of what was promised; the
    /// pools hold what the structures take.
    ///
    /// # Errors
    /// [`Unsound`] with what is wrong first: a defect of this crate.
    pub fn verify(&self) -> Result<(), Unsound> {
        self.frames.verify()?;
        self.tables.verify()?;
        self.page_files.verify()?;
        if let Some(store) = &self.store {
            store.verify()?;
        }
        let mut copies = Copies::default();
        let shares = self.verify_ptes(&mut copies)?;
        self.verify_frames(&shares, &mut copies)?;
        self.verify_copies(&copies)?;
        self.verify_working_sets()?;
        self.verify_regions()?;
        self.verify_commit()?;
        self.verify_pools()?;
        self.verify_operations()
    }

    /// What every PTE names; how many PTEs of spaces map each shared frame.
    fn verify_ptes(&self, copies: &mut Copies) -> Result<BTreeMap<Pfn, u32>, Unsound> {
        let mut shares: BTreeMap<Pfn, u32> = BTreeMap::new();
        for (address, owner, page, word) in self.tables.leaves() {
            let pte = Pte::unpacked(word);
            copies.note(word, address, "a PTE")?;
            match pte {
                Pte::Valid(valid) => {
                    let entry = self.frames.entry(valid.pfn());
                    let (pfn, state) = (valid.pfn(), entry.state());
                    ensure!(
                        state == PageState::Active,
                        "page {page} of {owner:?} maps frame {pfn}, which is {state:?}"
                    );
                    let is_own = entry.pte() == address;
                    match owner {
                        Owner::Space(_) => {
                            *shares.entry(pfn).or_default() += 1;
                            ensure!(
                                is_own != valid.is_shared(),
                                "page {page} of {owner:?}: frame {pfn} points elsewhere"
                            );
                        }
                        Owner::Section(_) => {
                            ensure!(is_own, "page {page} of {owner:?}: frame {pfn} is not its");
                        }
                    }
                }
                Pte::Transition(pfn) => {
                    let entry = self.frames.entry(pfn);
                    let in_memory = matches!(
                        entry.state(),
                        PageState::Standby
                            | PageState::Modified
                            | PageState::ModifiedNoWrite
                            | PageState::Transition
                    );
                    ensure!(
                        in_memory && entry.pte() == address,
                        "page {page} of {owner:?} is in frame {pfn}, which does not point back"
                    );
                }
                _ => {}
            }
        }
        Ok(shares)
    }

    fn verify_frames(
        &self,
        shares: &BTreeMap<Pfn, u32>,
        copies: &mut Copies,
    ) -> Result<(), Unsound> {
        let mut section_frames: BTreeMap<u32, u64> = BTreeMap::new();
        for number in 0..self.frames.len() {
            let pfn = Pfn(number);
            let entry = self.frames.entry(pfn);
            if !entry.has(Flag::Physical) {
                copies.note(entry.original(), entry.pte(), "a frame")?;
            }
            let copy = Pte::unpacked(entry.original());
            let has_copy = matches!(copy, Pte::PageFile(_) | Pte::Store(_));
            ensure!(
                !(entry.has(Flag::Modified) && has_copy),
                "frame {pfn} is modified and keeps {copy:?}"
            );
            if entry.has(Flag::Prototype)
                && let (Owner::Section(section), _) = self.tables.owner(entry.pte())
            {
                *section_frames.entry(section.0).or_default() += 1;
            }
            let share = shares.get(&pfn).copied().unwrap_or_default();
            self.verify_frame(pfn, &entry, share)?;
        }
        for (id, section) in self.sections.iter() {
            let found = section_frames.get(&id.0).copied().unwrap_or_default();
            let counted = section.frames;
            ensure!(found == counted, "section {} counts {counted} frames, not {found}", id.0);
        }
        Ok(())
    }

    fn verify_frame(&self, pfn: Pfn, entry: &Entry, share: u32) -> Result<(), Unsound> {
        let has_page = entry.pte() != PteAddress::NONE;
        match entry.state() {
            PageState::Zeroed | PageState::Free | PageState::Bad => {
                ensure!(!has_page && share == 0, "frame {pfn} is free and has a page");
                ensure!(!entry.has(Flag::BadOnFree), "frame {pfn} is to go bad, and is free");
            }
            PageState::Standby | PageState::Modified | PageState::ModifiedNoWrite => {
                let fails = entry.state().is_available() && entry.has(Flag::BadOnFree);
                ensure!(!fails, "frame {pfn} fails and is available");
                let is_modified = entry.state() != PageState::Standby;
                ensure!(has_page, "frame {pfn} is listed without a page");
                ensure!(share == 0, "frame {pfn} is listed and mapped {share} times");
                ensure!(entry.has(Flag::Modified) == is_modified, "frame {pfn}: wrong list");
                ensure!(!entry.has(Flag::Writing), "frame {pfn} is listed and being written");
                let pte = self.tables.get(entry.pte());
                ensure!(pte == Pte::Transition(pfn), "frame {pfn}: its PTE says {pte:?}");
            }
            PageState::Active if entry.has(Flag::Store) => {
                ensure!(!has_page, "store frame {pfn} has a page");
            }
            PageState::Active => {
                let counted = entry.high();
                ensure!(share == counted, "frame {pfn} counts {counted} shares, not {share}");
                let is_physical = entry.has(Flag::Physical);
                ensure!(share > 0 || is_physical, "frame {pfn} is active and nobody's");
            }
            PageState::Transition => {
                let in_progress = entry.has(Flag::Reading) || entry.has(Flag::Writing);
                ensure!(in_progress, "frame {pfn} is in transition without I/O");
                ensure!(has_page != entry.has(Flag::Orphan), "frame {pfn}: orphan or not");
                if has_page {
                    let pte = self.tables.get(entry.pte());
                    ensure!(pte == Pte::Transition(pfn), "frame {pfn}: its PTE says {pte:?}");
                }
            }
        }
        Ok(())
    }

    /// Every slot and store entry in use has exactly one owner.
    fn verify_copies(&self, copies: &Copies) -> Result<(), Unsound> {
        let mut slots = copies.slots.len() as u64;
        for (_, operation) in self.operations.iter() {
            use crate::operation::{Source, Work};
            let Some(Work::Write(Source::PageFile(first))) = operation.work else { continue };
            for step in 0..crate::page::narrow(operation.frames.len()) {
                let slot = Slot { number: first.number + step, file: first.file };
                ensure!(!copies.slots.contains_key(&slot), "{slot:?} is written and named");
                slots += 1;
            }
        }
        let used = self.page_files.used();
        ensure!(slots == used, "{used} slots are used, {slots} have an owner");
        for slot in copies.slots.keys() {
            let file = self.page_files.get(slot.file);
            let is_used = file.is_some_and(|file| file.slots.is_used(slot.number));
            ensure!(is_used, "{slot:?} is named and not used");
        }
        let Some(store) = &self.store else {
            ensure!(copies.stored.is_empty(), "store entries without a store");
            return Ok(());
        };
        let mut entries = 0;
        for (entry, owner) in store.owners() {
            let named = copies.stored.get(&entry);
            ensure!(named == Some(&owner), "{entry:?} of the store is named by {named:?}");
            entries += 1;
        }
        ensure!(entries == copies.stored.len(), "store entries that do not exist are named");
        let held = |pfn: &u32| {
            let entry = self.frames.entry(Pfn(*pfn));
            entry.state() == PageState::Active && entry.has(Flag::Store)
        };
        let frames = crate::page::narrow((0..self.frames.len()).filter(held).count());
        ensure!(frames == store.frames(), "the store has {frames} frames, not {}", store.frames());
        Ok(())
    }

    /// A working set has an entry for each valid PTE that is not pinned, and no other.
    fn verify_working_sets(&self) -> Result<(), Unsound> {
        let mut resident: BTreeMap<SpaceId, Vec<PteAddress>> = BTreeMap::new();
        for (address, owner, _, word) in self.tables.leaves() {
            if let (Owner::Space(space), Pte::Valid(valid)) = (owner, Pte::unpacked(word))
                && !valid.is_pinned()
            {
                resident.entry(space).or_default().push(address);
            }
        }
        for (id, space) in self.spaces.iter() {
            let list = &space.working_set;
            list.verify()?;
            let mut listed: Vec<PteAddress> = list.iter().map(|(_, pte)| pte).collect();
            listed.sort_unstable();
            let mut mapped = resident.remove(&id).unwrap_or_default();
            mapped.sort_unstable();
            ensure!(listed == mapped, "the working set of space {} is not what is mapped", id.0);
            for (index, pte) in list.iter() {
                let Pte::Valid(valid) = self.tables.get(pte) else { continue };
                let found = list.find(pte, self.frames.entry(valid.pfn()).low());
                ensure!(found == Some(index), "entry {index} of space {} is not found", id.0);
            }
        }
        Ok(())
    }

    fn verify_regions(&self) -> Result<(), Unsound> {
        for (id, space) in self.spaces.iter() {
            space.descriptors.verify()?;
            for (_, region) in space.regions() {
                region.uses.verify()?;
                let committed = region.uses.count(0..region.pages, PageUse::is_committed);
                let charge = region.charge.pages();
                let expected = match region.kind {
                    RegionKind::Private | RegionKind::LargePages => committed,
                    RegionKind::Physical => 0,
                    RegionKind::View { .. } if charge > 0 => region.pages,
                    RegionKind::View { .. } => 0,
                };
                let base = region.first << PAGE_SHIFT;
                ensure!(
                    charge == expected,
                    "the region at {base:#x} of space {} charges {charge}, not {expected}",
                    id.0
                );
            }
        }
        for (address, owner, page, word) in self.tables.leaves() {
            let Owner::Space(space) = owner else { continue };
            let holder = self.spaces.find(space);
            let found = holder.and_then(|h| h.region_at(page).map(|number| h.region(number)));
            let is_touched = found.is_some_and(|region| region.is_touched);
            ensure!(is_touched, "{address:?} of {owner:?} has {word:#x} and no region that knows");
        }
        Ok(())
    }

    fn verify_commit(&self) -> Result<(), Unsound> {
        let mut sum = 0;
        for (_, space) in self.spaces.iter() {
            sum += space.physical_charge.pages();
            sum += space.regions().map(|(_, region)| region.charge.pages()).sum::<u64>();
            let (charged, held) = (space.physical_charge.pages(), space.physical.len() as u64);
            ensure!(charged == held, "{held} physical pages charge {charged}");
        }
        for (id, section) in self.sections.iter() {
            let charge = section.charge.pages();
            sum += charge;
            if let Some(committed) = &section.committed {
                let expected = committed.count(0..section.pages, |committed| committed);
                ensure!(charge == expected, "section {} charges {charge}, not {expected}", id.0);
            }
        }
        let charged = self.commit.charged();
        ensure!(sum == charged, "{charged} pages are charged, and {sum} promised");
        Ok(())
    }

    fn verify_pools(&self) -> Result<(), Unsound> {
        let mut expected = [0u64; 2];
        for (_, allocation) in self.pools.allocations() {
            expected[allocation.pool as usize] += allocation.bytes;
        }
        let (paged, nonpaged) = (PoolKind::Paged as usize, PoolKind::NonPaged as usize);
        let mut tables = 0;
        for (_, space) in self.spaces.iter() {
            tables += space.tables + 1;
            expected[nonpaged] += (space.tables + 1) * TABLE_BYTES;
            for (_, region) in space.regions() {
                expected[nonpaged] += DESCRIPTOR_BYTES;
                if region.write_watch.is_some() {
                    expected[paged] += WriteWatchMap::bytes(region.pages);
                }
            }
        }
        for (_, section) in self.sections.iter() {
            let own = section.tables.iter().filter(|table| **table > 0).count() as u64;
            tables += own;
            expected[paged] += SECTION_BYTES + own * TABLE_BYTES;
        }
        for kind in PoolKind::ALL {
            let (used, sum) = (self.pools.get(kind).used, expected[kind as usize]);
            ensure!(used == sum, "{kind:?} pool: {used} bytes used, {sum} accounted for");
        }
        let in_use = self.tables.count();
        ensure!(in_use == tables, "{in_use} tables are in use, {tables} have an owner");
        Ok(())
    }

    fn verify_operations(&self) -> Result<(), Unsound> {
        let mut in_flight = 0;
        for (id, operation) in self.operations.iter() {
            use crate::operation::Work;
            let flag = match operation.work {
                Some(Work::Read(_)) => Flag::Reading,
                Some(Work::Write(_) | Work::Compress) => Flag::Writing,
                _ => continue,
            };
            for pfn in &operation.frames {
                let has = self.frames.entry(*pfn).has(flag);
                ensure!(has, "operation {} holds frame {pfn}, which knows nothing of it", id.0);
                in_flight += u32::from(flag == Flag::Writing);
            }
        }
        let counted = self.writer.in_flight;
        ensure!(in_flight == counted, "{counted} frames are counted in writes, not {in_flight}");
        Ok(())
    }
}
