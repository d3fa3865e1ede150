//! A round: a machine, its spaces, threads that do anything, and a disk that fails; in the end
//! every word is looked at, and nothing may be left.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use memtide_core::{Allocation, ListCommand, Refusal};
use memtide_live::page_file::testing::{Fault, Faults};
use memtide_live::{Error, FaultPath, Machine, Space};

use crate::losses::{self, Memory, Raised};
use crate::plan::{Disk, Plan};
use crate::random::Random;
use crate::support::{self, PAGE, PATHS};
use crate::watch::{self, Progress};
use crate::worker::{Found, Worker};

const KINDS: [Fault; 10] = [
    Fault::ReadError,
    Fault::WriteError,
    Fault::WriteNoSpace,
    Fault::GrowNoSpace,
    Fault::ShortRead,
    Fault::ShortWrite,
    Fault::FlippedBit,
    Fault::TornWrite,
    Fault::LostWrite,
    Fault::Delay,
];

/// What a round came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Came {
    pub(crate) steps: u64,
    pub(crate) injected: u64,
    pub(crate) in_page: u64,
    pub(crate) lost: u64,
    pub(crate) no_memory: u64,
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) compressed: u64,
}

/// A space, and its memories: one of each of some threads, and one that all share.
struct Home {
    space: Arc<Space>,
    own: Vec<Arc<Memory>>,
    shared: Arc<Memory>,
}

fn memory(space: &Space, pages: usize) -> Arc<Memory> {
    Arc::new(Memory::new(support::committed(space, pages as u64 * PAGE), pages))
}

impl Home {
    fn new(machine: &Machine, path: FaultPath, plan: &Plan, threads: usize) -> Self {
        let space = Arc::new(support::space(machine, path));
        let own = (0..threads).map(|_| memory(&space, plan.own_pages)).collect();
        let shared = memory(&space, plan.shared_pages);
        Self { space, own, shared }
    }

    fn handle(&self, faults: &Faults, raised: &Arc<Raised>) {
        let mut all = self.own.clone();
        all.push(Arc::clone(&self.shared));
        losses::handle(&self.space, all, faults.clone(), raised);
    }
}

/// What the threads of a round tell each other.
#[derive(Default)]
struct Signs {
    /// No more steps: look at everything.
    is_over: AtomicBool,
    done: AtomicUsize,
    /// What was found that must not be.
    found: Mutex<Vec<String>>,
}

impl Signs {
    fn note(&self, what: String) {
        self.found.lock().expect("not poisoned").push(what);
        self.is_over.store(true, Ordering::Release);
    }
}

/// Does a round of so long a time.
///
/// # Errors
/// What must not be.
pub(crate) fn run(plan: &Plan, time: Duration) -> Result<Came, String> {
    let faults = Faults::seeded(plan.seed);
    let raised = Arc::new(Raised::default());
    let machine = plan.machine(&faults);
    // Threads of even numbers are at home in the one space, those of odd numbers in the other.
    let homes = [0, 1].map(|home| {
        let threads = (plan.threads + 1 - home) / 2;
        let home = Home::new(&machine, PATHS[home], plan, threads);
        home.handle(&faults, &raised);
        home
    });
    plan.begin(&faults);
    let all: Vec<Arc<Progress>> = (0..=plan.threads).map(|_| Arc::default()).collect();
    let signs = Signs::default();
    let what = format!("{plan:?}");
    std::thread::scope(|scope| {
        let shared = homes.each_ref().map(|home| Arc::clone(&home.shared));
        for number in 0..plan.threads {
            let home = &homes[number % 2];
            let random = Random(plan.seed ^ (number as u64 + 1) << 32);
            let own = Arc::clone(&home.own[number / 2]);
            let space = Arc::clone(&home.space);
            let rest = (faults.clone(), Arc::clone(&all[number]));
            let worker = Worker::new(number, random, space, own, &shared, rest);
            let signs = &signs;
            scope.spawn(move || work(worker, signs));
        }
        let commander = Commander {
            machine: &machine,
            random: Random(plan.seed ^ 0x00c0_772d),
            faults: &faults,
            raised: &raised,
        };
        let (machine, signs, progress) = (&machine, &signs, &all[plan.threads]);
        scope.spawn(move || command(commander, progress, signs));
        let until = Instant::now() + time;
        watch::wait(machine, &what, &all, || {
            if Instant::now() >= until && !signs.is_over.swap(true, Ordering::AcqRel) {
                // What was written is looked at, and must be there.
                faults.clear();
            }
            signs.done.load(Ordering::Acquire) > plan.threads
        });
    });
    let found = std::mem::take(&mut *signs.found.lock().expect("not poisoned"));
    if !found.is_empty() {
        return Err(found.join("\n"));
    }
    let counters = machine.counters();
    drop(homes);
    nothing_is_left(&machine)?;
    let of = |number: &std::sync::atomic::AtomicU64| number.load(Ordering::Relaxed);
    let injected: u64 = KINDS.iter().map(|kind| faults.happened(*kind)).sum();
    if of(&raised.no_memory) > 0 && !matches!(plan.disk, Disk::FailingWrites | Disk::All) {
        return Err(format!("no memory was to be had {} times", of(&raised.no_memory)));
    }
    Ok(Came {
        steps: all.iter().map(|progress| of(&progress.steps)).sum(),
        injected,
        in_page: of(&raised.in_page),
        lost: of(&raised.lost),
        no_memory: of(&raised.no_memory),
        read: counters.pages_read,
        written: counters.pages_written,
        compressed: counters.compressed,
    })
}

