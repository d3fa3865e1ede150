//! A run: whatever a source of numbers chooses, done to a world and to the model, and compared
//! after every step.

use std::cell::Cell;
use std::rc::Rc;

use memtide_core::page::{Access, Pfn, SectionId, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Backing, Config, DirtyTracking, Exception, Input, IoError, ListCommand, MEM_COMMIT,
    MEM_DECOMMIT, MEM_PHYSICAL, MEM_RELEASE, MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN,
    MEM_WRITE_WATCH, OfferPriority, Protection, Refusal, SectionConfig, View,
};

use super::{Content, Kind, Model, Page, Region, Section};
use crate::support::{Answer, World, file_mark};

const PAGE: u64 = 4096;
const PROTECTIONS: [u32; 9] = [0x04, 0x04, 0x02, 0x01, 0x104, 0x102, 0x40, 0x20, 0x204];
const VIEW_PROTECTIONS: [u32; 5] = [0x04, 0x02, 0x08, 0x01, 0x08];

/// Where choices come from.
#[derive(Clone)]
pub(crate) enum Random {
    /// A generator: the same seed gives the same run everywhere.
    Seed(u64),
    /// The bytes of a fuzzer, two a choice; zeros when they are used up.
    #[allow(dead_code, reason = "the fuzz target makes it")]
    Bytes(std::collections::VecDeque<u8>),
}

impl Random {
    fn next(&mut self) -> u64 {
        match self {
            Self::Seed(state) => Self::mix(state),
            Self::Bytes(bytes) => {
                let mut byte = || u64::from(bytes.pop_front().unwrap_or(0));
                byte() << 8 | byte()
            }
        }
    }

    /// Whether there are choices left.
    pub(crate) fn is_left(&self) -> bool {
        match self {
            Self::Seed(_) => true,
            Self::Bytes(bytes) => !bytes.is_empty(),
        }
    }

    /// SplitMix64.
    fn mix(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let index = self.below(from.len() as u64) as usize;
        from.get(index).copied()
    }
}

/// What a thread is waiting for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    space: SpaceId,
    address: u64,
    written: Option<u64>,
    /// The range of a lock, in pages.
    lock: Option<(u64, u64)>,
    /// Whether pages of its range were unlocked before its lock had ended.
    is_overtaken: bool,
}

/// A world, the model of it, and what its threads wait for.
pub(crate) struct Run {
    random: Random,
    world: World,
    model: Model,
    wishes: Vec<Option<Wish>>,
    /// Values are never written twice, so a stale one shows.
    next_value: u64,
    /// Per mille of I/O that fails.
    failing: Rc<Cell<u64>>,
    has_failed: bool,
    frames: u32,
    traces: bool,
}

const THREADS: usize = 5;

impl Run {
    /// A machine of the source's choice.
    pub(crate) fn new(mut random: Random) -> Self {
        let frames = match random.below(4) {
            0 => 1 + random.below(6) as u32,
            1 => 8 + random.below(24) as u32,
            _ => 32 + random.below(160) as u32,
        };
        let mut config = Config::new(frames);
        for _ in 0..random.below(3) {
            let initial = random.below(200) as u32;
            config = config.with_page_file(initial, initial + random.below(300) as u32);
        }
        if random.chance(50) {
            config = config.with_store(1 + random.below(u64::from(frames) / 3 + 1) as u32);
        }
        if random.chance(50) {
            config.dirty_tracking = DirtyTracking::Fault;
        }
        let policy = &mut config.policy;
        policy.demand_zero_max = 1 + random.below(8) as u32;
        policy.map_ahead_max = 1 + random.below(8) as u32;
        policy.read_cluster_max = 1 + random.below(16) as u32;
        policy.map_ahead_max = 1 + random.below(8) as u32;
        policy.read_ahead_min = random.below(5) as u32;
        policy.write_cluster = 1 + random.below(16) as u32;
        policy.modified_high = 1 + random.below(32) as u32;
        policy.writes_max = 1 + random.below(4) as u32;
        policy.age_batch = 1 + random.below(64) as u32;
        if random.chance(30) {
            policy.working_set_minimum = 0;
        }
        let mut world = World::new(config);
        let failing = Rc::new(Cell::new(0));
        let (rate, mut luck) = (Rc::clone(&failing), Random::Seed(random.next()));
        world.faults = Box::new(move |_| match luck.below(1000) < rate.get() {
            true => Err(IoError(5)),
            false => Ok(()),
        });
        Self {
            random,
            world,
            model: Model::default(),
            wishes: vec![None; THREADS],
            next_value: 1,
            failing,
            has_failed: false,
            frames,
            traces: std::env::var_os("MEMTIDE_TRACE").is_some(),
        }
    }

