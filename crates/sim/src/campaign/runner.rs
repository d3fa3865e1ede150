//! A run at work: its world, the oracle, the ledger, and how they are compared.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memtide_core::page::{Access, PAGE_SHIFT, SectionId, SpaceId, ThreadId, Tick};
use memtide_core::{Call, Event, Exception, Refusal, Reply};

use super::coverage::Coverage;
use super::failure::FailureKind;
use super::ledger::{Ending, Found, Ledger};
use super::machine::{Hardware, HardwareError};
use super::threads::{Threads, Wish};
use crate::audit::{Incident, Io};
use crate::injected::FaultKind;
use crate::oracle::{Oracle, Wrong};
use crate::world::{Told, World};

/// What a step comes to: what was found, if anything.
pub(super) type Judged = Result<(), Found>;

/// A thread that has waited for so long waits for ever: no fault that is injected lasts longer.
const WAIT_MOST: Tick = Tick(600 * Tick::SECOND.0);

/// More events than anything needs to come to rest.
const EVENTS_MOST: u32 = 100_000;

/// Machines below this need not keep their promise of memory.
const FRAMES_LEAST: u32 = 8;

/// A region that a run made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) process: u32,
    pub(super) space: SpaceId,
    /// Its first page.
    pub(super) base: u64,
}

/// A run at work.
pub(super) struct Runner {
    pub(super) world: World,
    pub(super) oracle: Oracle,
    pub(super) threads: Threads,
    pub(super) ledger: Ledger,
    pub(super) coverage: Coverage,
    pub(super) processes: BTreeMap<u32, SpaceId>,
    pub(super) regions: BTreeMap<u32, Region>,
    pub(super) sections: BTreeMap<u32, SectionId>,
    digest: Arc<AtomicU64>,
}

impl From<Wrong> for Found {
    fn from(wrong: Wrong) -> Self {
        (FailureKind::WrongAnswer, wrong.0)
    }
}

