//! Faults and other signals, each test in a process of its own: handlers are the process'.

use std::ffi::c_void;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};

use memtide_core::page::{Access, PAGE_SIZE};
use rustix::io::Errno;

use super::{Fault, Signal, SignalsBlocked, Verdict, install};
use crate::child;
use crate::uffd::{FaultPath, Reservation, Uffd};

const PAGES: u64 = 64;

/// The memory of a test, and what its handler does with faults there.
struct Scene {
    uffd: Uffd,
    memory: Reservation,
    verdict: fn(&Scene, &Fault) -> Verdict,
}

static SCENE: OnceLock<Scene> = OnceLock::new();
static FAULTS: AtomicU64 = AtomicU64::new(0);

/// Registered memory whose faults come to `verdict`.
fn scene(verdict: fn(&Scene, &Fault) -> Verdict) -> &'static Scene {
    let scene = SCENE.get_or_init(|| {
        let uffd = Uffd::open(FaultPath::InThread).expect("a userfaultfd");
        let memory = Reservation::new(PAGES * PAGE_SIZE).expect("memory");
        uffd.register(memory.address(), memory.bytes()).expect("registered");
        Scene { uffd, memory, verdict }
    });
    install(on_fault).expect("installed");
    scene
}

fn on_fault(fault: &Fault) -> Verdict {
    let Some(scene) = SCENE.get() else { return Verdict::NotOurs };
    let range = scene.memory.address()..scene.memory.address() + scene.memory.bytes();
    if !range.contains(&fault.address) {
        return Verdict::NotOurs;
    }
    FAULTS.fetch_add(1, Ordering::Relaxed);
    (scene.verdict)(scene, fault)
}

/// A page of zeros, write-protected after a read, plain after a write.
fn demand_zero(scene: &Scene, fault: &Fault) -> Verdict {
    static ZEROS: [u8; 4096] = [0; 4096];
    let page = fault.address / PAGE_SIZE * PAGE_SIZE;
    let zeros = ZEROS.as_ptr().expose_provenance() as u64;
    let protect = fault.access == Access::Read;
    let copied = scene.uffd.copy(page, zeros, PAGE_SIZE, protect, true);
    if copied.stopped == Some(Errno::EXIST) && !protect {
        scene.uffd.write_protect(page, PAGE_SIZE, false, true).expect("unprotected");
    }
    Verdict::Resume
}

impl Scene {
    fn word(&self, page: u64, index: u64) -> &AtomicU64 {
        let address = self.memory.address() + page * PAGE_SIZE + index * 8;
        let word = std::ptr::with_exposed_provenance(usize::try_from(address).expect("an address"));
        // SAFETY: an aligned word of the test's own mapping, reached as an atomic only.
        unsafe { &*word }
    }
}

