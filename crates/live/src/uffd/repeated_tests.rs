//! MOVE repeats a page whose entry the processor changed meanwhile: it was accessed. Linux 6.18 has
//! moved such a page at the second try, and then doesn't count it (`move_pages` of
//! mm/userfaultfd.c keeps the error of the first).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use memtide_core::page::PAGE_SIZE;

use super::tests::{get, put, whole};
use super::{FaultPath, Reservation, Uffd};

const PAGES: u64 = 256;

/// Accesses a page by way of a system call, which fails where it is missing.
fn access(at: u64) {
    let at: *mut u64 = std::ptr::with_exposed_provenance_mut(usize::try_from(at).expect("at"));
    let none = std::ptr::null::<u64>();
    // SAFETY: the call changes no mask, and writes the old one, eight zeros, to memory of the
    // test that nothing refers to.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, none, at, 8_usize) };
}

#[test]
fn a_page_that_is_accessed_while_it_is_moved_is_counted() {
    let uffd = Uffd::open(FaultPath::InThread).expect("a userfaultfd");
    if !uffd.features().moves {
        return;
    }
    let home = Reservation::new(PAGES * PAGE_SIZE).expect("memory");
    let frames = Reservation::new(PAGES * PAGE_SIZE).expect("memory");
    uffd.register(home.address(), home.bytes()).expect("registered");
    uffd.register_target(frames.address(), frames.bytes()).expect("registered");
    let all = |of: &Reservation| {
        let start = of.address();
        (0..PAGES).map(move |page| start + page * PAGE_SIZE)
    };
    all(&frames).for_each(|at| assert_eq!(put(at, 0), Ok(())));
    let (is_over, limit) = (AtomicBool::new(false), Instant::now() + Duration::from_secs(3));
    std::thread::scope(|scope| {
        let accesses = scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                all(&home).for_each(access);
            }
        });
        while Instant::now() < limit && !accesses.is_finished() {
            for (at, frame) in all(&home).zip(all(&frames)) {
                assert_eq!(uffd.move_pages(at, frame, PAGE_SIZE, false).stopped, None);
            }
            // Every page counts as not accessed from now on.
            std::fs::write("/proc/self/clear_refs", "1").expect("marks are cleared");
            for (at, frame) in all(&home).zip(all(&frames)) {
                let moved = uffd.move_pages(frame, at, PAGE_SIZE, false);
                if moved.stopped.is_some() {
                    is_over.store(true, Ordering::Relaxed);
                }
                assert_eq!(moved.stopped, None, "{:?}", get(at).map(|page| page[0]));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    all(&frames).for_each(|at| assert_eq!(get(at), whole(0)));
}
