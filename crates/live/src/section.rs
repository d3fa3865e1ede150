//! A section: memory that is mapped in several places, of one space or of several.

use memtide_core::page::{Access, PAGE_SIZE, SectionId};
use memtide_core::units::Bytes;
use memtide_core::{Backing, Call, Protection, Refusal, Reply, SectionConfig, View as Wanted};

use crate::error::Error;
use crate::frames::SECTION_PAGES_MAX;
use crate::machine::Machine;
use crate::pager::view::View;
use crate::space::Space;
use crate::uffd::{OpenError, SharedMemory, Sharing};

/// Memory of a machine that views map: what is written through one is seen through all.
///
/// A page of it counts once, however many views map it, and goes to the compression store and the
/// page file as any other. It ends when its last view is unmapped and this is dropped.
///
/// Source: Microsoft's documentation of `CreateFileMapping` with `INVALID_HANDLE_VALUE`.
#[derive(Debug)]
pub struct Section {
    machine: Machine,
    id: SectionId,
    bytes: u64,
}

impl Machine {
    /// A section of so many bytes, rounded up to pages, which are zeros; `protection` is the most
    /// that its views may do, as Windows' constant.
    ///
    /// # Errors
    /// [`Error::Refused`] with what Windows documents of `CreateFileMapping`, or with
    /// [`Refusal::NoMemory`] above 16 TiB; [`Error::System`].
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

    fn section(&self, bytes: Bytes, protection: u32, is_reserved: bool) -> Result<Section, Error> {
        let pages = bytes.0.div_ceil(PAGE_SIZE);
        if pages > SECTION_PAGES_MAX {
            return Err(Refusal::NoMemory { bytes }.into());
        }
        let backing = Backing::PageFile;
        let config = SectionConfig { bytes: bytes.0, protection, backing, is_reserved };
        let created = self.pager().call_and(&Call::CreateSection(config), |state, reply| {
            let Reply::Section(id) = reply else { unreachable!("a section answered {reply:?}") };
            let file = SharedMemory::new(pages * PAGE_SIZE);
            file.map(|file| state.add_section(id, file, pages)).map(|()| id).inspect_err(|_| {
                // It was just created, so that it can be closed.
                let _ = state.call(&Call::CloseSection(id));
            })
        });
        let id = created?.map_err(Error::system("the memory of a section"))?;
        Ok(Section { machine: self.clone(), id, bytes: pages * PAGE_SIZE })
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
    pub const fn id(&self) -> SectionId {
        self.id
    }

    /// Its size, in whole pages.
    #[must_use]
    pub const fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        let closed = self
            .machine
            .pager()
            .call_and(&Call::CloseSection(self.id), |state, _| state.remove_sections());
        debug_assert!(closed.is_ok(), "closing a section: {closed:?}");
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
    /// addresses left; [`Error::OtherMachine`]; [`Error::Faults`] before Linux 6.6;
    /// [`Error::System`].
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
        let pager = self.machine().pager();
        if !pager.lock().can_share(self.id()) {
            let (missing, since) = ("mapping of a page in several places", "Linux 6.6");
            return Err(OpenError::TooOld { missing, since }.into());
        }
        let (space, section_id) = (self.id(), section.id);
        let wanted = Wanted { section: section_id, address: 0, offset, bytes, protection };
        let length = if bytes == 0 { section.bytes.saturating_sub(offset) } else { bytes };
        let length = length.next_multiple_of(PAGE_SIZE);
        let most = self.options().addresses.0;
        let asked = Protection::from_windows(protection)?;
        let mapped = pager.call_and(&Call::MapView(space, wanted), |state, reply| {
            let Reply::Address(start) = reply else { unreachable!("a view answered {reply:?}") };
            let first = offset / PAGE_SIZE;
            let sharing = if asked.writable() { Sharing::Shared } else { Sharing::Copied };
            let executes = asked.allows(Access::Execute);
            let section = section_id;
            let view = View { space, start, bytes: length, section, first, sharing, executes };
            let added = if start.saturating_add(length) > most {
                Err(Refusal::NoMemory { bytes: Bytes(length) }.into())
            } else {
                state.add_view(view).map_err(Error::system("mapping a view"))
            };
            added.map(|()| start).inspect_err(|_| {
                // It was just mapped, so that it can be unmapped.
                let _ = state.call(&Call::UnmapView(space, start));
            })
        });
        Ok(self.base() + mapped??)
    }

    /// Unmaps the view that an address is in: `UnmapViewOfFile`. No reference into it may be left.
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Refused`] with [`Refusal::NotMappedView`]; [`Error::System`]
    /// where the process has no mappings left.
    pub fn unmap_view(&self, address: u64) -> Result<(), Error> {
        let inside = self.inside(address)?;
        self.machine().pager().lock().unmap_view(self.id(), inside)
    }
}