#[test]
fn threads_that_touch_the_same_pages_see_each_others_writes() {
    child::succeed(
        module_path!(),
        "threads_that_touch_the_same_pages_see_each_others_writes",
        || {
            const THREADS: u64 = 6;
            let scene = scene(demand_zero);
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    scope.spawn(move || {
                        for page in 0..PAGES {
                            assert_eq!(scene.word(page, 100 + thread).load(Ordering::Relaxed), 0);
                            scene.word(page, thread).store(page * 10 + thread, Ordering::Relaxed);
                            scene.word(page, 99).fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            for page in 0..PAGES {
                for thread in 0..THREADS {
                    assert_eq!(
                        scene.word(page, thread).load(Ordering::Relaxed),
                        page * 10 + thread
                    );
                }
                assert_eq!(scene.word(page, 99).load(Ordering::Relaxed), THREADS);
            }
            assert!(FAULTS.load(Ordering::Relaxed) >= PAGES);
        },
    );
}

#[test]
fn a_fault_tells_its_address_and_what_was_done_there() {
    static LAST: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
    fn note(scene: &Scene, fault: &Fault) -> Verdict {
        LAST[0].store(fault.address, Ordering::Relaxed);
        LAST[1].store(fault.access as u64, Ordering::Relaxed);
        if fault.access != Access::Execute {
            return demand_zero(scene, fault);
        }
        assert_eq!((fault.signal, fault.code), (Signal::Segv, 2));
        Verdict::Die {
            as_signal: Signal::Bus,
            code: 3,
            address: fault.address - scene.memory.address(),
        }
    }
    let name = "a_fault_tells_its_address_and_what_was_done_there";
    let output = child::run(module_path!(), name, || {
        handle(libc::SIGBUS, 0, print_and_exit);
        let scene = scene(note);
        let last = || (LAST[0].load(Ordering::Relaxed), LAST[1].load(Ordering::Relaxed));
        let page = scene.memory.address();
        scene.word(0, 3).load(Ordering::Relaxed);
        assert_eq!(last(), (page + 24, Access::Read as u64));
        scene.word(0, 4).store(1, Ordering::Relaxed);
        assert_eq!(last(), (page + 32, Access::Write as u64), "a write of a protected page");
        scene.word(1, 0).store(1, Ordering::Relaxed);
        assert_eq!(last(), (page + PAGE_SIZE, Access::Write as u64), "a write of a missing page");
        let code = std::ptr::with_exposed_provenance::<c_void>(usize::try_from(page).expect("at"));
        // SAFETY: it isn't one: the page isn't executable, so that the call ends in a fault.
        let function: extern "C" fn() = unsafe { std::mem::transmute(code.byte_add(0x40)) };
        function();
    });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("signal 7 7 code 3 address 0x40"), "{said}");
}

#[test]
fn what_errno_holds_outlives_a_fault() {
    child::succeed(module_path!(), "what_errno_holds_outlives_a_fault", || {
        let scene = scene(|scene, fault| {
            // SAFETY: this thread's errno.
            unsafe { *libc::__errno_location() = libc::EXDEV };
            demand_zero(scene, fault)
        });
        // SAFETY: this thread's errno.
        unsafe { *libc::__errno_location() = libc::ENOTTY };
        scene.word(0, 0).store(1, Ordering::Relaxed);
        // SAFETY: this thread's errno.
        assert_eq!(unsafe { *libc::__errno_location() }, libc::ENOTTY);
        assert_eq!(FAULTS.load(Ordering::Relaxed), 1);
    });
}

type Action = extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void);

/// Gives a signal to a handler, as a program would.
fn handle(signal: i32, flags: i32, action: Action) {
    act(signal, flags | libc::SA_SIGINFO, action as usize, &[]);
}

fn act(signal: i32, flags: i32, action: usize, mask: &[i32]) {
    // SAFETY: a zeroed action is valid, and so is what is put there; the set is initialised.
    unsafe {
        let mut all: libc::sigaction = std::mem::zeroed();
        all.sa_sigaction = action;
        all.sa_flags = flags;
        libc::sigemptyset(&mut all.sa_mask);
        for signal in mask {
            libc::sigaddset(&mut all.sa_mask, *signal);
        }
        assert_eq!(libc::sigaction(signal, &all, std::ptr::null_mut()), 0);
    }
}

/// Prints what it gets and ends the process with success in 3.
extern "C" fn print_and_exit(signal: i32, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the siginfo of a signal.
    let (number, code, address) = unsafe { ((*info).si_signo, (*info).si_code, (*info).si_addr()) };
    println!("signal {signal} {number} code {code} address {:#x}", address.addr());
    std::process::exit(3);
}

/// An address that nothing is mapped at.
const NOWHERE: usize = 0x10;

fn touch_nowhere() {
    let nowhere = std::ptr::with_exposed_provenance::<u64>(NOWHERE);
    // SAFETY: it isn't: nothing is mapped there, and the test is about that.
    unsafe { std::arch::asm!("/* {0} */", in(reg) nowhere.read_volatile()) };
}

#[test]
fn a_fault_of_the_program_goes_to_its_own_handler() {
    let output =
        child::run(module_path!(), "a_fault_of_the_program_goes_to_its_own_handler", || {
            handle(libc::SIGSEGV, 0, print_and_exit);
            scene(demand_zero);
            touch_nowhere();
        });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("signal 11 11 code 1 address 0x10"), "{said}");
}

#[test]
fn a_death_goes_to_the_handler_of_its_signal() {
    let output = child::run(module_path!(), "a_death_goes_to_the_handler_of_its_signal", || {
        handle(libc::SIGSEGV, libc::SA_ONSTACK, print_and_exit);
        let scene = scene(|_, fault| Verdict::Die {
            as_signal: Signal::Segv,
            code: 2,
            address: fault.address / PAGE_SIZE * PAGE_SIZE + 0x123,
        });
        println!("page {:#x}", scene.memory.address());
        scene.word(0, 1).load(Ordering::Relaxed);
    });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    let (_, page) = said.split_once("page 0x").expect("the page");
    let page = page.split_whitespace().next().expect("the page").trim_end_matches("000");
    let expected = format!("signal 11 11 code 2 address 0x{page}123");
    assert!(said.contains(&expected), "{said} has no {expected}");
}

