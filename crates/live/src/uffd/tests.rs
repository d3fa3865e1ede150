//! Every call on real memory. The path in the thread serves: it needs no privilege, and a system
//! call that meets a fault says EFAULT.

use std::os::fd::OwnedFd;

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;

use super::{FaultPath, Moved, OpenError, Reservation, Uffd};

type Page = [u8; 4096];

const PAGES: u64 = 8;
const ALL: u64 = PAGES * PAGE_SIZE;

/// A userfaultfd, memory whose faults it has, and memory that it may move to.
pub(super) struct Scene {
    pub(super) uffd: Uffd,
    home: Reservation,
    frames: Reservation,
}

impl Scene {
    fn new() -> Self {
        Self::of(ALL)
    }

    /// With so many bytes of each.
    pub(super) fn of(bytes: u64) -> Self {
        let uffd = Uffd::open(FaultPath::InThread).expect("a userfaultfd in the thread");
        let home = Reservation::new(bytes).expect("memory");
        let frames = Reservation::new(bytes).expect("memory");
        uffd.register(home.address(), bytes).expect("registered");
        uffd.register_target(frames.address(), bytes).expect("registered as a target");
        Self { uffd, home, frames }
    }

    pub(super) fn home(&self, page: u64) -> u64 {
        self.home.address() + page * PAGE_SIZE
    }

    pub(super) fn frame(&self, page: u64) -> u64 {
        self.frames.address() + page * PAGE_SIZE
    }

    /// Puts a page into the frames.
    fn fill_frame(&self, page: u64, byte: u8) {
        assert_eq!(put(self.frame(page), byte), Ok(()));
    }
}

/// Writes a page by way of a system call, which fails where a plain access would fault.
pub(super) fn put(at: u64, byte: u8) -> Result<(), Errno> {
    let (reader, writer) = pipe();
    assert_eq!(rustix::io::write(&writer, &[byte; 4096]), Ok(4096));
    let pointer: *mut u8 = std::ptr::with_exposed_provenance_mut(usize::try_from(at).expect("at"));
    // SAFETY: the page is part of a mapping of the test, which nothing refers to.
    let page = unsafe {
        std::slice::from_raw_parts_mut(pointer.cast::<std::mem::MaybeUninit<u8>>(), 4096)
    };
    rustix::io::read(&reader, page).map(|_| ())
}

/// Reads a page by way of a system call.
pub(super) fn get(at: u64) -> Result<Box<Page>, Errno> {
    let (reader, writer) = pipe();
    let pointer: *const u8 = std::ptr::with_exposed_provenance(usize::try_from(at).expect("at"));
    // SAFETY: the page is part of a mapping of the test, which nothing writes now.
    let page = unsafe { std::slice::from_raw_parts(pointer, 4096) };
    rustix::io::write(&writer, page)?;
    let mut bytes = Box::new([0; 4096]);
    assert_eq!(rustix::io::read(&reader, &mut bytes[..]), Ok(4096));
    Ok(bytes)
}

fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe().expect("a pipe")
}

pub(super) fn whole(byte: u8) -> Result<Box<Page>, Errno> {
    Ok(Box::new([byte; 4096]))
}

const fn done(pages: u64) -> Moved {
    Moved { bytes: pages * PAGE_SIZE, stopped: None }
}

const fn stopped(pages: u64, error: Errno) -> Moved {
    Moved { bytes: pages * PAGE_SIZE, stopped: Some(error) }
}

#[test]
fn a_missing_page_of_registered_memory_fails_a_system_call() {
    let scene = Scene::new();
    assert_eq!(get(scene.home(0)), Err(Errno::FAULT));
    assert_eq!(put(scene.home(0), 1), Err(Errno::FAULT));
}

#[test]
fn a_missing_page_of_a_target_reads_as_zeros() {
    let scene = Scene::new();
    assert_eq!(get(scene.frame(0)), whole(0));
    assert_eq!(put(scene.frame(1), 7), Ok(()));
    assert_eq!(get(scene.frame(1)), whole(7));
}

