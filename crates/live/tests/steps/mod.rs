//! Steps of a program on a space, each done to the space and to the model, and compared.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memtide_core::page::Access;
use memtide_core::snapshot::PteView;
use memtide_core::{
    Allocation, Exception, ListCommand, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE,
    MEM_RESET, MEM_RESET_UNDO, MEM_WRITE_WATCH, OfferPriority, PageUse, Protection, Refusal,
    RegionState,
};
use memtide_live::{Disposition, Error, FaultPath, Machine, Pinned, Space};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::model::{Content, PAGE, Page, Region, WORDS, Words};
use crate::support::{self, MIB, READ_WRITE, scrambled};

/// Pages of a region; any number is one of them, and of what is left behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    region: usize,
    first: usize,
    pages: usize,
}

/// What a program does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Allocate { pages: usize, commits: bool, watches: bool, protection: u32 },
    Release { region: usize },
    Commit { place: Place, protection: u32 },
    Decommit { place: Place },
    Protect { place: Place, protection: u32 },
    Read { place: Place },
    Write { place: Place, word: usize },
    Fill { place: Place },
    Contents { place: Place, call: Contents },
    Pin { place: Place },
    Unpin { pin: usize },
    Watch { place: Place, resets: bool, most: usize },
    ResetWatch { place: Place },
    Query { place: Place },
    EmptyWorkingSet,
    Command { command: ListCommand },
    Press { pages: u64 },
}

/// A call that is about what pages hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    Reset,
    Undo,
    Offer(OfferPriority),
    Reclaim,
    Discard,
    Prefetch,
}

const PROTECTIONS: [u32; 10] = [0x04, 0x04, 0x04, 0x02, 0x01, 0x104, 0x102, 0x40, 0x20, 0x204];

fn place() -> impl Strategy<Value = Place> {
    let pages = prop_oneof![3 => 1_usize..4, 2 => 1_usize..80];
    (0..4_usize, 0..160_usize, pages).prop_map(|(region, first, pages)| Place {
        region,
        first,
        pages,
    })
}

fn contents() -> impl Strategy<Value = Contents> {
    use Contents::{Discard, Offer, Prefetch, Reclaim, Reset, Undo};
    let offers = [OfferPriority::VeryLow, OfferPriority::Normal].map(Offer);
    select([&[Reset, Undo, Reclaim, Reclaim, Discard, Prefetch][..], &offers].concat())
}

/// Any step; accesses most often.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let protection = || select(&PROTECTIONS[..]);
    let allocate = (1..160_usize, any::<bool>(), any::<bool>(), protection());
    prop_oneof![
        3 => allocate.prop_map(|(pages, commits, watches, protection)| {
            Step::Allocate { pages, commits, watches, protection }
        }),
        1 => (0..4_usize).prop_map(|region| Step::Release { region }),
        4 => (place(), protection())
            .prop_map(|(place, protection)| Step::Commit { place, protection }),
        2 => place().prop_map(|place| Step::Decommit { place }),
        4 => (place(), protection())
            .prop_map(|(place, protection)| Step::Protect { place, protection }),
        10 => place().prop_map(|place| Step::Read { place }),
        8 => (place(), 0..WORDS).prop_map(|(place, word)| Step::Write { place, word }),
        8 => place().prop_map(|place| Step::Fill { place }),
        8 => (place(), contents()).prop_map(|(place, call)| Step::Contents { place, call }),
        2 => place().prop_map(|place| Step::Pin { place }),
        2 => (0..4_usize).prop_map(|pin| Step::Unpin { pin }),
        3 => (place(), any::<bool>(), 1..40_usize)
            .prop_map(|(place, resets, most)| Step::Watch { place, resets, most }),
        1 => place().prop_map(|place| Step::ResetWatch { place }),
        2 => place().prop_map(|place| Step::Query { place }),
        2 => Just(Step::EmptyWorkingSet),
        4 => select(&ListCommand::ALL[..]).prop_map(|command| Step::Command { command }),
        3 => (1..1200_u64).prop_map(|pages| Step::Press { pages }),
    ]
}

/// Pages that are pinned.
struct Pin<'a> {
    pages: Pinned<'a>,
    region: u64,
    first: usize,
    /// Whether each still has what was pinned: it was not given up since.
    stays: Vec<bool>,
}

