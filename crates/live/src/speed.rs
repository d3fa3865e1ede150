//! What the steps of paging cost here: `cargo test --release -p memtide-live --lib -- --ignored
//! --nocapture what_the_steps_cost`.

use std::hint::black_box;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use memtide_core::page::{Access, PAGE_SIZE};
use rustix::time::{ClockId, clock_gettime};

use crate::child;
use crate::signal::{Fault, SignalsBlocked, Verdict, install};
use crate::uffd::{FaultPath, Moved, Reservation, Uffd};

const PAGES: u64 = 4096;
const BYTES: u64 = PAGES * PAGE_SIZE;
const ROUNDS: usize = 15;

static ZEROS: [u8; 64 * 4096] = [0; 64 * 4096];

struct Bench {
    uffd: Uffd,
    home: Reservation,
    frames: Reservation,
}

/// What the handler does.
static MODE: AtomicU64 = AtomicU64::new(0);
const MOVE: u64 = 0;
const COPY: u64 = 1;
const UNPROTECT: u64 = 2;
const ZERO: u64 = 3;
const CLEAN: u64 = 4;

static BENCH: OnceLock<Bench> = OnceLock::new();

fn bench() -> &'static Bench {
    BENCH.get_or_init(|| {
        let uffd = Uffd::open(FaultPath::InThread).expect("a userfaultfd");
        let home = Reservation::new(BYTES).expect("memory");
        let frames = Reservation::new(BYTES).expect("memory");
        uffd.register(home.address(), BYTES).expect("registered");
        uffd.register_target(frames.address(), BYTES).expect("registered");
        Bench { uffd, home, frames }
    })
}

fn on_fault(fault: &Fault) -> Verdict {
    let bench = bench();
    let page = fault.address / PAGE_SIZE * PAGE_SIZE;
    let Some(offset) = page.checked_sub(bench.home.address()).filter(|at| *at < BYTES) else {
        return Verdict::NotOurs;
    };
    let frame = bench.frames.address() + offset;
    let zeros = zeros();
    match MODE.load(Ordering::Relaxed) {
        MOVE => whole(bench.uffd.move_pages(page, frame, PAGE_SIZE, false)),
        COPY => whole(bench.uffd.copy(page, zeros, PAGE_SIZE, fault.access == Access::Read, false)),
        UNPROTECT => bench.uffd.write_protect(page, PAGE_SIZE, false, false).expect("unprotected"),
        CLEAN => {
            whole(bench.uffd.move_pages(page, frame, PAGE_SIZE, false));
            bench.uffd.write_protect(page, PAGE_SIZE, true, false).expect("protected");
        }
        _ => whole(bench.uffd.zero_page(page, PAGE_SIZE)),
    }
    Verdict::Resume
}

fn zeros() -> u64 {
    ZEROS.as_ptr().expose_provenance() as u64
}

fn whole(moved: Moved) {
    assert_eq!(moved.stopped, None);
}

/// Prints the median and the extremes of nanoseconds a page, of rounds that tell their own.
fn row(name: &str, mut round: impl FnMut() -> f64) {
    let mut all: Vec<f64> = (0..ROUNDS).map(|_| round()).collect();
    all.sort_by(f64::total_cmp);
    let (least, median, most) = (all[0], all[ROUNDS / 2], all[ROUNDS - 1]);
    println!("{name:60} {median:8.0} ns a page  ({least:.0} .. {most:.0})");
}

/// Of this thread's processor time, so that other work on the machine counts little.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are few")]
fn timed(pages: u64, run: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let begun = now();
    run();
    (now() - begun) as f64 / pages as f64
}

impl Bench {
    fn page(&self, page: u64) -> u64 {
        self.home.address() + page * PAGE_SIZE
    }

    fn frame(&self, page: u64) -> u64 {
        self.frames.address() + page * PAGE_SIZE
    }

    /// All pages at home, none in the frames, writable.
    fn all_home(&self) {
        self.nothing();
        for page in 0..PAGES {
            let (from, to) = (zeros(), self.page(page));
            whole(self.uffd.copy(to, from, PAGE_SIZE, false, false));
        }
    }

    fn all_framed(&self) {
        self.all_home();
        self.batches(64, |at, bytes| {
            whole(self.uffd.move_pages(self.frame(at), self.page(at), bytes, false));
        });
    }

    fn nothing(&self) {
        self.home.discard(0, BYTES).expect("discarded");
        self.frames.discard(0, BYTES).expect("discarded");
    }

    fn batches(&self, batch: u64, mut run: impl FnMut(u64, u64)) -> f64 {
        timed(PAGES, || {
            for at in (0..PAGES).step_by(usize::try_from(batch).expect("small")) {
                run(at, batch * PAGE_SIZE);
            }
        })
    }

    fn word(&self, page: u64) -> &AtomicU64 {
        let at = usize::try_from(self.page(page)).expect("an address");
        // SAFETY: an aligned word of the mapping, reached as an atomic only.
        unsafe { &*std::ptr::with_exposed_provenance(at) }
    }

    fn read_all(&self) -> f64 {
        timed(PAGES, || {
            for page in 0..PAGES {
                black_box(self.word(page).load(Ordering::Relaxed));
            }
        })
    }

    fn write_all(&self) -> f64 {
        timed(PAGES, || (0..PAGES).for_each(|page| self.word(page).store(1, Ordering::Relaxed)))
    }
}