/// Steps until the round is over, and then a look at every word.
fn work(mut worker: Worker, signs: &Signs) {
    let mut found = Ok(());
    while found.is_ok() && !signs.is_over.load(Ordering::Acquire) {
        found = worker.step();
    }
    // A defect is told as it was found, and nobody else adds to it.
    if found.is_ok() && signs.found.lock().expect("not poisoned").is_empty() {
        found = worker.check();
    }
    if let Err(what) = found {
        signs.note(what);
    }
    drop(worker);
    signs.done.fetch_add(1, Ordering::AcqRel);
}

/// Who gives commands.
struct Commander<'a> {
    machine: &'a Machine,
    random: Random,
    faults: &'a Faults,
    raised: &'a Arc<Raised>,
}

/// Commands, proofs, and spaces that come and go.
fn command(mut commander: Commander<'_>, progress: &Progress, signs: &Signs) {
    while !signs.is_over.load(Ordering::Acquire) {
        let choice = commander.random.below(10);
        progress.step(choice, 0);
        if let Err(what) = commander.step(choice) {
            signs.note(what);
        }
        // The others are there to be disturbed, not to be kept out.
        std::thread::sleep(Duration::from_millis(1 + commander.random.below(20)));
    }
    signs.done.fetch_add(1, Ordering::AcqRel);
}

impl Commander<'_> {
    fn step(&mut self, choice: u64) -> Found {
        match choice {
            0..5 => drop(self.machine.command(self.random.pick(&ListCommand::ALL))),
            5..8 => self.machine.verify().map_err(|unsound| unsound.to_string())?,
            8 => drop(self.machine.conditions()),
            _ => self.visit()?,
        }
        Ok(())
    }

    /// A space that comes, is used, and goes.
    fn visit(&mut self) -> Found {
        const PAGES: usize = 300;
        let space = Arc::new(support::space(self.machine, self.random.pick(&PATHS)));
        let base = match space.allocate(&Allocation::committed(PAGES as u64 * PAGE)) {
            Ok(base) => base,
            Err(Error::Refused(Refusal::CommitmentLimit { .. }))
                if self.faults.happened(Fault::GrowNoSpace) > 0 =>
            {
                return Ok(());
            }
            Err(error) => return Err(format!("a visitor's memory: {error}")),
        };
        let memory = Arc::new(Memory::new(base, PAGES));
        losses::handle(&space, vec![Arc::clone(&memory)], self.faults.clone(), self.raised);
        let word = |page: usize| support::scrambled(memory.address(page));
        (0..PAGES).for_each(|page| support::store(memory.address(page), word(page)));
        space.empty_working_set().map_err(|error| error.to_string())?;
        for page in 0..PAGES {
            let (seen, expected) = (support::load(memory.address(page)), word(page));
            if seen != expected && (seen != 0 || memory.begun(page) == 0) {
                return Err(format!("{seen:#x} in page {page} of a visitor: not {expected:#x}"));
            }
        }
        Ok(())
    }
}

/// The longest that writes in flight may take to end.
const END_MAX: Duration = Duration::from_secs(30);

fn nothing_is_left(machine: &Machine) -> Found {
    let deadline = Instant::now() + END_MAX;
    loop {
        machine.verify().map_err(|unsound| unsound.to_string())?;
        let left = support::left(machine);
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("left after {END_MAX:?}: {left}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
