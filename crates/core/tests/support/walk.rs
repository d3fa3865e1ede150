//! A walk at random through everything that can happen to a manager, the same for the same seed.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::cast_possible_truncation, reason = "all numbers are below small bounds")]

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SectionId, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Backing, Call, Compressed, Event, Input, IoError, ListCommand, MEM_DECOMMIT,
    MEM_RELEASE, MEM_RESET, MEM_RESET_UNDO, Manager, OfferPriority, OperationId, Output,
    PoolAllocation, PoolAllocationId, PoolKind, Privileges, Range, Refusal, Reply, SectionConfig,
    SpaceConfig, View,
};

/// Marsaglia's xorshift: enough for a test, and the same everywhere.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// A number below a bound.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        (!choices.is_empty()).then(|| choices[self.below(choices.len() as u64) as usize])
    }
}

/// What was begun and must end.
#[derive(Clone, Copy)]
enum Begun {
    Read(OperationId),
    Write(OperationId),
    Compress(OperationId, usize),
    Extend(OperationId, u32),
}

/// The walk: what it knows of the manager, by its replies and outputs.
pub(crate) struct Walk {
    random: Random,
    now: Tick,
    thread: u32,
    spaces: Vec<SpaceId>,
    regions: Vec<Range>,
    sections: Vec<SectionId>,
    pools: Vec<PoolAllocationId>,
    frames: Vec<(SpaceId, Pfn)>,
    begun: Vec<Begun>,
}

impl Walk {
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            now: Tick(0),
            thread: 0,
            spaces: Vec::new(),
            regions: Vec::new(),
            sections: Vec::new(),
            pools: Vec::new(),
            frames: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// Lets one thing happen; its event, the reply and the outputs.
    pub(crate) fn step(
        &mut self,
        manager: &mut Manager,
    ) -> (Event, Result<Reply, Refusal>, Vec<Output>) {
        let event = self.event();
        let reply = manager.apply(&event);
        self.learn(&event, &reply);
        let mut outputs = Vec::new();
        while let Some(output) = manager.poll_output() {
            self.see(&output, manager);
            outputs.push(output);
        }
        (event, reply, outputs)
    }

    fn event(&mut self) -> Event {
        self.now = self.now.after(Tick(self.random.below(20_000_000)));
        match self.random.below(100) {
            0..=44 => self.access(),
            45..=64 => self.end_something(),
            65..=71 => Event::Call(self.allocation()),
            72..=93 => self.call_on_range().map_or_else(|| self.tick(), Event::Call),
            94..=97 => self.call_on_system().map_or_else(|| self.tick(), Event::Call),
            _ => self.rare_input(),
        }
    }

    const fn tick(&self) -> Event {
        Event::Input(self.now, Input::Tick)
    }

    /// A byte of a region, or now and then one of nothing.
    fn place(&mut self) -> (SpaceId, u64) {
        match self.random.one_of(&self.regions) {
            Some(region) if self.random.below(50) > 0 => {
                (region.space, region.address + self.random.below(region.bytes))
            }
            _ => (SpaceId(self.random.below(3) as u32), self.random.below(1 << 33)),
        }
    }

    fn access(&mut self) -> Event {
        let (space, address) = self.place();
        let access = [Access::Read, Access::Write, Access::Write, Access::Execute];
        let access = access[self.random.below(4) as usize];
        if self.random.below(3) == 0 {
            return Event::Touch(space, address, access);
        }
        self.thread += 1;
        let thread = ThreadId(self.thread);
        let input = match self.random.below(30) {
            0 => Input::Lock { thread, space, address, bytes: 1 + self.random.below(9000) },
            1 => Input::Accessed { space, address },
            _ => Input::Fault { thread, space, address, access },
        };
        Event::Input(self.now, input)
    }

    fn end_something(&mut self) -> Event {
        if self.begun.is_empty() {
            return self.tick();
        }
        let place = self.random.below(self.begun.len() as u64) as usize;
        let result = if self.random.below(15) == 0 { Err(IoError(5)) } else { Ok(()) };
        let input = match self.begun.swap_remove(place) {
            Begun::Read(operation) => Input::ReadDone { operation, result },
            Begun::Write(operation) => Input::WriteDone { operation, result },
            Begun::Extend(operation, pages) => {
                Input::ExtendDone { operation, result: result.map(|()| pages) }
            }
            Begun::Compress(operation, count) => {
                let pages = (0..count).map(|_| match self.random.below(5) {
                    0 => Compressed::Incompressible,
                    1 => Compressed::Same(self.random.below(3)),
                    _ => Compressed::Bytes(1 + self.random.below(2500) as u16),
                });
                Input::CompressDone { operation, pages: pages.collect() }
            }
        };
        Event::Input(self.now, input)
    }

