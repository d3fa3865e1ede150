//! MOVE repeats a page whose entry the processor changed meanwhile: it was accessed. Linux 6.18 has
//! moved such a page at the second try, and then doesn't count it (`move_pages` of
//! mm/userfaultfd.c keeps the error of the first).

use std::time::{Duration, Instant};

use memtide_core::page::PAGE_SIZE;

use super::tests::{Scene, get, put, whole};

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
    let scene = Scene::of(PAGES * PAGE_SIZE);
    let uffd = &scene.uffd;
    if !uffd.features().moves {
        return;
    }
    let places = || (0..PAGES).map(|page| (scene.home(page), scene.frame(page)));
    places().for_each(|(_, frame)| assert_eq!(put(frame, 0), Ok(())));
    let limit = Instant::now() + Duration::from_secs(3);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while Instant::now() < limit {
                places().for_each(|(home, _)| access(home));
            }
        });
        while Instant::now() < limit {
            for (home, frame) in places() {
                assert_eq!(uffd.move_pages(home, frame, PAGE_SIZE, false).stopped, None);
            }
            // Every page counts as not accessed from now on.
            std::fs::write("/proc/self/clear_refs", "1").expect("marks are cleared");
            for (home, frame) in places() {
                let moved = uffd.move_pages(frame, home, PAGE_SIZE, false);
                assert_eq!(moved.stopped, None, "{:?}", get(home).map(|page| page[0]));
            }
        }
    });
    places().for_each(|(_, frame)| assert_eq!(get(frame), whole(0)));
}
