//! Any inputs and calls, those that no sane world makes included: the manager neither panics nor
//! loses its soundness.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_core::page::{Access, Pfn, SectionId, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Backing, Call, Compressed, Config, Event, Input, IoError, Layout, ListCommand,
    Manager, OfferPriority, OperationId, PoolAllocation, PoolAllocationId, PoolKind, Privileges,
    Range, SectionConfig, SpaceConfig, View,
};

/// Small numbers are mostly meant; now and then a wild one.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn small(&mut self) -> u32 {
        u32::from(self.byte() % 8)
    }

    fn number(&mut self) -> u64 {
        let byte = u64::from(self.byte());
        if byte < 0xf0 { byte } else { u64::MAX >> (self.byte() % 64) }
    }

    fn address(&mut self) -> u64 {
        match self.byte() {
            byte @ 0..0xe0 => (0x10 + u64::from(byte % 64)) << 12,
            0xe0..0xf0 => self.number() << 12 | u64::from(self.byte()),
            _ => self.number(),
        }
    }

    fn size(&mut self) -> u64 {
        match self.byte() {
            byte @ 0..0xe0 => u64::from(byte % 32) << 12,
            byte @ 0xe0..0xf0 => 1 << (byte % 64),
            _ => self.number(),
        }
    }

    fn space(&mut self) -> SpaceId {
        SpaceId(self.small() % 3)
    }

    fn range(&mut self) -> Range {
        Range { space: self.space(), address: self.address(), bytes: self.size() }
    }

    fn access(&mut self) -> Access {
        [Access::Read, Access::Write, Access::Execute][usize::from(self.byte() % 3)]
    }

    fn protection(&mut self) -> u32 {
        let byte = self.byte();
        1 << (byte % 8) | if byte >= 0xc0 { 0x100 << (byte % 4) } else { 0 }
    }

    fn result(&mut self) -> Result<(), IoError> {
        if self.byte() < 0xc0 { Ok(()) } else { Err(IoError(5)) }
    }

    fn frames(&mut self) -> Vec<Pfn> {
        (0..self.byte() % 4).map(|_| Pfn(self.number() as u32)).collect()
    }

    fn input(&mut self) -> Input {
        let operation = OperationId(self.small());
        let thread = ThreadId(self.small());
        let space = self.space();
        match self.byte() % 12 {
            0..4 => Input::Fault { thread, space, address: self.address(), access: self.access() },
            4 => Input::Lock { thread, space, address: self.address(), bytes: self.size() },
            5 => Input::ReadDone { operation, result: self.result() },
            6 => Input::WriteDone { operation, result: self.result() },
            7 => {
                let outcome = [
                    Compressed::Bytes(self.number() as u16),
                    Compressed::Same(self.number()),
                    Compressed::Incompressible,
                ];
                let pages = (0..self.byte() % 20).map(|step| outcome[usize::from(step) % 3]);
                Input::CompressDone { operation, pages: pages.collect() }
            }
            8 => {
                let result = self.result().map(|()| self.number() as u32);
                Input::ExtendDone { operation, result }
            }
            9 => Input::Lost { frame: Pfn(self.number() as u32), error: IoError(5) },
            10 => Input::Idle { pages: self.small() },
            _ => match self.byte() % 3 {
                0 => Input::Tick,
                1 => Input::ThreadEnded { thread },
                _ => Input::Accessed { space, address: self.address() },
            },
        }
    }

    fn call(&mut self) -> Call {
        let space = self.space();
        let section = SectionId(self.small() % 4);
        match self.byte() % 30 {
            0 => Call::CreateSpace(SpaceConfig {
                layout: Layout::ALL[usize::from(self.byte() % 5)],
                privileges: Privileges { lock_memory: self.byte() % 2 == 0 },
                page_priority: (self.byte() > 0x80).then(|| self.byte() % 9),
            }),
            1 => Call::DestroySpace(space),
            2 => Call::SetPagePriority(space, self.byte() % 9),
            3..7 => Call::Allocate(space, self.allocation()),
            7 => Call::AllocateStack {
                space,
                reserved: self.size(),
                committed: self.size(),
                guarantee: self.size(),
            },
            8 => Call::Free(self.range(), [0x4000, 0x8000, 0xc000][usize::from(self.byte() % 3)]),
            9 => Call::Free(Range { bytes: 0, ..self.range() }, 0x8000),
            10 => Call::Protect(self.range(), self.protection()),
            11 => Call::Query(space, self.address()),
            12 => Call::Unlock(self.range()),
            13 => Call::WriteWatch { range: self.range(), resets: true, most: 3 },
            14 => Call::ResetWriteWatch(self.range()),
            15 => Call::Offer(self.range(), OfferPriority::VeryLow),
            16 => Call::ReclaimOffered(self.range()),
            17 => Call::Discard(self.range()),
            18 => Call::Prefetch(self.range()),
            19 => Call::AllocatePhysical(space, self.number()),
            20 => {
                let (address, pages) = (self.address(), u64::from(self.small()));
                Call::MapPhysical { space, address, pages, frames: self.frames() }
            }
            21 => Call::FreePhysical(space, self.frames()),
            22 => Call::CreateSection(SectionConfig {
                bytes: self.size(),
                protection: self.protection(),
                backing: [Backing::PageFile, Backing::File][usize::from(self.byte() % 2)],
                is_reserved: self.byte() % 3 == 0,
            }),
            23 => Call::CloseSection(section),
            24 => Call::MapView(space, self.view(section)),
            25 => Call::UnmapView(space, self.address()),
            26 => Call::Command(ListCommand::ALL[usize::from(self.byte() % 6)]),
            27 => Call::SetWorkingSetLimits {
                space,
                minimum: self.size(),
                maximum: self.size(),
                hard: (self.byte() % 2 == 0, self.byte() % 2 == 0),
            },
            28 => self.pool_call(),
            _ => [Call::HoldWrites(section), Call::ReleaseWrites(section), Call::ListCounts]
                [usize::from(self.byte() % 3)]
            .clone(),
        }
    }

    fn allocation(&mut self) -> Allocation {
        let kinds =
            [0x3000, 0x3000, 0x2000, 0x1000, 0x20_2000, 0x40_2000, 0x8_0000, 0x100_0000, 0x10_3000];
        let kind = match usize::from(self.byte()) {
            byte @ 0..0xf0 => kinds[byte % kinds.len()],
            _ => self.number() as u32,
        };
        let address = if self.byte() < 0x80 { 0 } else { self.address() };
        Allocation { address, bytes: self.size(), kind, protection: self.protection() }
    }

    fn view(&mut self, section: SectionId) -> View {
        let address = if self.byte() < 0xc0 { 0 } else { self.address() };
        let offset = u64::from(self.small() % 2) << 16;
        View { section, address, offset, bytes: self.size(), protection: self.protection() }
    }

    fn pool_call(&mut self) -> Call {
        match self.byte() % 3 {
            0 => Call::FreePool(PoolAllocationId(self.small())),
            1 => Call::MarkBad(Pfn(self.number() as u32)),
            _ => Call::AllocatePool(PoolAllocation {
                pool: PoolKind::ALL[usize::from(self.byte() % 2)],
                bytes: self.size(),
                tag: *b"Fuzz",
            }),
        }
    }

    fn event(&mut self) -> Event {
        match self.byte() % 8 {
            0..4 => Event::Input(Tick(self.number() << 24), self.input()),
            4..7 => Event::Call(self.call()),
            _ => Event::Touch(self.space(), self.address(), self.access()),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = Bytes(bytes);
    let mut config = Config::new(1 + u32::from(bytes.byte() % 80)).with_page_file(20, 60);
    if bytes.byte() % 2 == 0 {
        config = config.with_store(4);
    }
    let mut manager = Manager::new(config).expect("a machine");
    let _ = manager.create_space(SpaceConfig::default());
    while !bytes.0.is_empty() {
        let event = bytes.event();
        let _ = manager.apply(&event);
        while manager.poll_output().is_some() {}
        if let Err(unsound) = manager.verify() {
            panic!("{unsound} after {event:?}");
        }
    }
});