    fn allocation(&mut self) -> Call {
        let Some(space) = self.random.one_of(&self.spaces) else { return self.new_space() };
        let bytes = (1 + self.random.below(24)) * PAGE_SIZE;
        match self.random.below(12) {
            0 if self.spaces.len() < 4 => self.new_space(),
            0 | 1 => {
                let backing = [Backing::PageFile, Backing::File][self.random.below(2) as usize];
                let is_reserved = backing == Backing::PageFile && self.random.below(3) == 0;
                let protection = 0x40;
                Call::CreateSection(SectionConfig { bytes, protection, backing, is_reserved })
            }
            2..=4 if !self.sections.is_empty() => {
                let section = self.random.one_of(&self.sections).unwrap_or(SectionId(0));
                let protection = [0x02, 0x04, 0x08, 0x80][self.random.below(4) as usize];
                Call::MapView(space, View { section, address: 0, offset: 0, bytes: 0, protection })
            }
            5 => {
                let (reserved, guarantee) = (bytes, self.random.below(2) * PAGE_SIZE);
                Call::AllocateStack { space, reserved, committed: PAGE_SIZE, guarantee }
            }
            kind => {
                let kind = [0x20_3000, 0x2000, 0x40_2000, 0x10_3000, 0x3000][kind as usize % 5];
                Call::Allocate(space, Allocation { address: 0, bytes, kind, protection: 0x04 })
            }
        }
    }

    const fn new_space(&mut self) -> Call {
        let privileges = Privileges { lock_memory: true };
        let page_priority = Some(self.random.below(8) as u8);
        let layout = memtide_core::Layout::User128T;
        Call::CreateSpace(SpaceConfig { layout, privileges, page_priority })
    }

    /// A range of whole pages in a region.
    fn range(&mut self) -> Option<Range> {
        let region = self.random.one_of(&self.regions)?;
        let pages = region.bytes / PAGE_SIZE;
        let first = self.random.below(pages);
        let bytes = (1 + self.random.below(pages - first)) * PAGE_SIZE;
        Some(Range { address: region.address + first * PAGE_SIZE, bytes, ..region })
    }

    fn call_on_range(&mut self) -> Option<Call> {
        let range = self.range()?;
        let Range { space, address, bytes } = range;
        let flag = self.random.below(2) == 0;
        let memory =
            |kind| Call::Allocate(space, Allocation { address, bytes, kind, protection: 0x04 });
        Some(match self.random.below(18) {
            0 => Call::Free(range, MEM_DECOMMIT),
            1 => self.removal(),
            2 | 3 => {
                let constants = [0x01, 0x02, 0x04, 0x08, 0x20, 0x40, 0x104];
                Call::Protect(range, constants[self.random.below(7) as usize])
            }
            4 => Call::Query(space, address),
            5 => Call::Unlock(range),
            6 => Call::WriteWatch { range, resets: flag, most: 3 },
            7 => Call::ResetWriteWatch(range),
            8 => Call::Offer(range, [OfferPriority::VeryLow, OfferPriority::Normal][flag as usize]),
            9 => Call::ReclaimOffered(range),
            10 => Call::Discard(range),
            11 => Call::Prefetch(range),
            12 => memory(MEM_RESET),
            13 => memory(MEM_RESET_UNDO),
            14 => {
                let frame = self.random.one_of(&self.frames).filter(|_| flag);
                let frames = frame.map(|(_, pfn)| pfn).into_iter().collect();
                Call::MapPhysical { space, address, pages: 1, frames }
            }
            _ => memory(0x1000),
        })
    }

    /// A region goes; the reply does not matter, the walk forgets it.
    fn removal(&mut self) -> Call {
        let place = self.random.below(self.regions.len() as u64) as usize;
        let region = self.regions.swap_remove(place);
        match self.random.below(2) {
            0 => Call::UnmapView(region.space, region.address),
            _ => Call::Free(Range { bytes: 0, ..region }, MEM_RELEASE),
        }
    }