#[test]
fn a_moved_page_keeps_its_bytes_and_leaves_nothing_behind() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    for page in 0..PAGES {
        scene.fill_frame(page, 10 + u8::try_from(page).expect("few"));
    }
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), ALL, true);
    assert_eq!(moved, done(PAGES));
    for page in 0..PAGES {
        assert_eq!(get(scene.home(page)), whole(10 + u8::try_from(page).expect("few")));
        assert_eq!(get(scene.frame(page)), whole(0));
    }
}

#[test]
fn a_move_stops_at_a_missing_source_and_tells_how_far_it_got() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    for page in [0, 1, 3] {
        scene.fill_frame(page, 1);
    }
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), ALL, true);
    assert_eq!(moved, stopped(2, Errno::NOENT));
    assert_eq!(get(scene.home(1)), whole(1));
    assert_eq!(get(scene.home(3)), Err(Errno::FAULT));
    assert_eq!(get(scene.frame(3)), whole(1));
}

#[test]
fn a_move_stops_at_a_present_destination_and_tells_how_far_it_got() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    for page in 0..PAGES {
        scene.fill_frame(page, 1);
    }
    scene.fill_frame(7, 2);
    let moved = scene.uffd.move_pages(scene.home(5), scene.frame(7), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), ALL, true);
    assert_eq!(moved, stopped(5, Errno::EXIST));
    assert_eq!(get(scene.home(4)), whole(1));
    assert_eq!(get(scene.home(5)), whole(2));
    assert_eq!(get(scene.frame(5)), whole(1));
}

#[test]
fn a_move_out_of_executable_pages_is_refused() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    scene.fill_frame(0, 1);
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
    scene.home.set_executable(0, PAGE_SIZE, true).expect("executable");
    let moved = scene.uffd.move_pages(scene.frame(0), scene.home(0), PAGE_SIZE, true);
    assert_eq!(moved, stopped(0, Errno::INVAL));
    assert_eq!(scene.uffd.copy(scene.frame(0), scene.home(0), PAGE_SIZE, false, true), done(1));
    assert_eq!(get(scene.frame(0)), whole(1));
    scene.home.set_executable(0, PAGE_SIZE, false).expect("plain again");
    scene.frames.discard(0, PAGE_SIZE).expect("discarded");
    let moved = scene.uffd.move_pages(scene.frame(0), scene.home(0), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
}

#[test]
fn a_move_out_of_locked_pages_is_refused() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    scene.fill_frame(0, 1);
    let pointer =
        std::ptr::with_exposed_provenance_mut(usize::try_from(scene.frame(0)).expect("at"));
    // SAFETY: a page of the test's own mapping.
    unsafe { rustix::mm::mlock(pointer, 4096) }.expect("locked");
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), PAGE_SIZE, true);
    assert_eq!(moved, stopped(0, Errno::INVAL));
}

#[test]
fn a_protected_page_arrives_writable_where_it_is_moved() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    let zeros = [3; 4096];
    let from = zeros.as_ptr().expose_provenance() as u64;
    assert_eq!(scene.uffd.copy(scene.home(0), from, PAGE_SIZE, true, true), done(1));
    assert_eq!(put(scene.home(0), 4), Err(Errno::FAULT));
    let moved = scene.uffd.move_pages(scene.frame(0), scene.home(0), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
    assert_eq!(put(scene.home(0), 4), Ok(()));
}

#[test]
fn a_page_can_be_protected_right_after_its_move() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    for page in 0..PAGES {
        scene.fill_frame(page, 1);
    }
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), ALL, false);
    assert_eq!(moved, done(PAGES));
    assert_eq!(scene.uffd.write_protect(scene.home(0), ALL, true, true), Ok(()));
    for page in 0..PAGES {
        assert_eq!(put(scene.home(page), 4), Err(Errno::FAULT));
        assert_eq!(get(scene.home(page)), whole(1));
    }
}