    /// So many steps, fewer where the source runs out; then everything ends.
    pub(crate) fn steps(&mut self, steps: u64) {
        for _ in 0..steps {
            if !self.random.is_left() {
                break;
            }
            self.step();
        }
        self.failing.set(0);
        self.end();
    }

    fn step(&mut self) {
        if self.random.chance(1) {
            let rate = self.random.pick(&[0, 0, 20, 200]).unwrap_or(0);
            self.failing.set(rate);
            self.has_failed |= rate > 0;
        }
        let choice = self.random.below(100);
        if self.traces {
            let counts = self.world.manager.list_counts();
            eprintln!("choice {choice}, wishes {:?}, {counts:?}", self.wishes);
            self.world.take_log().iter().for_each(|output| eprintln!("    {output:?}"));
        }
        match choice {
            0..50 => self.access(),
            50..66 => self.complete(),
            66..72 => self.allocate(),
            72..74 => self.free(),
            74..78 => self.protect(),
            78..82 => self.contents(),
            82..86 => self.section(),
            86..88 => self.watch(),
            88..91 => self.lists(),
            91..93 => self.space(),
            93..95 => self.lock(),
            95..97 => self.physical(),
            97..98 => self.query(),
            _ => self.time(),
        }
        self.settle_answers();
        let charged = self.world.manager.snapshot().commit().charged();
        assert_eq!(charged, self.model.charged(), "the charge is not what was promised");
    }

    /// Outputs are carried out after the model knows what the call did.
    fn drain(&mut self) {
        self.world.drain();
        self.settle_answers();
    }

    /// Compares everything threads were told with the model, in its order.
    fn settle_answers(&mut self) {
        for (thread, answer, seen) in std::mem::take(&mut self.world.told) {
            self.world.answers.remove(&thread);
            self.world.take_seen(thread);
            let wish = self.wishes[thread.0 as usize].take().expect("somebody asked");
            match wish.lock {
                Some(range) => self.lock_answered(wish, range, answer),
                None => self.access_answered(wish, answer, seen),
            }
        }
    }

    fn access_answered(&mut self, wish: Wish, answer: Answer, seen: Option<u64>) {
        let Wish { space, address, written, .. } = wish;
        let access = if written.is_some() { Access::Write } else { Access::Read };
        let expected = self.model.expect(space, address, access);
        match (answer, expected) {
            (Answer::Resumed, Ok(())) => {
                let right = self.model.made(space, address / PAGE, written, seen);
                assert!(right, "wrong bytes at {address:#x}: {seen:?}");
            }
            (Answer::Raised(raised), Err(expected)) => {
                assert_eq!(raised, expected);
                if let Exception::GuardPage { .. } = raised {
                    self.model.clear_guard(space, address / PAGE);
                }
            }
            (Answer::Raised(Exception::InPage { .. }), Ok(())) => {
                assert!(self.has_failed, "an in-page error, and no I/O has failed");
            }
            (Answer::Raised(Exception::NoMemory { .. }), Ok(())) => {
                assert!(self.has_failed || self.frames < 8, "no memory, which was promised");
            }
            (answer, expected) => {
                let info = self.world.manager.query(space, address);
                panic!("{access:?} {address:#x}: {answer:?}, not {expected:?}; {info:x?}")
            }
        }
    }

    fn lock_answered(&mut self, wish: Wish, (first, last): (u64, u64), answer: Answer) {
        let is_done = answer == Answer::Resumed && !wish.is_overtaken;
        let Some(space) = self.model.spaces.get_mut(&wish.space) else { return };
        for page in first..last {
            let Some(base) = space.base(page) else { continue };
            if let Some(region) = space.regions.get_mut(&base) {
                let found = &mut region.pages[(page - base) as usize];
                found.locked |= is_done;
                found.perhaps_locked |= !is_done;
            }
        }
    }

    fn any_space(&mut self) -> Option<SpaceId> {
        let spaces: Vec<SpaceId> = self.model.spaces.keys().copied().collect();
        self.random.pick(&spaces)
    }