/// FNV-1a: the same everywhere and for ever.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Runner {
    pub(super) fn new(hardware: &Hardware) -> Result<Self, HardwareError> {
        let mut world = World::new(&hardware.machine()?, 0)?;
        world.audit();
        let digest = Arc::new(AtomicU64::new(0xcbf2_9ce4_8422_2325));
        let noted = Arc::clone(&digest);
        world.record(Box::new(move |event: &Event| {
            use std::hash::Hash;
            let mut hasher = Fnv(noted.load(Ordering::Relaxed));
            event.hash(&mut hasher);
            noted.store(hasher.finish(), Ordering::Relaxed);
        }));
        let mut ledger = Ledger::default();
        // Without a page file every promised page may be in memory for good, and pages of files,
        // which are promised to nobody, find no frame.
        if hardware.frames < FRAMES_LEAST || hardware.page_files.is_empty() {
            ledger.memory_is_short();
        }
        Ok(Self {
            world,
            oracle: Oracle::default(),
            threads: Threads::default(),
            ledger,
            coverage: Coverage::default(),
            processes: BTreeMap::new(),
            regions: BTreeMap::new(),
            sections: BTreeMap::new(),
            digest,
        })
    }

    /// A number made of everything that happened to the manager.
    pub(super) fn digest(&self) -> u64 {
        self.digest.load(Ordering::Relaxed)
    }

    /// The most that may be promised now, in pages.
    pub(super) fn commit_limit(&self) -> u64 {
        self.world.manager().snapshot().commit().limit()
    }

    /// Makes a call; a page file that must grow first does, if it can. The caller tells the oracle
    /// what the call did, and settles.
    pub(super) fn call(&mut self, call: &Call) -> Result<Result<Reply, Refusal>, Found> {
        loop {
            let result = self.world.call_once(call);
            if !matches!(result, Err(Refusal::CommitmentLimit { .. })) {
                return Ok(result);
            }
            self.settle()?;
            let before = self.commit_limit();
            if !self.world.end_extension() {
                self.coverage.refused_commits += 1;
                return Ok(result);
            }
            self.coverage.extensions += u64::from(self.commit_limit() > before);
            self.settle()?;
        }
    }

    /// Compares what has happened with what should have.
    pub(super) fn settle(&mut self) -> Judged {
        self.settle_ending(&Ending::default())
    }

    fn settle_ending(&mut self, ending: &Ending) -> Judged {
        if let Some(unsound) = self.world.unsound() {
            return Err((FailureKind::Unsound, unsound.0.clone()));
        }
        if let Some(mismatch) = self.world.mismatch() {
            return Err((FailureKind::WrongMapping, mismatch.to_string()));
        }
        let told: Vec<(ThreadId, Told)> = std::iter::from_fn(|| self.world.take_told()).collect();
        let incidents = self.world.take_incidents();
        for incident in &incidents {
            let views = (self.world.manager(), &self.oracle);
            self.ledger.ended(*incident, ending, views, &told, &mut self.coverage)?;
        }
        for (place, (thread, told)) in told.iter().enumerate() {
            self.lose(&incidents, |after| after == place);
            self.answered(*thread, *told)?;
        }
        self.lose(&incidents, |after| after >= told.len());
        self.ledger.forget_ended_sections(&self.oracle);
        let charged = self.world.manager().snapshot().commit().charged();
        let promised = self.oracle.charged();
        if charged != promised {
            let message = format!("{charged} pages are charged, and {promised} promised");
            return Err((FailureKind::WrongAnswer, message));
        }
        Ok(())
    }

    /// Pages that were lost at a moment between two answers.
    fn lose(&mut self, incidents: &[Incident], is_now: impl Fn(usize) -> bool) {
        for incident in incidents {
            if let Incident::Contents { owner: Some(owner), after, .. } = *incident
                && is_now(after)
            {
                self.oracle.lose(owner);
            }
        }
    }

    fn answered(&mut self, thread: ThreadId, told: Told) -> Judged {
        let wish = self.threads.get_mut(thread).and_then(|thread| thread.wish.take());
        let Some(wish) = wish else {
            let message = format!("thread {} was told {told:?}, and waits for nothing", thread.0);
            return Err((FailureKind::WrongAnswer, message));
        };
        match wish.lock {
            Some(_) => self.lock_answered(thread, wish, told),
            None => self.access_answered(thread, wish, told),
        }
    }

    fn access_answered(&mut self, thread: ThreadId, wish: Wish, told: Told) -> Judged {
        let Wish { space, address, access, written, .. } = wish;
        let page = address >> PAGE_SHIFT;
        let expected = self.oracle.expect(space, address, access);
        match (told, expected) {
            (Told::Resumed, Ok(())) => {
                self.coverage.accesses += 1;
                self.ledger.answered(thread, &mut self.coverage);
                let Some(seen) = self.world.take_word(thread) else {
                    let message = format!("{access:?} at {address:#x} was never made");
                    return Err((FailureKind::WrongMapping, message));
                };
                let made = self.oracle.made(space, page, written, seen);
                made.map_err(|wrong| (FailureKind::WrongBytes, wrong.0))
            }
            (Told::Raised(raised), Err(expected)) if raised == expected => {
                if let Exception::GuardPage { .. } = raised {
                    self.oracle.clear_guard(space, page);
                }
                Ok(())
            }
            (Told::Raised(raised), Ok(())) => {
                let content = self.oracle.content(space, page);
                self.ledger.explain(thread, raised, content, &mut self.coverage)
            }
            (told, expected) => {
                let message = format!("{access:?} at {address:#x}: {told:?}, not {expected:?}");
                Err((FailureKind::WrongAnswer, message))
            }
        }
    }

    fn lock_answered(&mut self, thread: ThreadId, wish: Wish, told: Told) -> Judged {
        let Some(span) = wish.lock else { return Ok(()) };
        self.oracle.locked(span, told == Told::Resumed);
        if let Told::Raised(raised @ (Exception::InPage { .. } | Exception::NoMemory { .. })) = told
        {
            let lost = |page: &u64| {
                self.oracle.content(span.space, *page) == Some(crate::oracle::Content::Lost)
            };
            let content = wish.pages().find(lost).map(|_| crate::oracle::Content::Lost);
            return self.ledger.explain(thread, raised, content, &mut self.coverage);
        }
        self.ledger.answered(thread, &mut self.coverage);
        Ok(())
    }

    /// Lets the next event happen, if there is one up to a moment: whether there was.
    pub(super) fn event(&mut self, to: Tick) -> Result<bool, Found> {
        let ending = match self.world.next_io() {
            Some(Io::Read(operation) | Io::Write(operation)) => {
                Ending::of(self.world.manager(), operation, &self.threads)
            }
            _ => Ending::default(),
        };
        let before = self.commit_limit();
        let is_extension = matches!(self.world.next_io(), Some(Io::Extend(..)));
        let happened = self.world.advance_to_event(to);
        self.coverage.extensions += u64::from(is_extension && self.commit_limit() > before);
        self.settle_ending(&ending)?;
        Ok(happened)
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, span: Tick) -> Judged {
        let to = self.world.now().after(span);
        while self.event(to)? {}
        self.world.advance(to);
        Ok(())
    }

    /// Lets time pass until every thread is answered.
    pub(super) fn rest(&mut self) -> Judged {
        let end = self.world.now().after(WAIT_MOST);
        for _ in 0..EVENTS_MOST {
            if self.threads.waiting().next().is_none() {
                return Ok(());
            }
            if !self.event(end)? {
                break;
            }
        }
        let Some((thread, wish)) = self.threads.waiting().next() else { return Ok(()) };
        let message = format!(
            "thread {} waits for {:?} at {:#x}, and is never answered",
            thread.0, wish.access, wish.address
        );
        Err((FailureKind::WaitsForEver, message))
    }

    /// Nothing goes wrong from now on.
    pub(super) fn heal(&mut self) {
        FaultKind::ALL.into_iter().for_each(|kind| self.world.fail_next(kind, 0));
        self.world.slow_next(Tick(0), 0);
    }

    /// A thread makes an access.
    pub(super) fn access(
        &mut self,
        thread: ThreadId,
        (space, page): (SpaceId, u64),
        access: Access,
        written: Option<u64>,
    ) -> Judged {
        // Any address of the page will do: a different one each time.
        let offset = written.unwrap_or(page).wrapping_mul(0x9e5) & ((1 << PAGE_SHIFT) - 1);
        let address = page << PAGE_SHIFT | offset;
        let Some(found) = self.threads.get_mut(thread) else { return Ok(()) };
        found.wish = Some(Wish { space, address, access, written, lock: None });
        self.ledger.asks(thread);
        self.world.access(thread, crate::world::Intent { space, address, access, written });
        self.settle()
    }
}