#[test]
fn a_page_of_zeros_can_be_moved() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    assert_eq!(scene.uffd.zero_page(scene.home(0), PAGE_SIZE), done(1));
    let moved = scene.uffd.move_pages(scene.frame(0), scene.home(0), PAGE_SIZE, true);
    assert_eq!(moved, done(1));
    assert_eq!(get(scene.home(0)), Err(Errno::FAULT));
}

#[test]
fn a_copy_is_write_protected_where_that_is_asked_for() {
    let scene = Scene::new();
    scene.fill_frame(0, 1);
    scene.fill_frame(1, 2);
    let two = 2 * PAGE_SIZE;
    assert_eq!(scene.uffd.copy(scene.home(0), scene.frame(0), two, true, true), done(2));
    assert_eq!(scene.uffd.copy(scene.home(2), scene.frame(0), two, false, true), done(2));
    assert_eq!(get(scene.home(1)), whole(2));
    assert_eq!(put(scene.home(1), 9), Err(Errno::FAULT));
    assert_eq!(put(scene.home(3), 9), Ok(()));
    assert_eq!(scene.uffd.write_protect(scene.home(1), PAGE_SIZE, false, true), Ok(()));
    assert_eq!(put(scene.home(1), 9), Ok(()));
    assert_eq!(put(scene.home(0), 9), Err(Errno::FAULT));
}

#[test]
fn a_copy_stops_at_a_present_page_and_at_a_source_that_cannot_be_read() {
    let scene = Scene::new();
    let two = 2 * PAGE_SIZE;
    let one = scene.uffd.copy(scene.home(1), scene.frame(0), PAGE_SIZE, false, true);
    assert_eq!(one, done(1));
    let copied = scene.uffd.copy(scene.home(0), scene.frame(0), two, false, true);
    assert_eq!(copied, stopped(1, Errno::EXIST));
    let copied = scene.uffd.copy(scene.home(4), scene.home(0), 3 * PAGE_SIZE, false, true);
    assert_eq!(copied, stopped(2, Errno::FAULT));
}

#[test]
fn pages_of_zeros_are_zeros_once() {
    let scene = Scene::new();
    assert_eq!(scene.uffd.zero_page(scene.home(0), 3 * PAGE_SIZE), done(3));
    assert_eq!(get(scene.home(2)), whole(0));
    assert_eq!(put(scene.home(2), 1), Ok(()));
    assert_eq!(scene.uffd.zero_page(scene.home(2), PAGE_SIZE), stopped(0, Errno::EXIST));
    assert_eq!(get(scene.home(2)), whole(1));
}

#[test]
fn protection_of_memory_that_is_not_registered_is_refused() {
    let scene = Scene::new();
    let other = Reservation::new(PAGE_SIZE).expect("memory");
    let protected = scene.uffd.write_protect(other.address(), PAGE_SIZE, true, true);
    assert_eq!(protected, Err(Errno::NOENT));
}

#[test]
fn protecting_missing_pages_leaves_them_missing() {
    let scene = Scene::new();
    scene.fill_frame(0, 1);
    assert_eq!(scene.uffd.write_protect(scene.home(0), ALL, true, true), Ok(()));
    assert_eq!(scene.uffd.copy(scene.home(0), scene.frame(0), PAGE_SIZE, false, true), done(1));
    assert_eq!(put(scene.home(0), 1), Ok(()));
}

#[test]
fn a_poisoned_page_fails_every_access() {
    let scene = Scene::new();
    if !scene.uffd.features().poison {
        return;
    }
    assert_eq!(scene.uffd.poison(scene.home(0), PAGE_SIZE), done(1));
    let read = get(scene.home(0));
    assert!(matches!(read, Err(Errno::FAULT | Errno::HWPOISON)), "{read:?}");
    assert_eq!(scene.uffd.poison(scene.home(0), PAGE_SIZE), stopped(0, Errno::EXIST));
    scene.home.discard(0, PAGE_SIZE).expect("discarded");
    assert_eq!(scene.uffd.zero_page(scene.home(0), PAGE_SIZE), done(1));
    assert_eq!(get(scene.home(0)), whole(0));
}

