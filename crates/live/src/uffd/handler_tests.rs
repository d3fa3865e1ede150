//! Faults as a handler thread sees them. Where this user may not have them, nothing is tested but
//! that the error says so. Threads that nobody let go on would hang a test: those run in a process
//! of their own, which has its time.

use std::sync::atomic::{AtomicU32, Ordering};

use memtide_core::page::PAGE_SIZE;
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::fd::AsFd;
use rustix::io::Errno;

use super::event::Ready;
use super::{Event, FaultPath, OpenError, Reservation, Uffd};
use crate::child;

const LIMIT: Option<Timespec> = Some(Timespec { tv_sec: 20, tv_nsec: 0 });

fn scene() -> Option<(Uffd, Reservation)> {
    let uffd = match Uffd::open(FaultPath::Handler) {
        Ok(uffd) => uffd,
        Err(OpenError::NoKernelFaults { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    assert!(uffd.features().kernel_faults);
    let memory = Reservation::new(4 * PAGE_SIZE).expect("memory");
    uffd.register(memory.address(), memory.bytes()).expect("registered");
    Some((uffd, memory))
}

/// Waits for one fault.
fn next(uffd: &Uffd) -> Event {
    let never = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    let mut events = Vec::new();
    while events.is_empty() {
        let ready = uffd.wait(never.as_fd(), LIMIT);
        assert_eq!(ready, Ok(Ready { events: true, other: false }), "no fault came");
        uffd.read_events(&mut events).expect("read");
    }
    assert_eq!(events.len(), 1, "{events:?}");
    events[0]
}

fn word(memory: &Reservation, offset: u64) -> &AtomicU32 {
    let address = usize::try_from(memory.address() + offset).expect("an address");
    // SAFETY: an aligned word of the test's mapping, reached as an atomic only.
    unsafe { &*std::ptr::with_exposed_provenance(address) }
}

#[test]
fn a_fault_waits_for_its_page_and_a_write_for_its_permission() {
    let name = "a_fault_waits_for_its_page_and_a_write_for_its_permission";
    child::succeed(module_path!(), name, wait_for_a_page_and_for_permission);
}

fn wait_for_a_page_and_for_permission() {
    let Some((uffd, memory)) = scene() else { return };
    let page = memory.address() + PAGE_SIZE;
    let ones = [1_u8; 4096];
    let from = ones.as_ptr().expose_provenance() as u64;
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let tid = rustix::thread::gettid();
            let read = word(&memory, PAGE_SIZE + 8).load(Ordering::Relaxed);
            word(&memory, PAGE_SIZE + 12).store(7, Ordering::Relaxed);
            (tid, read)
        });
        let Event::Fault { address, is_write, is_write_protected, thread: missing } = next(&uffd)
        else {
            panic!("a fault is expected");
        };
        assert_eq!(
            (address / PAGE_SIZE * PAGE_SIZE, is_write, is_write_protected),
            (page, false, false)
        );
        assert!(address == page + 8 || !uffd.features().exact_address, "{address:#x}");
        assert_eq!(uffd.copy(page, from, PAGE_SIZE, true, false).stopped, None);
        assert_eq!(uffd.wake(page, PAGE_SIZE), Ok(()));
        let Event::Fault { is_write, is_write_protected, thread: protected, .. } = next(&uffd)
        else {
            panic!("a fault is expected");
        };
        assert!(is_write && is_write_protected);
        assert_eq!(uffd.write_protect(page, PAGE_SIZE, false, true), Ok(()));
        let (tid, read) = thread.join().expect("it goes on");
        let tid = u32::try_from(tid.as_raw_pid()).expect("positive");
        assert_eq!((missing, protected), (Some(tid), Some(tid)));
        assert_eq!(read, 0x0101_0101);
        assert_eq!(word(&memory, PAGE_SIZE + 12).load(Ordering::Relaxed), 7);
    });
}

#[test]
fn a_system_call_waits_for_its_page_too() {
    let name = "a_system_call_waits_for_its_page_too";
    child::succeed(module_path!(), name, wait_in_a_system_call);
}