static COUNTS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
static BLOCKED: AtomicI32 = AtomicI32::new(-1);

/// Whether a signal is blocked in this thread.
fn is_blocked(signal: i32) -> bool {
    // SAFETY: both sets are written before they are read.
    unsafe {
        let mut mask = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
        libc::sigismember(&mask, signal) == 1
    }
}

/// A handler of one argument.
extern "C" fn count(signal: i32) {
    COUNTS[0].fetch_add(1, Ordering::Relaxed);
    let blocked = [libc::SIGUSR1, libc::SIGUSR2, signal].map(is_blocked);
    let bits = blocked.into_iter().fold(0, |bits, bit| bits << 1 | i32::from(bit));
    BLOCKED.store(bits, Ordering::Relaxed);
}

#[test]
fn a_plain_handler_runs_with_the_mask_that_it_asked_for() {
    child::succeed(module_path!(), "a_plain_handler_runs_with_the_mask_that_it_asked_for", || {
        act(libc::SIGBUS, 0, count as extern "C" fn(i32) as usize, &[libc::SIGUSR2]);
        act(libc::SIGSEGV, libc::SA_NODEFER, count as extern "C" fn(i32) as usize, &[]);
        scene(demand_zero);
        raise(libc::SIGBUS);
        assert_eq!(COUNTS[0].load(Ordering::Relaxed), 1);
        assert_eq!(BLOCKED.load(Ordering::Relaxed), 0b011, "SIGUSR2, as asked, and itself");
        raise(libc::SIGSEGV);
        assert_eq!(COUNTS[0].load(Ordering::Relaxed), 2);
        assert_eq!(BLOCKED.load(Ordering::Relaxed), 0, "not itself, as asked");
        assert!(!is_blocked(libc::SIGUSR2) && !is_blocked(libc::SIGBUS));
    });
}