    /// A page of some region, mostly.
    fn any_page(&mut self) -> Option<(SpaceId, u64)> {
        let space = self.any_space()?;
        let held = &self.model.spaces[&space].regions;
        let regions: Vec<(u64, u64)> =
            held.iter().map(|(base, region)| (*base, region.pages.len() as u64)).collect();
        let (base, pages) = self.random.pick(&regions)?;
        let beyond = u64::from(self.random.chance(2)) * 3;
        Some((space, base + self.random.below(pages + beyond)))
    }

    /// A range in some region, mostly.
    fn any_range(&mut self) -> Option<(SpaceId, u64, u64)> {
        let (space, page) = self.any_page()?;
        let base = self.model.spaces[&space].base(page)?;
        let left = base + self.model.spaces[&space].regions[&base].pages.len() as u64 - page;
        let pages = 1 + self.random.below(left.min(12));
        let beyond = u64::from(self.random.chance(2)) * left;
        Some((space, page, pages + beyond))
    }

    fn access(&mut self) {
        let Some((space, page)) = self.any_page() else { return self.space() };
        let threads: Vec<usize> = (0..THREADS).filter(|t| self.wishes[*t].is_none()).collect();
        let Some(thread) = self.random.pick(&threads) else { return self.complete() };
        let address = page * PAGE + self.random.below(PAGE);
        let written = self.random.chance(45).then(|| {
            self.next_value += 1;
            self.next_value
        });
        self.wishes[thread] =
            Some(Wish { space, address, written, lock: None, is_overtaken: false });
        let thread = ThreadId(u32::try_from(thread).expect("few threads"));
        self.world.begin_value(thread, space, address, written);
    }

    fn complete(&mut self) {
        let pending = self.world.pending.len() as u64;
        if pending > 0 {
            let place = if self.random.chance(70) { 0 } else { self.random.below(pending) };
            self.world.complete(place as usize);
        }
    }

    fn allocate(&mut self) {
        let Some(space) = self.any_space() else { return };
        let pages = 1 + self.random.below(40);
        let constant = self.random.pick(&PROTECTIONS).unwrap_or(4);
        if self.random.chance(30) {
            return self.commit(constant);
        }
        let mut kind = MEM_RESERVE;
        kind |= if self.random.chance(60) { MEM_COMMIT } else { 0 };
        kind |= if self.random.chance(20) { MEM_TOP_DOWN } else { 0 };
        kind |= if self.random.chance(20) { MEM_WRITE_WATCH } else { 0 };
        let allocation = Allocation { address: 0, bytes: pages * PAGE, kind, protection: constant };
        match self.world.manager.allocate(space, &allocation) {
            Ok(base) => {
                let protection = Protection::from_windows(constant).expect("one of them");
                let committed = (kind & MEM_COMMIT != 0).then_some(protection);
                let region = Region {
                    kind: Kind::Private,
                    pages: vec![Page::new(committed); pages as usize],
                    watch: (kind & MEM_WRITE_WATCH != 0).then(Default::default),
                    copies_charged: false,
                    allowed: Protection::READ_WRITE,
                };
                let held = self.model.spaces.get_mut(&space).expect("a space");
                assert!(held.base(base / PAGE).is_none(), "given out twice");
                held.regions.insert(base / PAGE, region);
            }
            Err(refusal) => self.expect_shortage(refusal, pages),
        }
        self.drain();
    }

    /// A refusal must be for want of what there really is too little of.
    fn expect_shortage(&self, refusal: Refusal, pages: u64) {
        let Refusal::CommitmentLimit { .. } = refusal else { panic!("{refusal}") };
        let commit = self.world.manager.snapshot().commit();
        assert!(self.model.charged() + pages > commit.limit(), "{refusal}");
    }