/// A space, the model of it, and what has been seen of its exceptions.
struct Run<'a> {
    machine: &'a Machine,
    space: &'a Space,
    regions: Vec<Region>,
    pins: Vec<Pin<'a>>,
    raised: &'a Mutex<Vec<Exception>>,
    /// Memory that only takes room.
    hog: u64,
    /// Values are never written twice, so that a stale one shows.
    next: u64,
}

type Done = Result<(), TestCaseError>;

const HOG_PAGES: u64 = 1200;

/// Makes the access pass that raised a violation.
fn mend(space: &Space, address: u64) {
    let page = address & !(PAGE - 1);
    let RegionState::Allocated { page_use, .. } = space.query(page).expect("a region").state else {
        panic!("nothing is allocated at {address:#x}")
    };
    match page_use {
        PageUse::Reserved => drop(space.allocate(&Allocation::commit_at(page, PAGE))),
        // Refused where the contents are lost: the next read tells.
        PageUse::Offered(_) => drop(space.reclaim(page, PAGE)),
        PageUse::Committed(_) => drop(space.protect(page, PAGE, READ_WRITE)),
    }
}

/// Does all steps on four MiB for all, and says each before it is done.
pub(crate) fn run(
    path: FaultPath,
    compression: Option<u8>,
    steps: &[Step],
    say: impl Fn(usize, &Step),
) -> Done {
    let machine = support::machine(4, compression);
    let space = Arc::new(support::space(&machine, path));
    let raised = Arc::new(Mutex::new(Vec::new()));
    mends(&space, Arc::clone(&raised));
    let hog = support::committed(&space, HOG_PAGES * PAGE);
    let (regions, pins) = (Vec::new(), Vec::new());
    let mut run =
        Run { machine: &machine, space: &space, regions, pins, raised: &raised, hog, next: 1 };
    for (number, step) in steps.iter().enumerate() {
        say(number, step);
        run.step(step)?;
    }
    run.pins.clear();
    run.prove()?;
    drop(run);
    drop(space);
    nothing_is_left(&machine)
}

/// Notes the exceptions of a space, and makes their accesses pass.
fn mends(space: &Arc<Space>, notes: Arc<Mutex<Vec<Exception>>>) {
    let of = Arc::downgrade(space);
    space.on_exception(Box::new(move |exception| {
        let Some(space) = of.upgrade() else { return Disposition::Die };
        notes.lock().expect("notes").push(*exception);
        match *exception {
            Exception::GuardPage { .. } => Disposition::Retry,
            Exception::AccessViolation { address, .. } => {
                mend(&space, address);
                Disposition::Retry
            }
            _ => Disposition::Die,
        }
    }));
}

