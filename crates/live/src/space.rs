//! A space: addresses of this process whose pages the manager manages.

use std::sync::Arc;

use memtide_core::page::{ALLOCATION_GRANULARITY, Access, PAGE_SIZE, SpaceId};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Call, MEM_RELEASE, OfferPriority, Protection, Range, Refusal, RegionInfo,
    RegionState, Reply, SpaceConfig,
};

use crate::error::Error;
use crate::exception::Handler;
use crate::fault_path::handler::Handlers;
use crate::fault_path::registry::{self, Registration, SPACES_MAX};
use crate::machine::Machine;
use crate::options::{MachineOptions, SpaceOptions};
use crate::pager::SpaceMemory;
use crate::pinned::{Pinned, Pins};
use crate::uffd::{FaultPath, Reservation, Uffd};

/// Addresses of this process whose pages come and go within a budget.
///
/// Addresses are those of the process; calls are named as Windows names them, and refused with the
/// status that Windows gives. Dropping a space gives everything back; no reference into it may be
/// left.
pub struct Space {
    machine: Machine,
    id: SpaceId,
    base: u64,
    options: SpaceOptions,
    registration: Option<Registration>,
    handlers: Option<Handlers>,
    pins: Pins,
}

impl std::fmt::Debug for Space {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space").field("id", &self.id).field("options", &self.options).finish()
    }
}

impl Space {
    /// A space with a machine of its own.
    ///
    /// # Errors
    /// As [`Machine::new`] and [`Machine::create_space`].
    pub fn new(budget: Bytes) -> Result<Self, Error> {
        Machine::new(&MachineOptions::new(budget))?.create_space(&SpaceOptions::default())
    }

    pub(crate) fn create(machine: &Machine, options: &SpaceOptions) -> Result<Self, Error> {
        let uffd = Arc::new(Uffd::open_without(options.path, machine.without())?);
        let bytes = options.addresses.0.next_multiple_of(ALLOCATION_GRANULARITY);
        let reservation =
            Reservation::new(bytes).map_err(Error::system("the space's addresses"))?;
        let reservation = Arc::new(reservation);
        let registered = uffd.register(reservation.address(), reservation.bytes());
        registered.map_err(Error::system("registering the space's addresses"))?;
        let mut config = SpaceConfig::default();
        config.privileges.lock_memory = options.lock_memory;
        let id = match machine.pager().call(&Call::CreateSpace(config))? {
            Reply::Space(id) => id,
            other => unreachable!("a new space answered {other:?}"),
        };
        let base = reservation.address();
        let end = base + reservation.bytes();
        let memory = SpaceMemory { path: options.path, reservation, uffd: Arc::clone(&uffd) };
        machine.pager().lock().add_space(id, memory);
        let pager = Arc::as_ptr(machine.pager());
        let registration = registry::register(base..end, pager, id, options.path);
        let mut space = Self {
            machine: machine.clone(),
            id,
            base,
            options: *options,
            registration,
            handlers: None,
            pins: Pins::default(),
        };
        if space.registration.is_none() {
            let number = SPACES_MAX as u64;
            return Err(Refusal::NoSuch { what: "unused space", number }.into());
        }
        if options.path == FaultPath::Handler {
            space.handlers = Some(Handlers::start(space.machine.pager(), &uffd)?);
        }
        space.use_all()?;
        Ok(space)
    }

    /// Lets the working set have all of the budget; when memory is short it gives like others.
    fn use_all(&self) -> Result<(), Error> {
        let frames = self.machine.inspect(|manager| manager.config().frames);
        let limits = self.machine.inspect(|manager| manager.working_set_limits(self.id))?;
        let maximum = u64::from(frames).max(64) * PAGE_SIZE;
        let minimum = u64::from(limits.minimum.max(1)) * PAGE_SIZE;
        self.set_working_set_limits(minimum, maximum)
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
        if let Some(registration) = &self.registration {
            registration.handle(handler);
        }
    }