    fn commit(&mut self, constant: u32) {
        let Some((space, first, pages)) = self.any_range() else { return };
        let held = &self.model.spaces[&space];
        let Some(base) = held.base(first) else { return };
        let is_private = held.regions[&base].kind == Kind::Private;
        let fits = first + pages <= base + held.regions[&base].pages.len() as u64;
        let allocation = Allocation {
            address: first * PAGE,
            bytes: pages * PAGE,
            kind: MEM_COMMIT,
            protection: constant,
        };
        let result = self.world.manager.allocate(space, &allocation);
        let region = self.model.spaces.get_mut(&space).expect("a space").regions.get_mut(&base);
        let region = region.expect("a region");
        match result {
            Ok(_) if matches!(region.kind, Kind::View { .. }) => {
                self.view_committed(space, base, first - base..first - base + pages, constant)
            }
            Ok(_) => {
                assert!(is_private && fits, "committed what is not reserved");
                let inside = (first - base) as usize..(first - base + pages) as usize;
                for page in &mut region.pages[inside] {
                    if page.offered {
                        page.content.doubt();
                    }
                    page.offered = false;
                    page.protection = Protection::from_windows(constant).ok();
                }
            }
            Err(Refusal::CommitmentLimit { .. }) => assert!(fits),
            Err(refusal) => assert!(!is_private || !fits, "{refusal}"),
        }
        self.drain();
    }

    fn view_committed(
        &mut self,
        space: SpaceId,
        base: u64,
        inside: std::ops::Range<u64>,
        constant: u32,
    ) {
        let region = self.model.spaces.get_mut(&space).expect("a space").regions.get_mut(&base);
        let region = region.expect("a region");
        let Kind::View { section, first } = region.kind else { return };
        let section = self.model.sections.get_mut(&section).expect("a section");
        for index in inside {
            section.pages[(first + index) as usize].0 = true;
            region.pages[index as usize].protection = Protection::from_windows(constant).ok();
        }
    }

    fn free(&mut self) {
        let Some((space, first, pages)) = self.any_range() else { return };
        let held = &self.model.spaces[&space];
        let Some(base) = held.base(first) else { return };
        let kind = held.regions[&base].kind;
        let fits = first + pages <= base + held.regions[&base].pages.len() as u64;
        if let Kind::View { section, .. } = kind {
            let refused = self.world.manager.free(space, base * PAGE, 0, MEM_RELEASE);
            assert!(matches!(refused, Err(Refusal::WrongKind { .. })), "{refused:?}");
            self.world.manager.unmap_view(space, first * PAGE).expect("it is a view");
            self.model.spaces.get_mut(&space).expect("a space").regions.remove(&base);
            self.model.sections.get_mut(&section).expect("a section").views -= 1;
            self.model.end_section(section);
        } else if self.random.chance(50) || kind == Kind::Physical {
            self.world.manager.free(space, base * PAGE, 0, MEM_RELEASE).expect("it is the base");
            self.model.spaces.get_mut(&space).expect("a space").regions.remove(&base);
        } else {
            let result = self.world.manager.free(space, first * PAGE, pages * PAGE, MEM_DECOMMIT);
            assert_eq!(result.is_ok(), fits, "{result:?}");
            if fits {
                let space = self.model.spaces.get_mut(&space).expect("a space");
                let region = space.regions.get_mut(&base).expect("a region");
                for page in first..first + pages {
                    region.pages[(page - base) as usize] = Page::new(None);
                    if let Some(watch) = &mut region.watch {
                        watch.remove(&page);
                    }
                }
            }
        }
        self.drain();
    }

    fn protect(&mut self) {
        let Some((space, first, pages)) = self.any_range() else { return };
        let constant = match self.random.chance(20) {
            true => self.random.pick(&VIEW_PROTECTIONS).unwrap_or(4),
            false => self.random.pick(&PROTECTIONS).unwrap_or(4),
        };
        let protection = Protection::from_windows(constant).expect("one of them");
        let result = self.world.manager.protect(space, first * PAGE, pages * PAGE, constant);
        let held = self.model.spaces.get_mut(&space).expect("a space");
        let base = held.base(first);
        let Some((base, region)) = base.and_then(|b| Some((b, held.regions.get_mut(&b)?))) else {
            assert!(result.is_err());
            return self.drain();
        };
        let inside = (first - base) as usize..(first - base + pages) as usize;
        let fits = inside.end <= region.pages.len();
        let kind = region.kind;
        let section = match kind {
            Kind::View { section, first } => {
                Some((&self.model.sections[&section], first as usize + inside.start))
            }
            _ => None,
        };
        let is_committed = fits
            && match section {
                Some((section, first)) => {
                    section.pages[first..first + inside.len()].iter().all(|(c, _)| *c)
                }
                None => region.pages[inside.clone()].iter().all(|p| p.protection.is_some()),
            };
        let allowed = match (kind, section) {
            (Kind::View { .. }, _) => {
                let is_cached = matches!(
                    protection.modifier,
                    memtide_core::Modifier::None | memtide_core::Modifier::Guard
                );
                region.allowed.covers(protection) && is_cached
            }
            _ => !protection.copies_on_write(),
        };
        match result {
            Ok(old) => {
                assert!(is_committed && allowed, "protected what could not be");
                let before = region.pages[inside.start].protection.map(Protection::windows);
                assert_eq!(Some(old), before);
                region.copies_charged |= protection.copies_on_write();
                region.pages[inside].iter_mut().for_each(|p| p.protection = Some(protection));
            }
            Err(Refusal::CommitmentLimit { .. }) => assert!(protection.copies_on_write()),
            Err(refusal) => assert!(!is_committed || !allowed, "{refusal}"),
        }
        self.drain();
    }

