//! A space: regions of this process that share a budget.

use std::sync::{Arc, MutexGuard};

use memtide_core::page::{ALLOCATION_GRANULARITY, Access, PAGE_SIZE, SpaceId};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, MEM_COMMIT, MEM_DECOMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE,
    MEM_RESET, MEM_RESET_UNDO, MEM_WRITE_WATCH, Protection, Refusal,
};

use super::budget;
use super::exceptions::{Registration, SpaceMemory};
use super::native::{memory, process};
use super::pinned::Pins;
use super::regions::{Kind, Region, Regions, all_committed, committed_in, pages_in};
use super::status::About;
use crate::error::Error;
use crate::exception::Handler;
use crate::machine::Machine;
use crate::options::{FaultPath, MachineOptions, SpaceOptions};
use crate::pinned::Pinned;

/// Regions of this process whose pages come and go within a budget.
///
/// Windows has no part of an address space that is one's own: the regions of a space lie anywhere
/// in the process, between those of others, and [`SpaceOptions::addresses`] bounds how large they
/// may be together. An address that is in none of them is refused. Dropping a space gives
/// everything back; no reference into it may be left.
pub struct Space {
    machine: Machine,
    id: SpaceId,
    options: SpaceOptions,
    memory: Arc<SpaceMemory>,
    pins: Pins,
    _registration: Registration,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space").field("id", &self.id).field("options", &self.options).finish()
    }
}

const fn invalid(what: &'static str, value: u64, expected: &'static str) -> Refusal {
    Refusal::InvalidParameter { what, value, expected }
}

impl Space {
    /// A space with a machine of its own.
    ///
    /// # Errors
    /// As [`Machine::new`] and [`Machine::create_space`].
    pub fn new(budget: Bytes) -> Result<Self, Error> {
        Machine::new(&MachineOptions::new(budget))?.create_space(&SpaceOptions::default())
    }

    pub(super) fn create(machine: &Machine, options: &SpaceOptions) -> Result<Self, Error> {
        if options.path != FaultPath::InThread {
            return Err(Error::Unsupported {
                what: "FaultPath::Handler",
                reason: "the kernel handles faults, those of system calls too: leave it InThread",
            });
        }
        let memory = Arc::new(SpaceMemory::default());
        let registration = Registration::new(&memory)?;
        let id = machine.add_space(&memory);
        let (machine, options, pins) = (machine.clone(), *options, Pins::default());
        Ok(Self { machine, id, options, memory, pins, _registration: registration })
    }

    /// The machine it is of.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Its number in the machine.
    #[must_use]
    pub const fn id(&self) -> SpaceId {
        self.id
    }

    /// How it was made.
    #[must_use]
    pub const fn options(&self) -> &SpaceOptions {
        &self.options
    }

    /// From now on exceptions of its memory go to this handler; without one the process dies of
    /// them.
    pub fn on_exception(&self, handler: Handler) {
        self.memory.handle(handler);
    }

