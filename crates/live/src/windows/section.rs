//! A section: memory that is mapped in several places, of one space or of several.

use std::os::windows::io::OwnedHandle;
use std::sync::{Arc, Mutex, PoisonError};

use memtide_core::page::{ALLOCATION_GRANULARITY, PAGE_SIZE, SectionId};
use memtide_core::units::Bytes;
use memtide_core::{Base, Modifier, Protection, Refusal};
use windows_sys::Win32::System::Memory::{
    FILE_MAP_COPY, FILE_MAP_EXECUTE, FILE_MAP_READ, FILE_MAP_WRITE,
};

use super::commit::Charge;
use super::native::{memory, sections};
use super::regions::{Kind, Region};
use super::status::About;
use crate::error::Error;
use crate::machine::Machine;
use crate::space::Space;

/// Bytes of a section at most, as on Linux.
const SECTION_MAX: u64 = 16 << 40;

/// A section as its views have it: it ends with the last of them.
#[derive(Debug)]
pub(super) struct SectionMemory {
    id: SectionId,
    bytes: u64,
    protection: Protection,
    handle: OwnedHandle,
    charge: Mutex<Charge>,
}

impl SectionMemory {
    pub(super) const fn id(&self) -> SectionId {
        self.id
    }

    /// Promises pages of it, until it ends.
    pub(super) fn take_over(&self, charge: Charge) {
        self.charge.lock().unwrap_or_else(PoisonError::into_inner).merge(charge);
    }
}

/// Memory of a machine that views map: what is written through one is seen through all.
///
/// It ends when its last view is unmapped and this is dropped.
///
/// Source: Microsoft's documentation of `CreateFileMapping` with `INVALID_HANDLE_VALUE`.
#[derive(Debug)]
pub struct Section {
    machine: Machine,
    memory: Arc<SectionMemory>,
}

impl Machine {
    /// A section of so many bytes, rounded up to pages, which are zeros; `protection` is the most
    /// that its views may do, as Windows' constant.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents of `CreateFileMapping`, or with
    /// [`Refusal::NoMemory`] above 16 TiB.
    pub fn create_section(&self, bytes: Bytes, protection: u32) -> Result<Section, Error> {
        self.section(bytes, protection, false)
    }

    /// The same with pages that are only reserved (`SEC_RESERVE`): they are promised when they are
    /// committed, by [`Space::allocate`] at addresses of a view, and are committed in every view
    /// then. An access before that is a violation.
    ///
    /// # Errors
    /// As [`Machine::create_section`].
    pub fn reserve_section(&self, bytes: Bytes, protection: u32) -> Result<Section, Error> {
        self.section(bytes, protection, true)
    }

    fn section(&self, bytes: Bytes, constant: u32, is_reserved: bool) -> Result<Section, Error> {
        let protection = Protection::from_windows(constant)?;
        if protection.modifier != Modifier::None || protection == Protection::NO_ACCESS {
            return Err(Refusal::InvalidPageProtection { constant }.into());
        }
        let size = bytes.0.div_ceil(PAGE_SIZE).checked_mul(PAGE_SIZE);
        let Some(size) = size.filter(|size| *size > 0) else {
            let (what, value) = ("the section's size", bytes.0);
            let expected = "at least one byte, and less than 16 EiB";
            return Err(Refusal::InvalidParameter { what, value, expected }.into());
        };
        if size > SECTION_MAX {
            return Err(Refusal::NoMemory { bytes }.into());
        }
        let charge = self.commit().charge(if is_reserved { 0 } else { size })?;
        // Windows has no section of instructions that cannot be read.
        let asked = match protection.base {
            Base::Execute => Protection::plain(Base::ExecuteRead),
            _ => protection,
        };
        let about = About { what: "creating a section", address: 0, bytes: size };
        let handle = sections::create(size, asked.windows(), is_reserved)
            .map_err(|error| about.refused(error))?;
        let (id, charge) = (self.next_section(), Mutex::new(charge));
        let memory = Arc::new(SectionMemory { id, bytes: size, protection, handle, charge });
        Ok(Section { machine: self.clone(), memory })
    }
}