    /// Reset, undo, offer, reclaim, discard, prefetch.
    fn contents(&mut self) {
        let Some((space, first, pages)) = self.any_range() else { return };
        let choice = self.random.below(6);
        let manager = &mut self.world.manager;
        let (address, bytes) = (first * PAGE, pages * PAGE);
        let reset = |kind| Allocation { address, bytes, kind, protection: 0x02 };
        let result = match choice {
            0 => manager.allocate(space, &reset(MEM_RESET)).map(drop),
            1 => manager.allocate(space, &reset(MEM_RESET_UNDO)).map(drop),
            2 => manager.offer(space, address, bytes, OfferPriority::Low),
            3 => manager.reclaim_offered(space, address, bytes),
            4 => manager.discard(space, address, bytes),
            _ => manager.prefetch(space, address, bytes),
        };
        let held = self.model.spaces.get_mut(&space).expect("a space");
        let base = held.base(first);
        let region = base.and_then(|base| held.regions.get_mut(&base));
        if let (Some(base), Some(region), 0..5) = (base, region, choice) {
            let inside = (first - base) as usize..(first - base + pages) as usize;
            let fits = inside.end <= region.pages.len() && region.kind == Kind::Private;
            // A view of the page files takes a reset, and stays as it is.
            if choice < 2 && result.is_ok() && region.kind != Kind::Private {
                return self.drain();
            }
            let is_valid =
                fits && region.pages[inside.clone()].iter().all(|p| p.protection.is_some());
            let all_offered = is_valid && region.pages[inside.clone()].iter().all(|p| p.offered);
            match result {
                Ok(()) => assert!(is_valid && (choice != 3 || all_offered)),
                Err(Refusal::ContentsLost { .. }) => {
                    assert!(is_valid && matches!(choice, 1 | 3));
                    // Zeros that are lost are zeros all the same, once they are read.
                    let may_be_lost = |page: &Page| !matches!(page.content, Content::Exact(1..));
                    let any = region.pages[inside.clone()].iter().any(may_be_lost);
                    assert!(any, "contents are lost that nobody gave up");
                }
                Err(refusal) => {
                    assert!(!is_valid || (choice == 3 && !all_offered), "{choice}: {refusal}");
                    return self.drain();
                }
            }
            for page in &mut region.pages[inside] {
                match (choice, result.is_ok()) {
                    // A locked page stays as it is, and cannot be used all the same.
                    (0, _) => page.content.fade(),
                    (1, true) => page.content.settle(),
                    (2, _) => {
                        page.content.fade();
                        page.offered = true;
                    }
                    (3, true) => {
                        page.content.settle();
                        page.offered = false;
                    }
                    (4, _) => page.content = Content::Exact(0),
                    (1, false) => page.content.doubt(),
                    (_, _) => {
                        page.content.doubt();
                        page.offered = false;
                    }
                }
                page.locked &= choice != 4;
            }
        }
        self.drain();
    }

    fn section(&mut self) {
        let sections: Vec<SectionId> =
            self.model.sections.iter().filter(|(_, s)| s.held).map(|(id, _)| *id).collect();
        let Some(id) = self.random.pick(&sections) else { return self.create_section() };
        match self.random.below(8) {
            0 if sections.len() < 6 => self.create_section(),
            1 => {
                self.world.manager.close_section(id).expect("it is held");
                self.model.sections.get_mut(&id).expect("a section").held = false;
                self.model.end_section(id);
            }
            2 => self.world.manager.hold_writes(id).expect("it is held"),
            3 | 4 => self.world.manager.release_writes(id).expect("it is held"),
            _ => self.map_view(id),
        }
        self.drain();
    }