    fn call_on_system(&mut self) -> Option<Call> {
        let space = self.random.one_of(&self.spaces)?;
        let section = self.random.one_of(&self.sections);
        Some(match self.random.below(14) {
            0..=3 => Call::Command(ListCommand::ALL[self.random.below(6) as usize]),
            4 => Call::EmptyWorkingSet(space),
            5 => {
                let minimum = (20 + self.random.below(20)) * PAGE_SIZE;
                let hard = (self.random.below(2) == 0, self.random.below(2) == 0);
                Call::SetWorkingSetLimits { space, minimum, maximum: 2 * minimum, hard }
            }
            6 => Call::SetPagePriority(space, self.random.below(9) as u8),
            7 => Call::AllocatePhysical(space, 1 + self.random.below(4)),
            8 => {
                let (space, frame) = self.random.one_of(&self.frames)?;
                Call::FreePhysical(space, vec![frame])
            }
            9 => Call::AllocatePool(PoolAllocation {
                pool: PoolKind::ALL[self.random.below(2) as usize],
                bytes: self.random.below(6 << 20),
                tag: *b"Walk",
            }),
            10 | 11 => {
                let place = self.random.below(self.pools.len().max(1) as u64) as usize;
                Call::FreePool((place < self.pools.len()).then(|| self.pools.swap_remove(place))?)
            }
            12 => match self.random.below(3) {
                0 => Call::CloseSection(section?),
                1 => Call::HoldWrites(section?),
                _ => Call::ReleaseWrites(section?),
            },
            _ if self.spaces.len() > 1 && self.random.below(6) == 0 => Call::DestroySpace(space),
            _ => Call::ListCounts,
        })
    }

    fn rare_input(&mut self) -> Event {
        let input = match self.random.below(40) {
            0 => Input::Lost { frame: Pfn(self.random.below(130) as u32), error: IoError(7) },
            1 => return Event::Call(Call::MarkBad(Pfn(self.random.below(40) as u32 * 3))),
            2..=5 => Input::ThreadEnded { thread: ThreadId(self.thread) },
            6..=20 => Input::Idle { pages: self.random.below(9) as u32 },
            _ => {
                self.now = self.now.after(Tick::SECOND);
                Input::Tick
            }
        };
        Event::Input(self.now, input)
    }

    fn learn(&mut self, event: &Event, reply: &Result<Reply, Refusal>) {
        match (event, reply) {
            (Event::Call(Call::DestroySpace(space)), Ok(_)) => {
                self.spaces.retain(|known| known != space);
                self.regions.retain(|region| region.space != *space);
                self.frames.retain(|(of, _)| of != space);
            }
            (Event::Call(Call::CloseSection(section)), Ok(_)) => {
                self.sections.retain(|known| known != section);
            }
            (Event::Call(Call::FreePhysical(_, freed)), Ok(_)) => {
                self.frames.retain(|(_, frame)| !freed.contains(frame));
            }
            (_, Ok(Reply::Space(space))) => self.spaces.push(*space),
            (_, Ok(Reply::Section(section))) => self.sections.push(*section),
            (_, Ok(Reply::Pool(id))) => self.pools.push(*id),
            (Event::Call(Call::AllocatePhysical(space, _)), Ok(Reply::Frames(frames))) => {
                self.frames.extend(frames.iter().map(|frame| (*space, *frame)));
            }
            (Event::Call(call), Ok(Reply::Address(address))) => {
                let (space, bytes) = match call {
                    Call::Allocate(space, wanted) if wanted.address == 0 => (*space, wanted.bytes),
                    Call::AllocateStack { space, reserved, .. } => (*space, *reserved),
                    Call::MapView(space, _) => (*space, PAGE_SIZE),
                    _ => return,
                };
                self.regions.push(Range { space, address: *address, bytes });
            }
            _ => {}
        }
    }

    fn see(&mut self, output: &Output, manager: &Manager) {
        match *output {
            Output::Read { operation } => self.begun.push(Begun::Read(operation)),
            Output::Write { operation } => self.begun.push(Begun::Write(operation)),
            Output::Compress { operation } => {
                let count = manager.frames_of(operation).len();
                self.begun.push(Begun::Compress(operation, count));
            }
            Output::ExtendPageFile { operation, pages, .. } => {
                self.begun.push(Begun::Extend(operation, pages));
            }
            _ => {}
        }
    }
}