fn wait_in_a_system_call() {
    let Some((uffd, memory)) = scene() else { return };
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
            assert_eq!(rustix::io::write(&writer, b"tide"), Ok(4));
            let address = usize::try_from(memory.address()).expect("an address");
            let start: *mut u8 = std::ptr::with_exposed_provenance_mut(address);
            // SAFETY: memory of the test, which nothing else refers to.
            let buffer = unsafe { std::slice::from_raw_parts_mut(start, 4) };
            (rustix::io::read(&reader, &mut buffer[..]), buffer.to_vec())
        });
        assert!(matches!(next(&uffd), Event::Fault { is_write: true, .. }));
        assert_eq!(uffd.zero_page(memory.address(), PAGE_SIZE).stopped, None);
        assert_eq!(thread.join().expect("it goes on"), (Ok(4), b"tide".to_vec()));
    });
}

#[test]
fn a_wait_ends_by_the_other_descriptor_and_by_its_time() {
    let Some((uffd, _memory)) = scene() else { return };
    let stop = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    let at_once = Some(Timespec { tv_sec: 0, tv_nsec: 0 });
    let nothing = Ready { events: false, other: false };
    assert_eq!(uffd.wait(stop.as_fd(), at_once), Ok(nothing));
    assert_eq!(rustix::io::write(&stop, &1_u64.to_ne_bytes()), Ok(8));
    assert_eq!(uffd.wait(stop.as_fd(), None), Ok(Ready { events: false, other: true }));
    let mut events = Vec::new();
    assert_eq!(uffd.read_events(&mut events), Ok(()));
    assert!(events.is_empty());
}

#[test]
fn a_user_without_privilege_gets_what_works_and_is_told_the_rest() {
    let name = "a_user_without_privilege_gets_what_works_and_is_told_the_rest";
    child::succeed(module_path!(), name, || {
        // SAFETY: no pointers are passed. It fails without privilege, which is as good.
        let _dropped = unsafe { libc::setresuid(65534, 65534, 65534) };
        let allowed = std::fs::read_to_string("/proc/sys/vm/unprivileged_userfaultfd");
        let device = std::fs::File::options().read(true).write(true).open("/dev/userfaultfd");
        let in_thread = Uffd::open(FaultPath::InThread).expect("any user may");
        assert!(!in_thread.features().kernel_faults);
        let handler = Uffd::open(FaultPath::Handler).map(drop);
        if device.is_ok() || allowed.is_ok_and(|allowed| allowed.trim() == "1") {
            assert_eq!(handler, Ok(()));
        } else {
            let refused = matches!(
                handler,
                Err(OpenError::NoKernelFaults {
                    call: Errno::PERM,
                    device: Errno::ACCESS | Errno::NOENT
                })
            );
            assert!(refused, "{handler:?}");
        }
    });
}

#[test]
fn who_has_room_for_one_event_leaves_the_others_to_others() {
    let name = "who_has_room_for_one_event_leaves_the_others_to_others";
    child::succeed(module_path!(), name, read_one_by_one);
}

fn read_one_by_one() {
    const THREADS: u64 = 4;
    let Some((uffd, memory)) = scene() else { return };
    let never = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let word = word(&memory, thread * PAGE_SIZE);
            scope.spawn(|| word.load(Ordering::Relaxed));
        }
        let mut pages = Vec::new();
        let mut events = Vec::with_capacity(1);
        while pages.len() < 4 {
            let ready = uffd.wait(never.as_fd(), LIMIT);
            assert_eq!(ready, Ok(Ready { events: true, other: false }), "no fault came");
            events.clear();
            assert_eq!(uffd.read_events(&mut events), Ok(()));
            let [Event::Fault { address, .. }] = events[..] else { panic!("{events:?}") };
            pages.push(address / PAGE_SIZE * PAGE_SIZE);
        }
        pages.sort_unstable();
        let all: Vec<u64> = (0..THREADS).map(|page| memory.address() + page * PAGE_SIZE).collect();
        assert_eq!(pages, all);
        assert_eq!(uffd.zero_page(memory.address(), memory.bytes()).stopped, None);
    });
}