fn faults(bench: &Bench) {
    let mode = |mode| MODE.store(mode, Ordering::Relaxed);
    row("fault in thread + MOVE", || {
        bench.all_framed();
        mode(MOVE);
        bench.read_all()
    });
    row("fault in thread + MOVE + WRITEPROTECT", || {
        bench.all_framed();
        mode(CLEAN);
        bench.read_all()
    });
    row("fault in thread (read) + COPY_WP of zeros", || {
        bench.nothing();
        mode(COPY);
        bench.read_all()
    });
    row("fault in thread (write) + COPY of zeros", || {
        bench.nothing();
        mode(COPY);
        bench.write_all()
    });
    row("fault in thread (read) + ZEROPAGE", || {
        bench.nothing();
        mode(ZERO);
        bench.read_all()
    });
    row("fault in thread (write) + ZEROPAGE, the kernel's copy", || {
        bench.nothing();
        mode(ZERO);
        bench.write_all()
    });
    row("write fault of a protected page, in thread", || {
        bench.all_home();
        bench.uffd.write_protect(bench.page(0), BYTES, true, true).expect("protected");
        mode(UNPROTECT);
        bench.write_all()
    });
}

fn calls(bench: &Bench) {
    for batch in [1, 8, 64] {
        row(&format!("MOVE out, batches of {batch}"), || {
            bench.all_home();
            bench.batches(batch, |at, bytes| {
                whole(bench.uffd.move_pages(bench.frame(at), bench.page(at), bytes, false));
            })
        });
    }
    for batch in [1, 8, 64] {
        row(&format!("WRITEPROTECT on, batches of {batch}"), || {
            bench.all_home();
            bench.batches(batch, |at, bytes| {
                bench.uffd.write_protect(bench.page(at), bytes, true, true).expect("protected");
            })
        });
    }
    for batch in [1, 64] {
        row(&format!("WRITEPROTECT off, batches of {batch}"), || {
            bench.all_home();
            bench.uffd.write_protect(bench.page(0), BYTES, true, true).expect("protected");
            bench.batches(batch, |at, bytes| {
                bench.uffd.write_protect(bench.page(at), bytes, false, false).expect("allowed");
            })
        });
    }
    for batch in [1, 8, 64] {
        row(&format!("MOVE in + WRITEPROTECT, batches of {batch}"), || {
            bench.all_framed();
            bench.batches(batch, |at, bytes| {
                whole(bench.uffd.move_pages(bench.page(at), bench.frame(at), bytes, false));
                bench.uffd.write_protect(bench.page(at), bytes, true, true).expect("protected");
            })
        });
    }
    for batch in [1, 8, 64] {
        row(&format!("COPY_WP in + DONTNEED of the frame, batches of {batch}"), || {
            bench.all_framed();
            bench.batches(batch, |at, bytes| {
                whole(bench.uffd.copy(bench.page(at), bench.frame(at), bytes, true, false));
                bench.frames.discard(at * PAGE_SIZE, bytes).expect("discarded");
            })
        });
    }
    for (batch, protect) in [(1, true), (8, true), (64, true), (1, false), (64, false)] {
        row(&format!("COPY of zeros, protected: {protect}, batches of {batch}"), || {
            bench.nothing();
            bench.batches(batch, |at, bytes| {
                whole(bench.uffd.copy(bench.page(at), zeros(), bytes, protect, false));
            })
        });
    }
    for batch in [1, 64] {
        row(&format!("ZEROPAGE, batches of {batch}"), || {
            bench.nothing();
            bench.batches(batch, |at, bytes| whole(bench.uffd.zero_page(bench.page(at), bytes)))
        });
        row(&format!("DONTNEED, batches of {batch}"), || {
            bench.all_home();
            bench.batches(batch, |at, bytes| {
                bench.home.discard(at * PAGE_SIZE, bytes).expect("discarded");
            })
        });
    }
}

/// A frame of another's data becomes a page of zeros.
fn zeroing(bench: &Bench) {
    for batch in [1, 8, 64] {
        row(&format!("memset of a frame + MOVE, batches of {batch}"), || {
            bench.all_framed();
            bench.batches(batch, |at, bytes| {
                let start = usize::try_from(bench.frame(at)).expect("an address");
                let length = usize::try_from(bytes).expect("small");
                // SAFETY: frames that nothing refers to now.
                unsafe {
                    std::ptr::with_exposed_provenance_mut::<u8>(start).write_bytes(0, length);
                }
                whole(bench.uffd.move_pages(bench.page(at), bench.frame(at), bytes, false));
            })
        });
    }
    row("COPY of zeros + DONTNEED of the frame, batches of 1", || {
        bench.all_framed();
        bench.batches(1, |at, bytes| {
            whole(bench.uffd.copy(bench.page(at), zeros(), bytes, false, false));
            bench.frames.discard(at * PAGE_SIZE, bytes).expect("discarded");
        })
    });
    row("first touch of the kernel's own memory", || {
        let memory = Reservation::new(BYTES).expect("memory");
        let start = usize::try_from(memory.address()).expect("an address");
        timed(PAGES, || {
            for page in 0..usize::try_from(PAGES).expect("small") {
                // SAFETY: a word of that memory.
                unsafe {
                    std::ptr::with_exposed_provenance_mut::<u64>(start + page * 4096)
                        .write_volatile(1);
                }
            }
        })
    });
    row("all signals blocked and allowed again (once)", || {
        timed(10_000, || (0..10_000).for_each(|_| drop(black_box(SignalsBlocked::new()))))
    });
}

#[test]
#[ignore = "prints times"]
fn what_the_steps_cost() {
    let output = child::succeed(module_path!(), "what_the_steps_cost", || {
        let bench = bench();
        assert!(bench.uffd.features().moves, "MOVE takes Linux 6.8");
        install(on_fault).expect("installed");
        faults(bench);
        calls(bench);
        zeroing(bench);
        println!("\nwith another thread of the process busy:");
        let busy = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            faults(bench);
            calls(bench);
            busy.store(false, Ordering::Relaxed);
        });
    });
    println!("{}", String::from_utf8_lossy(&output.stdout));
}