impl Run<'_> {
    /// A region and pages of it.
    fn at(&self, place: Place) -> Option<(usize, Range<usize>)> {
        let region = place.region % self.regions.len().max(1);
        let pages = self.regions.get(region)?.pages.len();
        let first = place.first % pages;
        Some((region, first..(first + place.pages).min(pages)))
    }

    fn value(&mut self) -> u64 {
        self.next += 1;
        scrambled(self.next)
    }

    /// Does a step, and proves everything.
    fn step(&mut self, step: &Step) -> Done {
        match *step {
            Step::Allocate { pages, commits, watches, protection } => {
                self.allocate(pages, commits, watches, protection);
            }
            Step::Release { region } => self.release(region),
            Step::EmptyWorkingSet => drop(self.space.empty_working_set().expect("emptied")),
            Step::Command { command } => drop(self.machine.command(command)),
            Step::Press { pages } => support::mark(self.hog, pages * PAGE, 0),
            Step::Unpin { pin } => {
                if !self.pins.is_empty() {
                    let pin = pin % self.pins.len();
                    drop(self.pins.swap_remove(pin));
                }
            }
            Step::Commit { place, .. }
            | Step::Decommit { place }
            | Step::Protect { place, .. }
            | Step::Read { place }
            | Step::Write { place, .. }
            | Step::Fill { place }
            | Step::Contents { place, .. }
            | Step::Pin { place }
            | Step::Watch { place, .. }
            | Step::ResetWatch { place }
            | Step::Query { place } => {
                if let Some((region, pages)) = self.at(place) {
                    self.step_at(step, region, pages)?;
                }
            }
        }
        self.prove()
    }

    fn step_at(&mut self, step: &Step, region: usize, pages: Range<usize>) -> Done {
        match *step {
            Step::Commit { protection, .. } => self.commit(region, pages, protection),
            Step::Decommit { .. } => self.decommit(region, pages),
            Step::Protect { protection, .. } => self.protect(region, pages, protection)?,
            Step::Read { .. } => {
                for page in pages {
                    self.read(region, page)?;
                }
            }
            Step::Write { word, .. } => {
                for page in pages {
                    self.write(region, page, word)?;
                }
            }
            Step::Fill { .. } => {
                for page in pages {
                    self.fill(region, page)?;
                }
            }
            Step::Contents { call, .. } => self.contents(region, &pages, call)?,
            Step::Pin { .. } => self.pin(region, pages)?,
            Step::Watch { resets, most, .. } => self.watch(region, pages, resets, most)?,
            Step::ResetWatch { .. } => self.reset_watch(region, pages)?,
            _ => self.query(region, pages.start)?,
        }
        Ok(())
    }

    fn allocate(&mut self, pages: usize, commits: bool, watches: bool, protection: u32) {
        if self.regions.len() >= 4 {
            return;
        }
        let mut kind = MEM_RESERVE;
        kind |= if commits { MEM_COMMIT } else { 0 };
        kind |= if watches { MEM_WRITE_WATCH } else { 0 };
        let allocation = Allocation { address: 0, bytes: pages as u64 * PAGE, kind, protection };
        let base = self.space.allocate(&allocation).expect("memory");
        let protection = commits.then(|| known(protection));
        let watch = watches.then(Default::default);
        self.regions.push(Region { base, pages: vec![Page::new(protection); pages], watch });
    }

    fn release(&mut self, region: usize) {
        if self.regions.is_empty() {
            return;
        }
        let region = self.regions.swap_remove(region % self.regions.len());
        self.give_up(region.base, 0..region.pages.len());
        self.space.free(region.base, 0, MEM_RELEASE).expect("it is the base");
    }

    /// Pages of a region are no more what was pinned.
    fn give_up(&mut self, base: u64, pages: Range<usize>) {
        for pin in self.pins.iter_mut().filter(|pin| pin.region == base) {
            for (place, stays) in (pin.first..).zip(&mut pin.stays) {
                *stays &= !pages.contains(&place);
            }
        }
    }

    fn commit(&mut self, region: usize, pages: Range<usize>, protection: u32) {
        let region = &mut self.regions[region];
        let (address, bytes) = (region.address(pages.start), pages.len() as u64 * PAGE);
        let allocation = Allocation { address, bytes, kind: MEM_COMMIT, protection };
        self.space.allocate(&allocation).expect("it is reserved");
        for page in &mut region.pages[pages] {
            if page.offered {
                page.content.doubt();
            }
            page.offered = false;
            page.protection = Some(known(protection));
        }
    }

    fn decommit(&mut self, region: usize, pages: Range<usize>) {
        let (base, address) =
            (self.regions[region].base, self.regions[region].address(pages.start));
        let bytes = pages.len() as u64 * PAGE;
        self.space.free(address, bytes, MEM_DECOMMIT).expect("it is in one region");
        self.give_up(base, pages.clone());
        for page in pages {
            let region = &mut self.regions[region];
            region.pages[page] = Page::new(None);
            if let Some(watch) = &mut region.watch {
                watch.remove(&page);
            }
        }
    }

    fn protect(&mut self, region: usize, pages: Range<usize>, protection: u32) -> Done {
        let region = &mut self.regions[region];
        let (address, bytes) = (region.address(pages.start), pages.len() as u64 * PAGE);
        let result = self.space.protect(address, bytes, protection);
        prop_assert_eq!(result.is_ok(), region.is_committed(&pages), "{:?}", result);
        if let Ok(before) = result {
            let expected = region.pages[pages.start].protection.map(Protection::windows);
            prop_assert_eq!(Some(before), expected);
            let pages = &mut region.pages[pages];
            pages.iter_mut().for_each(|page| page.protection = Some(known(protection)));
        }
        Ok(())
    }

    /// The exceptions that an access must raise until it passes are those that it raised.
    fn passed(&mut self, region: usize, page: usize, address: u64, access: Access) -> Done {
        let found = std::mem::take(&mut *self.raised.lock().expect("notes"));
        let mut expected = Vec::new();
        let of = &mut self.regions[region];
        while let Some(raised) = of.pages[page].raises(address, access) {
            of.pages[page].mend(raised);
            expected.push(raised);
        }
        prop_assert_eq!(found, expected);
        if access == Access::Write {
            of.note_write(page);
        }
        Ok(())
    }

    fn read(&mut self, region: usize, page: usize) -> Done {
        let address = self.regions[region].address(page);
        support::load(address);
        self.passed(region, page, address, Access::Read)?;
        let seen = seen(address);
        let accepted = self.regions[region].pages[page].content.accept(&seen);
        prop_assert_eq!(accepted, Ok(()), "page {} of {:#x}", page, self.regions[region].base);
        Ok(())
    }

    fn write(&mut self, region: usize, page: usize, word: usize) -> Done {
        let value = self.value();
        let address = self.regions[region].address(page);
        let at = address + word as u64 * 8;
        support::store(at, value);
        self.passed(region, page, at, Access::Write)?;
        let seen = seen(address);
        let wrote = self.regions[region].pages[page].content.wrote(word, value, &seen);
        prop_assert_eq!(wrote, Ok(()), "page {} of {:#x}", page, self.regions[region].base);
        Ok(())
    }

    /// Writes a whole page: noise, a pattern, one word over and over, or zeros.
    fn fill(&mut self, region: usize, page: usize) -> Done {
        let value = self.value();
        let words: Words = std::array::from_fn(|word| match self.next % 4 {
            0 => scrambled(value ^ word as u64),
            1 => value.rotate_left(word as u32 / 64),
            2 => value,
            _ => 0,
        });
        let address = self.regions[region].address(page);
        support::store(address, words[0]);
        self.passed(region, page, address, Access::Write)?;
        for (word, value) in words.iter().enumerate() {
            support::store(address + word as u64 * 8, *value);
        }
        self.regions[region].pages[page].content = Content::Exact(Box::new(words));
        Ok(())
    }

    fn contents(&mut self, region: usize, pages: &Range<usize>, call: Contents) -> Done {
        let of = &mut self.regions[region];
        let (address, bytes) = (of.address(pages.start), pages.len() as u64 * PAGE);
        let reset = |kind| Allocation { address, bytes, kind, protection: 0x02 };
        let space = self.space;
        let result = match call {
            Contents::Reset => space.allocate(&reset(MEM_RESET)).map(drop),
            Contents::Undo => space.allocate(&reset(MEM_RESET_UNDO)).map(drop),
            Contents::Offer(priority) => space.offer(address, bytes, priority),
            Contents::Reclaim => space.reclaim(address, bytes),
            Contents::Discard => space.discard(address, bytes),
            Contents::Prefetch => {
                // Refused where a page is not committed, and promises nothing.
                let _ = space.prefetch(address, bytes);
                return Ok(());
            }
        };
        let is_committed = of.is_committed(pages);
        let all_offered = of.pages[pages.clone()].iter().all(|page| page.offered);
        let is_valid = is_committed && (call != Contents::Reclaim || all_offered);
        let mut is_lost = false;
        match result {
            Ok(()) => prop_assert!(is_valid, "{:?} is done", call),
            Err(Error::Refused(Refusal::ContentsLost { .. })) => {
                let may_be = |page: &Page| !matches!(page.content, Content::Exact(_));
                is_lost = is_valid
                    && matches!(call, Contents::Undo | Contents::Reclaim)
                    && of.pages[pages.clone()].iter().any(may_be);
                prop_assert!(is_lost, "{:?} lost what nobody gave up", call);
            }
            Err(error) => {
                prop_assert!(!is_valid, "{:?}: {}", call, error);
                return Ok(());
            }
        }
        for page in &mut of.pages[pages.clone()] {
            match call {
                Contents::Reset => page.content.fade(),
                Contents::Undo if is_lost => page.content.doubt(),
                Contents::Undo => page.content.settle(),
                Contents::Offer(_) => {
                    page.content.fade();
                    page.offered = true;
                }
                Contents::Discard => page.content = Content::Exact(crate::model::zeros()),
                Contents::Reclaim | Contents::Prefetch => {
                    page.content.doubt();
                    page.offered = false;
                }
            }
        }
        if call == Contents::Discard {
            let base = of.base;
            self.give_up(base, pages.clone());
        }
        Ok(())
    }

    fn pin(&mut self, region: usize, pages: Range<usize>) -> Done {
        let pages = pages.start..pages.end.min(pages.start + 24);
        let of = &self.regions[region];
        let (address, bytes) = (of.address(pages.start), pages.len() as u64 * PAGE);
        let can_be = of.pages[pages.clone()].iter().all(Page::can_be_locked);
        if self.pins.len() >= 4 {
            return Ok(());
        }
        let result = self.space.pin(address, bytes, Access::Read);
        prop_assert_eq!(result.is_ok(), can_be, "{:?}", result);
        if let Ok(pinned) = result {
            let stays = vec![true; pages.len()];
            self.pins.push(Pin { pages: pinned, region: of.base, first: pages.start, stays });
        }
        Ok(())
    }

    fn watch(&mut self, region: usize, pages: Range<usize>, resets: bool, most: usize) -> Done {
        let of = &mut self.regions[region];
        let (address, bytes) = (of.address(pages.start), pages.len() as u64 * PAGE);
        let result = self.space.write_watch(address, bytes, resets, most);
        let base = of.base;
        let Some(watch) = &mut of.watch else {
            prop_assert!(result.is_err(), "nobody watches: {:?}", result);
            return Ok(());
        };
        let written: Vec<usize> = watch.range(pages).take(most).copied().collect();
        let expected: Vec<u64> = written.iter().map(|page| base + *page as u64 * PAGE).collect();
        prop_assert_eq!(result.expect("a write watch"), expected);
        if resets {
            written.iter().for_each(|page| assert!(watch.remove(page)));
        }
        Ok(())
    }

    fn reset_watch(&mut self, region: usize, pages: Range<usize>) -> Done {
        let of = &mut self.regions[region];
        let (address, bytes) = (of.address(pages.start), pages.len() as u64 * PAGE);
        let result = self.space.reset_write_watch(address, bytes);
        prop_assert_eq!(result.is_ok(), of.watch.is_some(), "{:?}", result);
        if let Some(watch) = &mut of.watch {
            watch.retain(|page| !pages.contains(page));
        }
        Ok(())
    }

    fn query(&mut self, region: usize, page: usize) -> Done {
        let of = &self.regions[region];
        let info = self.space.query(of.address(page)).expect("an address of the space");
        let RegionState::Allocated { allocation_base, page_use, .. } = info.state else {
            return Err(TestCaseError::fail(format!("nothing is allocated: {info:?}")));
        };
        prop_assert_eq!((allocation_base, info.base), (of.base, of.address(page)));
        prop_assert_eq!(page_use.protection(), of.pages[page].protection);
        let is_offered = matches!(page_use, PageUse::Offered(_));
        prop_assert_eq!(is_offered, of.pages[page].offered);
        Ok(())
    }

    /// The manager's state is sound, the charge is what was promised, what is pinned is there.
    fn prove(&self) -> Done {
        let sound = self.machine.verify();
        prop_assert!(sound.is_ok(), "{:?}", sound);
        let charged = self.machine.inspect(|manager| manager.snapshot().commit().charged());
        let promised = HOG_PAGES + self.regions.iter().map(Region::charged).sum::<u64>();
        prop_assert_eq!(charged, promised, "the charge");
        // Where the manager's space begins in the process.
        let start = match self.space.query(0) {
            Err(Error::Address { start, .. }) => start,
            other => return Err(TestCaseError::fail(format!("0 is an address: {other:?}"))),
        };
        for pin in &self.pins {
            let pages = (0..).zip(&pin.stays).filter(|(_, stays)| **stays);
            for (page, _) in pages {
                let inside = pin.pages.address() + page * PAGE - start;
                let id = self.space.id();
                let pte = self.machine.inspect(|manager| manager.snapshot().pte(id, inside));
                let is_resident = matches!(pte, Ok(PteView::Valid { .. }));
                prop_assert!(is_resident, "page {} of a pin at {:#x}: {:?}", page, inside, pte);
            }
        }
        Ok(())
    }
}

/// Waits until nothing is left in a machine without spaces.
fn nothing_is_left(machine: &Machine) -> Done {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let left = support::left(machine);
        let sound = machine.verify();
        prop_assert!(sound.is_ok(), "{:?}", sound);
        if left.is_empty() {
            return Ok(());
        }
        prop_assert!(Instant::now() < deadline, "left: {}", left);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn known(protection: u32) -> Protection {
    Protection::from_windows(protection).expect("one of them")
}

/// A page, as it is read.
fn seen(address: u64) -> Words {
    std::array::from_fn(|word| support::load(address + word as u64 * 8))
}

const _: () = assert!(HOG_PAGES * PAGE > 4 * MIB);
