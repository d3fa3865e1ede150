//! What a program calls, as data: for logs that replay, and for whoever makes calls at random.

use alloc::vec::Vec;

use crate::commands::{ListCommand, ListCounts};
use crate::input::Input;
use crate::manager::Manager;
use crate::page::{Access, Pfn, SectionId, SpaceId, Tick};
use crate::pools::{PoolAllocation, PoolAllocationId};
use crate::refusal::Refusal;
use crate::section::create::SectionConfig;
use crate::section::view::View;
use crate::space::SpaceConfig;
use crate::space::allocate::Allocation;
use crate::space::offer::OfferPriority;
use crate::space::query::RegionInfo;

/// A range of a space, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Range {
    /// In which space.
    pub space: SpaceId,
    /// The first byte.
    pub address: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A call of a method of [`Manager`]; each variant is named as its method.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[expect(missing_docs, reason = "each variant is a method, and is documented there")]
pub enum Call {
    CreateSpace(SpaceConfig),
    DestroySpace(SpaceId),
    SetPagePriority(SpaceId, u8),
    Allocate(SpaceId, Allocation),
    AllocateStack { space: SpaceId, reserved: u64, committed: u64, guarantee: u64 },
    Free(Range, u32),
    Protect(Range, u32),
    Query(SpaceId, u64),
    Unlock(Range),
    WriteWatch { range: Range, resets: bool, most: usize },
    ResetWriteWatch(Range),
    Offer(Range, OfferPriority),
    ReclaimOffered(Range),
    Discard(Range),
    Prefetch(Range),
    AllocatePhysical(SpaceId, u64),
    MapPhysical { space: SpaceId, address: u64, pages: u64, frames: Vec<Pfn> },
    FreePhysical(SpaceId, Vec<Pfn>),
    CreateSection(SectionConfig),
    CloseSection(SectionId),
    HoldWrites(SectionId),
    ReleaseWrites(SectionId),
    MapView(SpaceId, View),
    UnmapView(SpaceId, u64),
    SetWorkingSetLimits { space: SpaceId, minimum: u64, maximum: u64, hard: (bool, bool) },
    EmptyWorkingSet(SpaceId),
    Command(ListCommand),
    ListCounts,
    AllocatePool(PoolAllocation),
    FreePool(PoolAllocationId),
    MarkBad(Pfn),
}

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// It is done.
    Done,
    /// A space.
    Space(SpaceId),
    /// A section.
    Section(SectionId),
    /// A base address, in bytes.
    Address(u64),
    /// A protection as Windows' constant.
    Protection(u32),
    /// What a region is.
    Region(RegionInfo),
    /// Addresses, in bytes.
    Addresses(Vec<u64>),
    /// Physical pages.
    Frames(Vec<Pfn>),
    /// So many pages.
    Pages(u64),
    /// The lists.
    Lists(ListCounts),
    /// An allocation from a pool.
    Pool(PoolAllocationId),
    /// Whether a resident access passed.
    Touched(bool),
}

/// Anything that can happen to a manager: a log of these replays it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event {
    /// An input at its moment.
    Input(Tick, Input),
    /// A call.
    Call(Call),
    /// A resident access.
    Touch(SpaceId, u64, Access),
}