#[test]
fn memory_has_one_userfaultfd_and_is_plain_without() {
    let scene = Scene::new();
    let other = Uffd::open(FaultPath::InThread).expect("another");
    assert_eq!(other.register(scene.home(0), ALL), Err(Errno::BUSY));
    assert_eq!(scene.uffd.unregister(scene.home(0), ALL), Ok(()));
    assert_eq!(get(scene.home(0)), whole(0));
    assert_eq!(other.register(scene.home(0), ALL), Ok(()));
    assert_eq!(get(scene.home(1)), Err(Errno::FAULT));
}

#[test]
fn a_reservation_checks_its_ranges() {
    assert_eq!(Reservation::new(1).map(|memory| memory.bytes()), Err(Errno::INVAL));
    assert_eq!(Reservation::new(0).map(|memory| memory.bytes()), Err(Errno::INVAL));
    let memory = Reservation::new(ALL).expect("memory");
    assert_eq!(memory.discard(ALL, PAGE_SIZE), Err(Errno::INVAL));
    assert_eq!(memory.discard(1, PAGE_SIZE), Err(Errno::INVAL));
    assert_eq!(memory.discard(0, u64::MAX), Err(Errno::INVAL));
    assert_eq!(memory.set_executable(PAGE_SIZE, ALL, true), Err(Errno::INVAL));
}

#[test]
fn discarded_pages_are_missing() {
    let scene = Scene::new();
    assert_eq!(scene.uffd.zero_page(scene.home(0), ALL), done(PAGES));
    scene.home.discard(PAGE_SIZE, PAGE_SIZE).expect("discarded");
    assert_eq!(get(scene.home(0)), whole(0));
    assert_eq!(get(scene.home(1)), Err(Errno::FAULT));
}

#[test]
fn a_pinned_page_is_moved_once_it_is_no_longer() {
    let scene = Scene::new();
    if !scene.uffd.features().moves {
        return;
    }
    let Ok(ring) = io_uring::IoUring::new(2) else { return };
    scene.fill_frame(0, 1);
    let base = std::ptr::with_exposed_provenance_mut(usize::try_from(scene.frame(0)).expect("at"));
    let buffer = [libc::iovec { iov_base: base, iov_len: 4096 }];
    // SAFETY: a page of the test's own mapping, which outlives the registration.
    unsafe { ring.submitter().register_buffers(&buffer) }.expect("pinned");
    let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), PAGE_SIZE, true);
    assert_eq!(moved, stopped(0, Errno::BUSY));
    ring.submitter().unregister_buffers().expect("unpinned");
    drop(ring);
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let moved = scene.uffd.move_pages(scene.home(0), scene.frame(0), PAGE_SIZE, true);
        if moved == done(1) {
            break;
        }
        assert_eq!(moved, stopped(0, Errno::BUSY));
        assert!(std::time::Instant::now() < limit, "still pinned after ten seconds");
        std::thread::yield_now();
    }
    assert_eq!(get(scene.home(0)), whole(1));
}

#[test]
fn an_open_that_is_refused_says_what_would_allow_it() {
    let refused = OpenError::NoKernelFaults { call: Errno::PERM, device: Errno::ACCESS };
    let message = refused.to_string();
    assert!(message.contains("vm.unprivileged_userfaultfd = 1"), "{message}");
    assert!(message.contains("/dev/userfaultfd"), "{message}");
    assert!(message.contains("CAP_SYS_PTRACE"), "{message}");
}

#[test]
fn capabilities_are_those_of_a_userfaultfd() {
    let capabilities = super::Capabilities::look();
    let features = Uffd::open(FaultPath::InThread).expect("a userfaultfd").features();
    assert_eq!(capabilities.in_thread, Ok(()));
    assert_eq!(capabilities.handler, Uffd::open(FaultPath::Handler).map(drop));
    assert_eq!(capabilities.moves, features.moves);
    assert_eq!(capabilities.poison, features.poison);
    assert_eq!(capabilities.shares, features.shares);
    assert!(capabilities.write_protect && features.write_protect && !features.kernel_faults);
    assert!(capabilities.kernel.split('.').count() >= 2, "{}", capabilities.kernel);
}