    fn create_section(&mut self) {
        let pages = 1 + self.random.below(60);
        let is_file = self.random.chance(50);
        let is_reserved = !is_file && self.random.chance(30);
        let constant = self.random.pick(&[0x04, 0x04, 0x02, 0x40]).unwrap_or(4);
        let config = SectionConfig {
            bytes: pages * PAGE,
            protection: constant,
            backing: if is_file { Backing::File } else { Backing::PageFile },
            is_reserved,
        };
        match self.world.manager.create_section(&config) {
            Ok(id) => {
                self.world.files.retain(|(section, _), _| *section != id);
                let content = |page| match is_file {
                    true => Content::Exact(file_mark(id, page)),
                    false => Content::Exact(0),
                };
                let section = Section {
                    is_file,
                    protection: Protection::from_windows(constant).expect("one of them"),
                    held: true,
                    views: 0,
                    pages: (0..pages).map(|page| (!is_reserved, content(page))).collect(),
                };
                self.model.sections.insert(id, section);
            }
            Err(refusal) => self.expect_shortage(refusal, pages),
        }
        self.drain();
    }

    fn map_view(&mut self, id: SectionId) {
        let Some(space) = self.any_space() else { return };
        let constant = self.random.pick(&VIEW_PROTECTIONS).unwrap_or(4);
        let protection = Protection::from_windows(constant).expect("one of them");
        let (all, allowed) = {
            let section = &self.model.sections[&id];
            (section.pages.len() as u64, section.protection.covers(protection))
        };
        let first = self.random.below(all.div_ceil(16)) * 16;
        let pages = 1 + self.random.below(all - first);
        let view = View {
            section: id,
            address: 0,
            offset: first * PAGE,
            bytes: pages * PAGE,
            protection: constant,
        };
        match self.world.manager.map_view(space, &view) {
            Ok(base) => {
                assert!(allowed);
                let region = Region {
                    kind: Kind::View { section: id, first },
                    pages: vec![Page::new(Some(protection)); pages as usize],
                    watch: None,
                    copies_charged: protection.copies_on_write(),
                    allowed: protection,
                };
                let held = self.model.spaces.get_mut(&space).expect("a space");
                held.regions.insert(base / PAGE, region);
                self.model.sections.get_mut(&id).expect("a section").views += 1;
            }
            Err(Refusal::CommitmentLimit { .. }) => assert!(protection.copies_on_write()),
            Err(refusal) => assert!(!allowed, "{refusal}"),
        }
    }

    fn watch(&mut self) {
        let Some((space, first, pages)) = self.any_range() else { return };
        let resets = self.random.chance(50);
        let most = 1 + self.random.below(8) as usize;
        let (address, bytes) = (first * PAGE, pages * PAGE);
        let result = self.world.manager.write_watch(space, address, bytes, resets, most);
        let held = self.model.spaces.get_mut(&space).expect("a space");
        let base = held
            .base(first)
            .filter(|base| first + pages <= base + held.regions[base].pages.len() as u64);
        let region = base.and_then(|base| held.regions.get_mut(&base));
        match (region.and_then(|region| region.watch.as_mut()), result) {
            (Some(watch), Ok(found)) => {
                let written = watch.range(first..first + pages).take(most);
                let written: Vec<u64> = written.copied().collect();
                assert_eq!(found, written.iter().map(|p| p * PAGE).collect::<Vec<_>>());
                if resets {
                    written.iter().for_each(|page| assert!(watch.remove(page)));
                }
            }
            (None, Err(_)) => {}
            (watch, result) => panic!("{watch:?}: {result:?}"),
        }
        self.drain();
    }

    fn lists(&mut self) {
        match self.random.below(7) {
            0 => drop(self.world.manager.command(ListCommand::EmptyWorkingSets)),
            1 => drop(self.world.manager.command(ListCommand::FlushModifiedList)),
            2 => drop(self.world.manager.command(ListCommand::PurgeStandbyList)),
            3 => drop(self.world.manager.command(ListCommand::CaptureAndResetAccessedBits)),
            4 => {
                let frame = Pfn(self.random.below(u64::from(self.frames)) as u32);
                // A machine that loses its memory frame by frame has none in the end.
                if self.frames > 32 && self.random.chance(3) {
                    self.world.manager.mark_bad(frame).expect("a frame");
                    self.has_failed = true;
                }
            }
            5 => self.world.input(Input::Idle { pages: 8 }),
            _ => {
                let Some(space) = self.any_space() else { return };
                let maximum = (13 + self.random.below(100)) * PAGE;
                let hard = (false, self.random.chance(50));
                let limits = self.world.manager.set_working_set_limits(space, PAGE, maximum, hard);
                assert!(
                    matches!(limits, Ok(()) | Err(Refusal::InsufficientResources { .. })),
                    "{limits:?}"
                );
            }
        }
        self.drain();
    }