impl Section {
    /// The machine it is of.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Its number in the machine.
    #[must_use]
    pub fn id(&self) -> SectionId {
        self.memory.id
    }

    /// Its size, in whole pages.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes(self.memory.bytes)
    }
}

/// What MapViewOfFileEx is asked for; it knows nothing of views without access, and of those that
/// execute only.
const fn access(protection: Protection) -> u32 {
    match protection.base {
        Base::NoAccess | Base::ReadOnly => FILE_MAP_READ,
        Base::ReadWrite => FILE_MAP_WRITE,
        Base::WriteCopy => FILE_MAP_COPY,
        Base::Execute | Base::ExecuteRead => FILE_MAP_READ | FILE_MAP_EXECUTE,
        Base::ExecuteReadWrite => FILE_MAP_WRITE | FILE_MAP_EXECUTE,
        Base::ExecuteWriteCopy => FILE_MAP_COPY | FILE_MAP_EXECUTE,
    }
}

impl Space {
    /// Maps a view of a section: `MapViewOfFile`. The base, an address of the process.
    ///
    /// `offset` is where it begins in the section, a multiple of 64 KiB; `bytes` of 0 take all from
    /// there on. A view of `PAGE_WRITECOPY` (`FILE_MAP_COPY`) has pages of its own where it writes,
    /// which are promised when it is mapped.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents, [`Refusal::NoMemory`] where the space has no
    /// addresses left; [`Error::OtherMachine`].
    pub fn map_view(
        &self,
        section: &Section,
        offset: u64,
        bytes: u64,
        protection: u32,
    ) -> Result<u64, Error> {
        if !self.machine().is(&section.machine) {
            return Err(Error::OtherMachine);
        }
        let of = &section.memory;
        let wanted = Protection::from_windows(protection)?;
        if wanted.is_guard() || wanted.is_uncached() {
            return Err(Refusal::InvalidPageProtection { constant: protection }.into());
        }
        if !of.protection.covers(wanted) {
            let (allowed, wanted) = (of.protection.windows(), protection);
            return Err(Refusal::SectionProtection { allowed, wanted }.into());
        }
        if !offset.is_multiple_of(ALLOCATION_GRANULARITY) {
            return Err(Refusal::MappedAlignment { value: offset }.into());
        }
        let length = if bytes == 0 { of.bytes.saturating_sub(offset) } else { bytes };
        if length == 0 || offset.checked_add(length).is_none_or(|end| end > of.bytes) {
            let (bytes, size) = (Bytes(bytes), Bytes(of.bytes));
            return Err(Refusal::InvalidViewSize { bytes, offset, size }.into());
        }
        let length = length.next_multiple_of(PAGE_SIZE);
        let mut regions = self.regions();
        if regions.bytes.saturating_add(length) > self.options().addresses.0 {
            return Err(Refusal::NoMemory { bytes: Bytes(length) }.into());
        }
        let copies = if wanted.copies_on_write() { length } else { 0 };
        let charge = self.machine().commit().charge(copies)?;
        let about = About { what: "mapping a view", address: 0, bytes: length };
        let base = sections::map(&of.handle, access(wanted), offset, length)
            .map_err(|error| about.refused(error))?;
        let (section, first) = (Arc::clone(of), offset / PAGE_SIZE);
        let kind = Kind::View { section, first, protection: wanted };
        regions.insert(Region { base, bytes: length, kind, charge });
        if matches!(wanted.base, Base::NoAccess | Base::Execute) {
            let protected = memory::protect(base, length, protection);
            protected.map_err(|error| {
                regions.release(base);
                about.refused(error)
            })?;
        }
        Ok(base)
    }

    /// Unmaps the view that an address is in: `UnmapViewOfFile`. No reference into it may be left.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`Refusal::NotMappedView`].
    pub fn unmap_view(&self, address: u64) -> Result<(), Error> {
        let mut regions = self.regions();
        let view = regions.at(address).filter(|region| matches!(region.kind, Kind::View { .. }));
        let base = view.ok_or(Refusal::NotMappedView { address })?.base;
        regions.release(base);
        Ok(())
    }
}