    /// Where the address 0 of the manager's space lies.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    pub(crate) fn inside(&self, address: u64) -> Result<u64, Error> {
        let (start, end) = (self.base, self.base + self.options.addresses.0);
        match address.checked_sub(start) {
            Some(inside) if address < end => Ok(inside),
            _ => Err(Error::Address { address, start, end }),
        }
    }

    fn range(&self, address: u64, bytes: u64) -> Result<Range, Error> {
        Ok(Range { space: self.id, address: self.inside(address)?, bytes })
    }

    /// Reserves, commits or resets memory: `VirtualAlloc`. The base, an address of the process.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Refusal::NoMemory`] where the space has no
    /// addresses left.
    pub fn allocate(&self, allocation: &Allocation) -> Result<u64, Error> {
        let mut inside = *allocation;
        if allocation.address != 0 {
            inside.address = self.inside(allocation.address)?;
            let granule = inside.address & !(ALLOCATION_GRANULARITY - 1);
            let end = inside.address.saturating_add(allocation.bytes);
            self.let_execute(granule, end.saturating_sub(granule), allocation.protection)?;
        }
        let base = match self.machine.pager().call(&Call::Allocate(self.id, inside))? {
            Reply::Address(base) => base,
            other => unreachable!("an allocation answered {other:?}"),
        };
        if base.saturating_add(allocation.bytes) > self.options.addresses.0 {
            let range = Range { space: self.id, address: base, bytes: 0 };
            self.machine.pager().call(&Call::Free(range, MEM_RELEASE))?;
            return Err(Refusal::NoMemory { bytes: Bytes(allocation.bytes) }.into());
        }
        if allocation.address == 0
            && let Err(error) = self.let_execute(base, allocation.bytes, allocation.protection)
        {
            let range = Range { space: self.id, address: base, bytes: 0 };
            self.machine.pager().call(&Call::Free(range, MEM_RELEASE))?;
            return Err(error);
        }
        Ok(self.base + base)
    }

    /// Lets instructions be fetched from pages whose protection allows it, before the manager knows
    /// of it: the kernel may have no mappings left. What may be fetched is the manager's to say: a
    /// page without the right is not there.
    fn let_execute(&self, inside: u64, bytes: u64, protection: u32) -> Result<(), Error> {
        let first = inside & !(PAGE_SIZE - 1);
        let end = inside.saturating_add(bytes).div_ceil(PAGE_SIZE).saturating_mul(PAGE_SIZE);
        let executes = Protection::from_windows(protection)
            .is_ok_and(|protection| protection.allows(Access::Execute));
        // What is not of the space is the manager's to refuse.
        if !executes || end > self.options.addresses.0 {
            return Ok(());
        }
        let reservation = self.machine.pager().lock().reservation(self.id);
        let done = reservation.set_executable(first, end - first, true);
        done.map_err(Error::system("letting instructions be fetched"))
    }

    /// Decommits or releases memory: `VirtualFree`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn free(&self, address: u64, bytes: u64, kind: u32) -> Result<(), Error> {
        self.machine.pager().call(&Call::Free(self.range(address, bytes)?, kind))?;
        Ok(())
    }

    /// Changes what may be done: `VirtualProtect`. The protection of the first page before.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents; [`Error::System`] where pages of a view are
    /// to be copied on write, or no longer, and the process has no mappings left.
    pub fn protect(&self, address: u64, bytes: u64, protection: u32) -> Result<u32, Error> {
        let range = self.range(address, bytes)?;
        self.let_execute(range.address, bytes, protection)?;
        let before = self.machine.pager().protect(range, protection)?;
        // Pages of a view may have been mapped anew.
        self.let_execute(range.address, bytes, protection)?;
        Ok(before)
    }

    /// What the page at an address is, and how many after it are alike: `VirtualQuery`.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn query(&self, address: u64) -> Result<RegionInfo, Error> {
        let inside = self.inside(address)?;
        let mut info = match self.machine.pager().call(&Call::Query(self.id, inside))? {
            Reply::Region(info) => info,
            other => unreachable!("a query answered {other:?}"),
        };
        info.base += self.base;
        if let RegionState::Allocated { allocation_base, .. } = &mut info.state {
            *allocation_base += self.base;
        }
        Ok(info)
    }

    /// The addresses of pages written since they were allocated or reset: `GetWriteWatch`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn write_watch(
        &self,
        address: u64,
        bytes: u64,
        resets: bool,
        most: usize,
    ) -> Result<Vec<u64>, Error> {
        let range = self.range(address, bytes)?;
        match self.machine.pager().call(&Call::WriteWatch { range, resets, most })? {
            Reply::Addresses(mut addresses) => {
                addresses.iter_mut().for_each(|address| *address += self.base);
                Ok(addresses)
            }
            other => unreachable!("a write watch answered {other:?}"),
        }
    }

    /// Forgets which pages were written: `ResetWriteWatch`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn reset_write_watch(&self, address: u64, bytes: u64) -> Result<(), Error> {
        self.machine.pager().call(&Call::ResetWriteWatch(self.range(address, bytes)?))?;
        Ok(())
    }

    /// Offers contents that can be made again: `OfferVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn offer(&self, address: u64, bytes: u64, priority: OfferPriority) -> Result<(), Error> {
        self.machine.pager().call(&Call::Offer(self.range(address, bytes)?, priority))?;
        Ok(())
    }

    /// Takes offered contents back: `ReclaimVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`]; [`Refusal::BusyDataLost`](memtide_core::Refusal) where some are gone.
    pub fn reclaim(&self, address: u64, bytes: u64) -> Result<(), Error> {
        self.machine.pager().call(&Call::ReclaimOffered(self.range(address, bytes)?))?;
        Ok(())
    }

    /// Gives contents up: `DiscardVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn discard(&self, address: u64, bytes: u64) -> Result<(), Error> {
        self.machine.pager().call(&Call::Discard(self.range(address, bytes)?))?;
        Ok(())
    }

    /// Begins to read what will be used soon: `PrefetchVirtualMemory`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn prefetch(&self, address: u64, bytes: u64) -> Result<(), Error> {
        self.machine.pager().call(&Call::Prefetch(self.range(address, bytes)?))?;
        Ok(())
    }

    /// Sets the limits of the working set, in bytes: `SetProcessWorkingSetSize`.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn set_working_set_limits(&self, minimum: u64, maximum: u64) -> Result<(), Error> {
        let (space, hard) = (self.id, (false, false));
        self.machine.pager().call(&Call::SetWorkingSetLimits { space, minimum, maximum, hard })?;
        Ok(())
    }

    /// Takes every page that is not locked out of the working set; how many.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents.
    pub fn empty_working_set(&self) -> Result<u64, Error> {
        match self.machine.pager().call(&Call::EmptyWorkingSet(self.id))? {
            Reply::Pages(pages) => Ok(pages),
            other => unreachable!("an emptied working set answered {other:?}"),
        }
    }

    /// Keeps pages in memory, ready for an access that the kernel makes: a system call that reads
    /// or writes them, or direct I/O.
    ///
    /// # Errors
    /// [`Error::Refused`] where they cannot all be in memory or are not committed, and
    /// [`Error::Exception`] where one cannot be had.
    pub fn pin(&self, address: u64, bytes: u64, access: Access) -> Result<Pinned<'_>, Error> {
        Pinned::new(self, address, bytes, access)
    }

    pub(crate) const fn pins(&self) -> &Pins {
        &self.pins
    }

    pub(crate) fn fault(&self, inside: u64, access: Access) -> Result<(), Error> {
        Ok(self.machine.pager().fault(self.id, inside, access)?)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.handlers = None;
        self.registration = None;
        let memory = self.machine.pager().destroy_space(self.id);
        drop(memory);
    }
}