    fn space(&mut self) {
        if self.model.spaces.len() < 3 {
            let privileges = memtide_core::Privileges { lock_memory: true };
            let config = memtide_core::SpaceConfig { privileges, ..Default::default() };
            match self.world.manager.create_space(config) {
                Ok(id) => drop(self.model.spaces.insert(id, super::Space::default())),
                Err(refusal) => {
                    assert!(matches!(refusal, Refusal::InsufficientResources { .. }));
                }
            }
        } else if self.random.chance(8) {
            let Some(space) = self.any_space() else { return };
            self.destroy(space);
        }
        self.drain();
    }

    fn destroy(&mut self, space: SpaceId) {
        // A number can be given again, so what waits for the old space must be answered first.
        self.world.manager.destroy_space(space).expect("a space");
        let held = self.model.spaces.remove(&space).expect("a space");
        for region in held.regions.values() {
            if let Kind::View { section, .. } = region.kind {
                self.model.sections.get_mut(&section).expect("a section").views -= 1;
                self.model.end_section(section);
            }
        }
        self.drain();
        while self.wishes.iter().flatten().any(|wish| wish.space == space) {
            assert!(!self.world.pending.is_empty(), "a thread waits for a space that is gone");
            self.world.complete(0);
            self.settle_answers();
        }
    }

    fn lock(&mut self) {
        let Some((space, first, pages)) = self.any_range() else { return };
        if self.random.chance(50) {
            let result = self.world.manager.unlock(space, first * PAGE, pages * PAGE);
            let held = self.model.spaces.get_mut(&space).expect("a space");
            let mut all = true;
            for page in first..first + pages {
                let reaches = |wish: &&mut Wish| {
                    let range = wish.lock.filter(|_| wish.space == space);
                    range.is_some_and(|(first, end)| (first..end).contains(&page))
                };
                // A lock that has not ended may have come this far.
                let mut is_on_its_way = false;
                for wish in self.wishes.iter_mut().flatten().filter(reaches) {
                    is_on_its_way = true;
                    wish.is_overtaken |= result.is_ok();
                }
                let base = held.base(page);
                let region = base.and_then(|base| held.regions.get_mut(&base));
                let found = region.zip(base).map(|(r, b)| &mut r.pages[(page - b) as usize]);
                match found {
                    Some(page) if page.locked => page.locked = result.is_err(),
                    Some(page) if page.perhaps_locked || is_on_its_way => {}
                    _ => all = false,
                }
            }
            assert!(result.is_err() || all, "unlocked what was not locked");
            return self.drain();
        }
        let threads: Vec<usize> = (0..THREADS).filter(|t| self.wishes[*t].is_none()).collect();
        let Some(thread) = self.random.pick(&threads) else { return };
        let address = first * PAGE;
        let lock = Some((first, first + pages));
        self.wishes[thread] =
            Some(Wish { space, address, written: None, lock, is_overtaken: false });
        let thread = ThreadId(u32::try_from(thread).expect("few threads"));
        self.world.input(Input::Lock { thread, space, address, bytes: pages * PAGE });
    }

