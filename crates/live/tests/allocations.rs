//! No thread that faults, or that a faulting thread waits for, allocates or frees memory: a
//! signal's handler that interrupted malloc may touch managed memory.
//!
//! The allocator of this program has one lock, which its holder keeps while a signal interrupts
//! it: whoever allocates on the way of a fault then waits for ever.
#![cfg(target_os = "linux")]

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memtide_core::{Allocation, MEM_COMMIT, MEM_RESERVE, MEM_WRITE_WATCH};
use memtide_live::{Disposition, FaultPath, Machine, Space};
use support::{
    GUARD, MIB, PAGE, PATHS, READ_WRITE, WRITE_COPY, bounded, check, committed, load, machine,
    mark, scrambled, section, space, store, view,
};

struct Watched;

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Whether only threads that said so may allocate.
static ARMED: AtomicBool = AtomicBool::new(false);
static VIOLATIONS: AtomicU64 = AtomicU64::new(0);
static LOCKED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread may allocate now.
    static MAY: Cell<bool> = const { Cell::new(false) };
}

/// Does something as the holder of the allocator's lock.
fn locked<T>(act: impl FnOnce() -> T) -> T {
    if ARMED.load(Ordering::Relaxed) && !MAY.get() {
        VIOLATIONS.fetch_add(1, Ordering::Relaxed);
        MAY.set(true);
        eprintln!("{}", std::backtrace::Backtrace::force_capture());
        MAY.set(false);
    }
    while LOCKED.swap(true, Ordering::Acquire) {
        std::thread::yield_now();
    }
    let done = act();
    LOCKED.store(false, Ordering::Release);
    done
}