fn raise(signal: i32) {
    // SAFETY: no pointer is passed.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[test]
fn a_handler_that_was_to_run_once_runs_once() {
    child::die_by(libc::SIGBUS, module_path!(), "a_handler_that_was_to_run_once_runs_once", || {
        act(libc::SIGBUS, libc::SA_RESETHAND, count as extern "C" fn(i32) as usize, &[]);
        scene(demand_zero);
        raise(libc::SIGBUS);
        assert_eq!(COUNTS[0].load(Ordering::Relaxed), 1);
        raise(libc::SIGBUS);
    });
}

#[test]
fn a_signal_that_was_ignored_is_ignored_and_a_fault_is_not() {
    let name = "a_signal_that_was_ignored_is_ignored_and_a_fault_is_not";
    let output = child::die_by(libc::SIGSEGV, module_path!(), name, || {
        act(libc::SIGSEGV, 0, libc::SIG_IGN, &[]);
        scene(demand_zero);
        raise(libc::SIGSEGV);
        println!("still here");
        touch_nowhere();
    });
    assert!(String::from_utf8_lossy(&output.stdout).contains("still here"));
}

#[test]
fn a_signal_that_nobody_handled_ends_the_process() {
    let name = "a_signal_that_nobody_handled_ends_the_process";
    child::die_by(libc::SIGBUS, module_path!(), name, || {
        act(libc::SIGBUS, 0, libc::SIG_DFL, &[]);
        scene(demand_zero);
        raise(libc::SIGBUS);
    });
}

#[test]
fn a_death_ends_a_process_that_handles_nothing() {
    let name = "a_death_ends_a_process_that_handles_nothing";
    child::die_by(libc::SIGSEGV, module_path!(), name, || {
        act(libc::SIGSEGV, 0, libc::SIG_DFL, &[]);
        act(libc::SIGBUS, 0, libc::SIG_DFL, &[]);
        die_by_a_touch();
    });
}

fn die_by_a_touch() {
    let scene =
        scene(|_, fault| Verdict::Die { as_signal: Signal::Segv, code: 2, address: fault.address });
    scene.word(0, 1).load(Ordering::Relaxed);
}

/// The handlers of Rust's library set their signal back and return, to have the fault again.
#[test]
fn a_death_ends_a_process_whose_handler_only_resets_its_signal() {
    let name = "a_death_ends_a_process_whose_handler_only_resets_its_signal";
    child::die_by(libc::SIGSEGV, module_path!(), name, die_by_a_touch);
}

#[test]
fn a_fault_of_a_program_ends_it() {
    child::die_by(libc::SIGSEGV, module_path!(), "a_fault_of_a_program_ends_it", || {
        scene(demand_zero);
        touch_nowhere();
    });
}

#[test]
fn a_signal_from_elsewhere_ends_the_process() {
    child::die_by(
        libc::SIGSEGV,
        module_path!(),
        "a_signal_from_elsewhere_ends_the_process",
        || {
            act(libc::SIGSEGV, 0, libc::SIG_DFL, &[]);
            scene(demand_zero);
            // SAFETY: no pointer is passed.
            unsafe { libc::kill(libc::getpid(), libc::SIGSEGV) };
            loop {
                std::thread::park();
            }
        },
    );
}

#[test]
fn an_overflow_of_a_stack_is_reported_as_ever() {
    let name = "an_overflow_of_a_stack_is_reported_as_ever";
    let output = child::die_by(libc::SIGABRT, module_path!(), name, || {
        scene(demand_zero);
        let thread = std::thread::Builder::new().name("deep".to_owned()).stack_size(256 << 10);
        thread.spawn(|| overflow(1)).expect("a thread").join().expect("it never returns");
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("has overflowed its stack"), "{said}");
}

#[expect(unconditional_recursion, reason = "a stack is to overflow")]
fn overflow(depth: u64) -> u64 {
    let space = std::hint::black_box([depth; 64]);
    overflow(space[3] + 1) + std::hint::black_box(space[5])
}

#[test]
fn a_handler_has_room_though_the_alternate_stack_has_not() {
    fn hungry(scene: &Scene, fault: &Fault) -> Verdict {
        let space = std::hint::black_box([7_u8; 48 << 10]);
        assert_eq!(space.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 7 * (48 << 10));
        demand_zero(scene, fault)
    }
    let name = "a_handler_has_room_though_the_alternate_stack_has_not";
    child::succeed(module_path!(), name, || {
        let scene = scene(hungry);
        std::thread::spawn(|| {
            let mut small = vec![0xee_u8; 64 << 10];
            let used = 32 << 10;
            let stack = libc::stack_t {
                ss_sp: small[used..].as_mut_ptr().cast(),
                ss_flags: 0,
                ss_size: used,
            };
            // SAFETY: the memory outlives the thread's use of it, which ends with the next call.
            assert_eq!(unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) }, 0);
            let before = [1_u64, 2, 3, 4, 5, 6, 7, 8].map(std::hint::black_box);
            scene.word(0, 0).store(5, Ordering::Relaxed);
            assert_eq!(std::hint::black_box(before), [1, 2, 3, 4, 5, 6, 7, 8]);
            let none = libc::stack_t { ss_flags: libc::SS_DISABLE, ..stack };
            // SAFETY: as above.
            assert_eq!(unsafe { libc::sigaltstack(&none, std::ptr::null_mut()) }, 0);
            assert!(small[..used].iter().all(|byte| *byte == 0xee), "it went over the edge");
            scene.word(1, 0).store(6, Ordering::Relaxed);
        })
        .join()
        .expect("it touches");
        assert_eq!(scene.word(0, 0).load(Ordering::Relaxed), 5);
        assert_eq!(FAULTS.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_blocked_signal_arrives_once_it_is_no_longer() {
    child::succeed(module_path!(), "a_blocked_signal_arrives_once_it_is_no_longer", || {
        act(libc::SIGUSR1, 0, count as extern "C" fn(i32) as usize, &[]);
        let blocked = SignalsBlocked::new();
        raise(libc::SIGUSR1);
        {
            let _within = SignalsBlocked::new();
        }
        assert_eq!(COUNTS[0].load(Ordering::Relaxed), 0);
        assert!(is_blocked(libc::SIGBUS) && is_blocked(libc::SIGTERM));
        drop(blocked);
        assert_eq!(COUNTS[0].load(Ordering::Relaxed), 1);
        assert!(!is_blocked(libc::SIGBUS));
    });
}

#[test]
fn a_thread_that_blocks_the_signal_of_faults_dies_by_it() {
    let name = "a_thread_that_blocks_the_signal_of_faults_dies_by_it";
    child::die_by(libc::SIGBUS, module_path!(), name, || {
        let scene = scene(demand_zero);
        let _blocked = SignalsBlocked::new();
        scene.word(0, 0).load(Ordering::Relaxed);
    });
}

#[test]
fn signals_that_have_a_handler_of_ours_get_no_second() {
    child::succeed(module_path!(), "signals_that_have_a_handler_of_ours_get_no_second", || {
        scene(demand_zero);
        assert_eq!(install(on_fault), Ok(()));
        assert_eq!(install(|_| Verdict::NotOurs), Err(Errno::BUSY));
    });
}

#[test]
fn a_poisoned_page_faults_again_and_again() {
    let name = "a_poisoned_page_faults_again_and_again";
    let output = child::run(module_path!(), name, || {
        handle(libc::SIGBUS, 0, print_and_exit);
        let scene = scene(|scene, fault| {
            let page = fault.address / PAGE_SIZE * PAGE_SIZE;
            match scene.uffd.poison(page, PAGE_SIZE).stopped {
                Some(Errno::EXIST) => Verdict::NotOurs,
                stopped => {
                    assert_eq!(stopped, None);
                    Verdict::Resume
                }
            }
        });
        if scene.uffd.features().poison {
            scene.word(0, 0).load(Ordering::Relaxed);
        }
        println!("no poison here");
        std::process::exit(3);
    });
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    let expected = [libc::BUS_MCEERR_AR, libc::BUS_ADRERR].map(|code| format!("7 7 code {code}"));
    let without = said.contains("no poison here");
    assert!(without || expected.iter().any(|code| said.contains(code)), "{said}");
}

/// A child of fork has none of the memory, and its parent keeps all of it.
#[test]
fn a_child_of_fork_faults_where_the_memory_was_and_the_parent_moves_on() {
    let name = "a_child_of_fork_faults_where_the_memory_was_and_the_parent_moves_on";
    child::succeed(module_path!(), name, || {
        let scene = scene(demand_zero);
        scene.word(0, 0).store(1, Ordering::Relaxed);
        // SAFETY: the child makes system calls, touches a page and ends.
        let child = unsafe { libc::fork() };
        if child == 0 {
            touch_and_end(scene);
        }
        let mut status = 0;
        // SAFETY: the status lives through the call.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFSIGNALED(status), "status {status:#x}");
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
        assert_eq!(scene.word(0, 0).load(Ordering::Relaxed), 1);
        if scene.uffd.features().moves {
            let (from, to) = (scene.memory.address(), scene.memory.address() + 8 * PAGE_SIZE);
            assert_eq!(scene.uffd.move_pages(to, from, PAGE_SIZE, true).stopped, None);
            assert_eq!(scene.word(8, 0).load(Ordering::Relaxed), 1);
        }
    });
}

/// In a child: uses nothing of its parent's, then touches where its parent has memory.
fn touch_and_end(scene: &Scene) -> ! {
    act(libc::SIGSEGV, 0, libc::SIG_DFL, &[]);
    let (at, bytes) = (scene.memory.address(), scene.memory.bytes());
    let gone = Some(Errno::SRCH);
    let refused = scene.uffd.zero_page(at + PAGE_SIZE, PAGE_SIZE).stopped == gone
        && scene.memory.discard(0, bytes).err() == gone
        && scene.uffd.write_protect(at, bytes, true, true).err() == gone
        && !scene.uffd.is_of_this_process();
    if refused {
        scene.word(0, 0).load(Ordering::Relaxed);
    }
    // SAFETY: ends the child.
    unsafe { libc::_exit(9) }
}

/// The handler is inherited with the signals, and would act on the parent's memory.
#[test]
fn a_child_of_fork_hands_its_faults_to_who_had_them_before() {
    let name = "a_child_of_fork_hands_its_faults_to_who_had_them_before";
    child::succeed(module_path!(), name, || {
        handle(libc::SIGSEGV, 0, print_and_exit);
        let scene = scene(demand_zero);
        scene.word(0, 0).store(1, Ordering::Relaxed);
        // SAFETY: the child touches a page and ends: by the handler that was there before ours.
        let child = unsafe { libc::fork() };
        if child == 0 {
            scene.word(0, 0).load(Ordering::Relaxed);
            // SAFETY: ends the child.
            unsafe { libc::_exit(9) };
        }
        let mut status = 0;
        // SAFETY: the status lives through the call.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 3, "status {status:#x}");
        assert_eq!(FAULTS.load(Ordering::Relaxed), 1);
    });
}