    fn physical(&mut self) {
        let Some(space) = self.any_space() else { return };
        let held: Vec<Pfn> = self.model.spaces[&space].physical.keys().copied().collect();
        let windows: Vec<u64> = self.model.spaces[&space]
            .regions
            .iter()
            .filter(|(_, region)| region.kind == Kind::Physical)
            .map(|(base, _)| *base)
            .collect();
        match (self.random.below(4), self.random.pick(&windows)) {
            (0, _) if (held.len() as u32) < self.frames / 16 => {
                if let Ok(frames) = self.world.manager.allocate_physical(space, 2) {
                    let space = self.model.spaces.get_mut(&space).expect("a space");
                    space.physical.extend(frames.iter().map(|frame| (*frame, 0)));
                }
            }
            (1, _) => {
                let Some(frame) = self.random.pick(&held) else { return };
                self.world.manager.free_physical(space, &[frame]).expect("it is its");
                let space = self.model.spaces.get_mut(&space).expect("a space");
                space.physical.remove(&frame);
                unmap_everywhere(space, frame);
            }
            (2, Some(base)) => {
                let (Some(frame), index) = (self.random.pick(&held), self.random.below(4)) else {
                    return;
                };
                let address = (base + index) * PAGE;
                let holder = self.model.spaces.get_mut(&space).expect("a space");
                let is_mapped = holder.regions.iter().any(|(at, region)| {
                    (0..)
                        .zip(&region.pages)
                        .any(|(i, page)| page.frame == Some(frame) && at + i != base + index)
                });
                let result = self.world.manager.map_physical(space, address, 1, &[frame]);
                assert_eq!(result.is_err(), is_mapped, "{result:?}");
                if !is_mapped {
                    let region = holder.regions.get_mut(&base).expect("a window");
                    region.pages[index as usize].frame = Some(frame);
                }
            }
            (_, None) => {
                let bytes = 4 * PAGE;
                let kind = MEM_RESERVE | MEM_PHYSICAL;
                let allocation = Allocation { address: 0, bytes, kind, protection: 4 };
                let base = self.world.manager.allocate(space, &allocation).expect("addresses");
                let region = Region {
                    kind: Kind::Physical,
                    pages: vec![Page::new(None); 4],
                    watch: None,
                    copies_charged: false,
                    allowed: Protection::READ_WRITE,
                };
                let space = self.model.spaces.get_mut(&space).expect("a space");
                space.regions.insert(base / PAGE, region);
            }
            _ => {}
        }
        self.drain();
    }

    fn query(&mut self) {
        let Some((space, page)) = self.any_page() else { return };
        let held = &self.model.spaces[&space];
        let Ok(info) = self.world.manager.query(space, page * PAGE) else {
            assert_eq!(held.base(page), None, "a region at an address that programs may not use");
            return;
        };
        let memtide_core::RegionState::Allocated { allocation_base, page_use, .. } = info.state
        else {
            assert_eq!(held.base(page), None);
            return;
        };
        let base = held.base(page).expect("it is allocated");
        assert_eq!(allocation_base, base * PAGE);
        let region = &held.regions[&base];
        if let Kind::Private = region.kind {
            let found = &region.pages[(page - base) as usize];
            assert_eq!(page_use.protection(), found.protection);
        }
    }

    fn time(&mut self) {
        let span = self.random.below(3 * Tick::SECOND.0);
        self.world.pass(Tick(span));
        if self.random.chance(10)
            && let Some((space, page)) = self.any_page()
        {
            self.world.input(Input::Accessed { space, address: page * PAGE });
        }
    }

    /// Everything ends, and nothing is left.
    fn end(&mut self) {
        let spaces: Vec<SpaceId> = self.model.spaces.keys().copied().collect();
        spaces.into_iter().for_each(|space| self.destroy(space));
        let held: Vec<SectionId> =
            self.model.sections.iter().filter(|(_, s)| s.held).map(|(id, _)| *id).collect();
        for id in held {
            self.world.manager.close_section(id).expect("it is held");
            self.model.sections.get_mut(&id).expect("a section").held = false;
            self.model.end_section(id);
            self.drain();
        }
        for _ in 0..100 {
            self.world.complete_all();
            self.settle_answers();
            self.world.pass(Tick::SECOND);
        }
        let snapshot = self.world.manager.snapshot();
        assert_eq!(snapshot.commit().charged(), 0);
        assert_eq!(snapshot.sections().count(), 0, "a section is left");
        assert_eq!(snapshot.operations().count(), 0);
        assert_eq!(snapshot.waiting(), 0);
        assert_eq!(snapshot.page_files().map(|file| file.used).sum::<u32>(), 0, "a slot leaked");
        let counts = self.world.manager.list_counts();
        assert_eq!(counts.zeroed + counts.free + counts.bad, self.frames, "a frame leaked");
    }
}

fn unmap_everywhere(space: &mut super::Space, frame: Pfn) {
    for region in space.regions.values_mut() {
        for page in &mut region.pages {
            if page.frame == Some(frame) {
                page.frame = None;
            }
        }
    }
}