impl Manager {
    /// Makes a call.
    ///
    /// # Errors
    /// What its method refuses.
    pub fn call(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call {
            Call::CreateSpace(config) => self.create_space(*config).map(Reply::Space),
            Call::DestroySpace(space) => self.destroy_space(*space).map(done),
            Call::SetPagePriority(space, priority) => {
                self.set_page_priority(*space, *priority).map(done)
            }
            Call::Allocate(space, allocation) => {
                self.allocate(*space, allocation).map(Reply::Address)
            }
            Call::AllocateStack { space, reserved, committed, guarantee } => {
                self.allocate_stack(*space, *reserved, *committed, *guarantee).map(Reply::Address)
            }
            Call::Query(space, address) => self.query(*space, *address).map(Reply::Region),
            Call::AllocatePhysical(space, pages) => {
                self.allocate_physical(*space, *pages).map(Reply::Frames)
            }
            Call::MapPhysical { space, address, pages, frames } => {
                self.map_physical(*space, *address, *pages, frames).map(done)
            }
            Call::FreePhysical(space, frames) => self.free_physical(*space, frames).map(done),
            Call::SetWorkingSetLimits { space, minimum, maximum, hard } => {
                self.set_working_set_limits(*space, *minimum, *maximum, *hard).map(done)
            }
            Call::EmptyWorkingSet(space) => {
                self.empty_working_set(*space).map(|pages| Reply::Pages(u64::from(pages)))
            }
            Call::Command(command) => Ok(Reply::Pages(self.command(*command))),
            Call::ListCounts => Ok(Reply::Lists(self.list_counts())),
            Call::AllocatePool(allocation) => self.allocate_pool(*allocation).map(Reply::Pool),
            Call::FreePool(id) => self.free_pool(*id).map(done),
            Call::MarkBad(frame) => self.mark_bad(*frame).map(done),
            ranged => self.call_on_range_or_section(ranged),
        }
    }

    fn call_on_range_or_section(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let parts = |range: &Range| (range.space, range.address, range.bytes);
        match call {
            Call::Free(range, kind) => {
                let (space, address, bytes) = parts(range);
                self.free(space, address, bytes, *kind).map(done)
            }
            Call::Protect(range, constant) => {
                let (space, address, bytes) = parts(range);
                self.protect(space, address, bytes, *constant).map(Reply::Protection)
            }
            Call::Unlock(range) => {
                let (space, address, bytes) = parts(range);
                self.unlock(space, address, bytes).map(done)
            }
            Call::WriteWatch { range, resets, most } => {
                let (space, address, bytes) = parts(range);
                self.write_watch(space, address, bytes, *resets, *most).map(Reply::Addresses)
            }
            Call::ResetWriteWatch(range) => {
                let (space, address, bytes) = parts(range);
                self.reset_write_watch(space, address, bytes).map(done)
            }
            Call::Offer(range, priority) => {
                let (space, address, bytes) = parts(range);
                self.offer(space, address, bytes, *priority).map(done)
            }
            Call::ReclaimOffered(range) => {
                let (space, address, bytes) = parts(range);
                self.reclaim_offered(space, address, bytes).map(done)
            }
            Call::Discard(range) => {
                let (space, address, bytes) = parts(range);
                self.discard(space, address, bytes).map(done)
            }
            Call::Prefetch(range) => {
                let (space, address, bytes) = parts(range);
                self.prefetch(space, address, bytes).map(done)
            }
            Call::CreateSection(config) => self.create_section(config).map(Reply::Section),
            Call::CloseSection(section) => self.close_section(*section).map(done),
            Call::HoldWrites(section) => self.hold_writes(*section).map(done),
            Call::ReleaseWrites(section) => self.release_writes(*section).map(done),
            Call::MapView(space, view) => self.map_view(*space, view).map(Reply::Address),
            Call::UnmapView(space, address) => self.unmap_view(*space, *address).map(done),
            _ => unreachable!("the others are handled by call"),
        }
    }

    /// Lets anything happen that a log can hold.
    ///
    /// # Errors
    /// What a call refuses.
    pub fn apply(&mut self, event: &Event) -> Result<Reply, Refusal> {
        match event {
            Event::Input(now, input) => {
                self.handle(*now, input.clone());
                Ok(Reply::Done)
            }
            Event::Call(call) => self.call(call),
            Event::Touch(space, address, access) => {
                Ok(Reply::Touched(self.touch(*space, *address, *access)))
            }
        }
    }
}

const fn done((): ()) -> Reply {
    Reply::Done
}