// SAFETY: everything is the system's allocator's.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        locked(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller says.
        locked(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as the caller says.
        locked(|| unsafe { System.realloc(memory, layout, bytes) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        locked(|| unsafe { System.dealloc(memory, layout) });
    }
}

/// Does something that only accesses memory; nobody may allocate meanwhile.
fn watched(act: impl FnOnce()) {
    MAY.set(false);
    ARMED.store(true, Ordering::SeqCst);
    act();
    ARMED.store(false, Ordering::SeqCst);
    MAY.set(true);
    let violations = VIOLATIONS.swap(0, Ordering::SeqCst);
    assert_eq!(violations, 0, "somebody allocated or freed memory on the way of a fault");
}

/// Memory with every kind of page.
struct Memory {
    machine: Machine,
    space: Space,
    plain: u64,
    watched: u64,
    guarded: u64,
    shared: u64,
    copied: u64,
}

/// Bytes of the plain memory: several times the budget.
const PLAIN: u64 = 16 * MIB;

/// Bytes of each other kind of memory.
const EACH: u64 = MIB;

impl Memory {
    fn new(path: FaultPath, compression: Option<u8>) -> Self {
        let machine = machine(8, compression);
        let space = space(&machine, path);
        let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
        let watched = Allocation { address: 0, bytes: EACH, kind, protection: READ_WRITE };
        let watched = space.allocate(&watched).expect("watched memory");
        let guarded = committed(&space, EACH);
        space.protect(guarded, EACH, READ_WRITE | GUARD).expect("guards");
        space.on_exception(Box::new(|_| Disposition::Retry));
        let section = section(&machine, EACH);
        let (shared, copied) =
            (view(&space, &section, READ_WRITE), view(&space, &section, WRITE_COPY));
        let plain = committed(&space, PLAIN);
        Self { machine, space, plain, watched, guarded, shared, copied }
    }

    /// Faults of every kind, with all that follows from them.
    fn touch_all(&self) {
        mark(self.plain, PLAIN, 1);
        mark(self.shared, EACH, 2);
        for page in (0..EACH / PAGE).step_by(2) {
            let address = self.copied + page * PAGE;
            assert_eq!(load(address), scrambled(page + 2));
            store(address, !page);
        }
        mark(self.watched, EACH, 3);
        mark(self.guarded, EACH, 4);
        for step in 0..PLAIN / PAGE {
            let page = step * 1009 % (PLAIN / PAGE);
            assert_eq!(load(self.plain + page * PAGE), scrambled(page + 1), "page {page}");
        }
        check(self.shared, EACH, 2);
        check(self.watched, EACH, 3);
        check(self.guarded, EACH, 4);
        for page in 0..EACH / PAGE {
            let expected = if page % 2 == 0 { !page } else { scrambled(page + 2) };
            assert_eq!(load(self.copied + page * PAGE), expected, "page {page}");
        }
        check(self.plain, PLAIN, 1);
    }
}

fn every_kind_of_fault(path: FaultPath, compression: Option<u8>) {
    let memory = Memory::new(path, compression);
    watched(|| memory.touch_all());
    memory.space.empty_working_set().expect("trimmed");
    // Soft faults, writes after trims, and another space beside it.
    watched(|| check(memory.plain, PLAIN, 1));
    let counters = memory.machine.counters();
    assert!(counters.demand_zero > 0 && counters.hard + counters.decompressed > 0, "{counters:?}");
    assert!(counters.trimmed > 0 && counters.first_writes > 0, "{counters:?}");
    assert!(counters.copy_on_write > 0 && counters.guard > 0, "{counters:?}");
    match compression {
        Some(_) => assert!(counters.compressed > 0, "{counters:?}"),
        None => assert!(counters.soft > 0 && counters.pages_written > 0, "{counters:?}"),
    }
}

fn many_threads(path: FaultPath, compression: Option<u8>) {
    const THREADS: usize = 4;
    let memory = Memory::new(path, compression);
    // Threads allocate where they begin and where they end.
    let [ready, begins, ends, over] = [(); 4].map(|()| Barrier::new(THREADS + 1));
    std::thread::scope(|scope| {
        let start = |thread: u64| {
            let (memory, ready, begins, ends) = (&memory, &ready, &begins, &ends);
            let over = &over;
            scope.spawn(move || {
                ready.wait();
                begins.wait();
                for step in 0..PLAIN / PAGE {
                    let page = step * (2 * thread + 1) * 37 % (PLAIN / PAGE);
                    let address = memory.plain + page * PAGE + thread * 8;
                    let before = load(address);
                    assert!(before == 0 || before == scrambled(address));
                    store(address, scrambled(address));
                }
                ends.wait();
                over.wait();
            })
        };
        let threads: Vec<_> = (0..THREADS as u64).map(start).collect();
        ready.wait();
        watched(|| {
            begins.wait();
            ends.wait();
        });
        over.wait();
        // Until they are gone: a scope waits only for their work.
        for thread in threads {
            thread.join().expect("every word was right");
        }
    });
}

/// What the handler of the signal touches, and how often it did.
static BASE: AtomicU64 = AtomicU64::new(0);
static TOUCHED: AtomicU64 = AtomicU64::new(0);
static INTERRUPTED: AtomicU64 = AtomicU64::new(0);
/// How often it has ended.
static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn touch_some(_: i32) {
    INTERRUPTED.fetch_add(u64::from(LOCKED.load(Ordering::Relaxed)), Ordering::Relaxed);
    for _ in 0..16 {
        let step = TOUCHED.fetch_add(1, Ordering::Relaxed);
        let page = step * 1009 % (PLAIN / PAGE);
        let address = BASE.load(Ordering::Relaxed) + page * PAGE;
        if load(address) != scrambled(page + 1) {
            std::process::abort();
        }
        store(address, scrambled(page + 1));
    }
    HANDLED.fetch_add(1, Ordering::Release);
}

/// A handler touches memory that is mostly out, in a thread that allocates all the time.
fn interrupted(path: FaultPath, compression: Option<u8>) {
    let memory = Memory::new(path, compression);
    mark(memory.plain, PLAIN, 1);
    BASE.store(memory.plain, Ordering::Relaxed);
    TOUCHED.store(0, Ordering::Relaxed);
    INTERRUPTED.store(0, Ordering::Relaxed);
    let handler = touch_some as extern "C" fn(i32);
    // SAFETY: the handler only reads and writes managed memory and atomics.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: the call has no conditions.
    let thread = unsafe { libc::pthread_self() };
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let signals = scope.spawn(|| {
            MAY.set(true);
            let pause = || std::thread::sleep(std::time::Duration::from_micros(200));
            while !ends.load(Ordering::Acquire) {
                let handled = HANDLED.load(Ordering::Acquire);
                // SAFETY: the thread waits for this one.
                unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
                // The next one too must find it within malloc, not where this one's handler ends.
                while HANDLED.load(Ordering::Acquire) == handled && !ends.load(Ordering::Acquire) {
                    pause();
                }
                pause();
            }
        });
        let enough = || {
            let often = TOUCHED.load(Ordering::Relaxed) > PLAIN / PAGE;
            often && INTERRUPTED.load(Ordering::Relaxed) > 20
        };
        while !enough() {
            let some: Vec<Vec<u8>> = (1..64).map(|size| vec![1; size * 97]).collect();
            black_box(some);
        }
        ends.store(true, Ordering::Release);
        signals.join().expect("no panic");
    });
}

#[test]
fn no_fault_allocates_and_a_handler_that_interrupted_malloc_may_touch_managed_memory() {
    for path in PATHS {
        for compression in [None, Some(50)] {
            bounded(move || {
                MAY.set(true);
                every_kind_of_fault(path, compression);
                many_threads(path, compression);
                interrupted(path, compression);
            });
        }
    }
}