    pub(super) fn regions(&self) -> MutexGuard<'_, Regions> {
        self.memory.regions()
    }

    pub(super) const fn pins(&self) -> &Pins {
        &self.pins
    }

    /// Reserves, commits or resets memory: `VirtualAlloc`. The base, an address of the process.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Refusal::NoMemory`] where the space has no
    /// addresses left; [`Error::Unsupported`] for `MEM_RESET_UNDO` before Windows 8.
    pub fn allocate(&self, allocation: &Allocation) -> Result<u64, Error> {
        allocation.check()?;
        let Allocation { address, bytes, kind, .. } = *allocation;
        if bytes == 0 {
            return Err(invalid("the size", 0, "at least one byte").into());
        }
        let last = address.checked_add(bytes - 1);
        if last.is_none_or(|last| last >= process::end_of_addresses()) {
            return Err(invalid("the size", bytes, "a range within the address space").into());
        }
        if kind & (MEM_RESET | MEM_RESET_UNDO) != 0 {
            self.reset(allocation)
        } else if kind & MEM_RESERVE != 0 || address == 0 {
            self.reserve(allocation)
        } else {
            self.commit(allocation)
        }
    }

    fn reserve(&self, wanted: &Allocation) -> Result<u64, Error> {
        let Allocation { address, bytes, kind, protection } = *wanted;
        if kind & (MEM_LARGE_PAGES | MEM_PHYSICAL) != 0 && !self.options.lock_memory {
            let privilege = "SeLockMemoryPrivilege";
            return Err(Refusal::PrivilegeNotHeld { privilege }.into());
        }
        let base = address / ALLOCATION_GRANULARITY * ALLOCATION_GRANULARITY;
        let length = (address - base + bytes).next_multiple_of(PAGE_SIZE);
        if address != 0 && base < ALLOCATION_GRANULARITY {
            let (bytes, problem) = (Bytes(length), "outside what programs may use");
            return Err(Refusal::ConflictingAddresses { address: base, bytes, problem }.into());
        }
        let mut regions = self.regions();
        if regions.bytes.saturating_add(length) > self.options.addresses.0 {
            return Err(Refusal::NoMemory { bytes: Bytes(bytes) }.into());
        }
        let promised = if kind & MEM_COMMIT != 0 { length } else { 0 };
        let charge = self.machine.commit().charge(promised)?;
        let about = About { what: "reserving memory", address: base, bytes: length };
        let base = memory::allocate(address, bytes, kind | MEM_RESERVE, protection)
            .map_err(|error| about.refused(error))?;
        let is_watched = kind & MEM_WRITE_WATCH != 0;
        let kind = match (kind & MEM_LARGE_PAGES != 0, kind & MEM_PHYSICAL != 0) {
            (true, _) => Kind::LargePages,
            (_, true) => Kind::Physical,
            _ => Kind::Private { is_watched },
        };
        regions.insert(Region { base, bytes: length, kind, charge });
        Ok(base)
    }

    fn commit(&self, wanted: &Allocation) -> Result<u64, Error> {
        let Allocation { address, bytes, kind, protection } = *wanted;
        let pages = pages_in(address, bytes)?;
        let mut regions = self.regions();
        let region = regions.of(&pages)?;
        if matches!(region.kind, Kind::LargePages | Kind::Physical) {
            return Err(region.wrong_kind(pages.start, "private or mapped memory").into());
        }
        if let Kind::View { protection: mapped, .. } = region.kind {
            check_view(mapped, Protection::from_windows(protection)?)?;
        }
        let length = pages.end - pages.start;
        let new = length - committed_in(pages.clone())?;
        let charge = self.machine.commit().charge(new)?;
        let about = About { what: "committing memory", address: pages.start, bytes: length };
        memory::allocate(pages.start, length, kind, protection)
            .map_err(|error| about.refused(error))?;
        match &region.kind {
            // They stay committed as long as the section is there.
            Kind::View { section, .. } => section.take_over(charge),
            _ => region.charge.merge(charge),
        }
        Ok(pages.start)
    }

    /// Decommits or releases memory: `VirtualFree`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn free(&self, address: u64, bytes: u64, kind: u32) -> Result<(), Error> {
        match kind {
            MEM_DECOMMIT => self.decommit(address, bytes),
            MEM_RELEASE if bytes == 0 => self.release(address),
            MEM_RELEASE => Err(invalid("the size", bytes, "0 with MEM_RELEASE").into()),
            _ => {
                let expected = "MEM_DECOMMIT or MEM_RELEASE";
                Err(invalid("the free type", u64::from(kind), expected).into())
            }
        }
    }

    fn decommit(&self, address: u64, bytes: u64) -> Result<(), Error> {
        let mut regions = self.regions();
        let region = regions.at_mut(address).ok_or(Refusal::MemoryNotAllocated { address })?;
        let base = region.base;
        let pages = match bytes {
            0 if address == base => base..region.end(),
            0 => return Err(Refusal::FreeNotAtBase { address, base }.into()),
            bytes => pages_in(address, bytes).map_err(|_| Refusal::UnableToFree { address })?,
        };
        if pages.end > region.end() {
            return Err(Refusal::UnableToFree { address }.into());
        }
        if !matches!(region.kind, Kind::Private { .. }) {
            return Err(region.wrong_kind(address, "private memory").into());
        }
        let length = pages.end - pages.start;
        let committed = committed_in(pages.clone())?;
        let about = About { what: "decommitting memory", address: pages.start, bytes: length };
        memory::free(pages.start, length, MEM_DECOMMIT).map_err(|error| about.refused(error))?;
        region.charge.release(committed);
        Ok(())
    }

    fn release(&self, address: u64) -> Result<(), Error> {
        let mut regions = self.regions();
        let region = regions.at(address).ok_or(Refusal::MemoryNotAllocated { address })?;
        let base = region.base;
        if address != base {
            return Err(Refusal::FreeNotAtBase { address, base }.into());
        }
        if matches!(region.kind, Kind::View { .. }) {
            return Err(region.wrong_kind(address, "memory of VirtualAlloc").into());
        }
        regions.release(base);
        Ok(())
    }

    /// Changes what may be done: `VirtualProtect`. The protection of the first page before.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn protect(&self, address: u64, bytes: u64, protection: u32) -> Result<u32, Error> {
        let wanted = Protection::from_windows(protection)?;
        let pages = pages_in(address, bytes)?;
        let mut regions = self.regions();
        let region = regions.of(&pages)?;
        all_committed(pages.clone())?;
        match region.kind {
            Kind::View { protection: mapped, .. } => {
                check_view(mapped, wanted)?;
                if wanted.copies_on_write() && region.charge.bytes() == 0 {
                    region.charge.merge(self.machine.commit().charge(region.bytes)?);
                }
            }
            _ if wanted.copies_on_write() => {
                return Err(Refusal::InvalidPageProtection { constant: protection }.into());
            }
            _ => {}
        }
        let length = pages.end - pages.start;
        let about = About { what: "protecting memory", address: pages.start, bytes: length };
        memory::protect(pages.start, length, protection).map_err(|error| about.refused(error))
    }

    /// Sets the limits of the working set, in bytes: `SetProcessWorkingSetSize`. They are those of
    /// the process, whatever its pages belong to; the maximum is hard. `u64::MAX` for both empties
    /// it.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents, and for a maximum above the budgets of all
    /// machines of the process.
    pub fn set_working_set_limits(&self, minimum: u64, maximum: u64) -> Result<(), Error> {
        if minimum == u64::MAX && maximum == u64::MAX {
            return self.empty_working_set().map(|_| ());
        }
        budget::set_limits(minimum, maximum)
    }

    /// Takes every page of the process that is not locked out of its working set; by how many pages
    /// it is smaller.
    ///
    /// # Errors
    /// [`Error::System`].
    pub fn empty_working_set(&self) -> Result<u64, Error> {
        self.machine.empty_working_set()
    }

    /// Keeps pages in memory: `VirtualLock`. System calls take pages of a space without that; it is
    /// for direct I/O, and for what must not wait.
    ///
    /// # Errors
    /// [`Error::Refused`] where they cannot all be in memory or are not committed.
    pub fn pin(&self, address: u64, bytes: u64, access: Access) -> Result<Pinned<'_>, Error> {
        Pinned::new(self, address, bytes, access)
    }
}

/// Refuses what a view was not mapped for.
///
/// # Errors
/// [`Refusal::InvalidPageProtection`] and [`Refusal::SectionProtection`].
pub(super) fn check_view(mapped: Protection, wanted: Protection) -> Result<(), Refusal> {
    if wanted.is_uncached() {
        return Err(Refusal::InvalidPageProtection { constant: wanted.windows() });
    }
    if !mapped.covers(wanted) {
        let (allowed, wanted) = (mapped.windows(), wanted.windows());
        return Err(Refusal::SectionProtection { allowed, wanted });
    }
    Ok(())
}

impl Drop for Space {
    fn drop(&mut self) {
        self.regions().release_all();
    }
}
