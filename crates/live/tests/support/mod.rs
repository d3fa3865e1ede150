//! What the tests of spaces have in common.
#![allow(dead_code, reason = "each file of tests uses a part of it")]

#[cfg(target_os = "linux")]
pub(crate) mod mappings;

#[cfg(target_os = "linux")]
use std::process::{Command, Output};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use memtide_core::Allocation;
use memtide_core::units::Bytes;
use memtide_live::{FaultPath, Machine, MachineOptions, Section, Space, SpaceOptions, Without};

pub(crate) const MIB: u64 = 1 << 20;
pub(crate) const PAGE: u64 = 4096;

pub(crate) const NO_ACCESS: u32 = 0x01;
pub(crate) const READ_ONLY: u32 = 0x02;
pub(crate) const READ_WRITE: u32 = 0x04;
pub(crate) const WRITE_COPY: u32 = 0x08;
pub(crate) const GUARD: u32 = 0x100;

#[cfg(target_os = "linux")]
pub(crate) const PATHS: [FaultPath; 2] = [FaultPath::InThread, FaultPath::Handler];
#[cfg(windows)]
pub(crate) const PATHS: [FaultPath; 1] = [FaultPath::InThread];

/// A word that tells its place.
pub(crate) fn scrambled(place: u64) -> u64 {
    place.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) | 1
}

/// What the tests do without: words of MEMTIDE_WITHOUT, such as `moves,poison`.
pub(crate) fn without() -> Without {
    let words = std::env::var("MEMTIDE_WITHOUT").unwrap_or_default();
    let mut without = Without::default();
    for word in words.split(',').filter(|word| !word.is_empty()) {
        match word {
            "moves" => without.moves = true,
            "poison" => without.poison = true,
            other => panic!("MEMTIDE_WITHOUT is {other:?}: expected moves or poison"),
        }
    }
    without
}

pub(crate) fn machine(budget_mib: u64, compression: Option<u8>) -> Machine {
    let mut options = MachineOptions::new(Bytes(budget_mib * MIB));
    options.compression = compression;
    options.without = without();
    Machine::new(&options).expect("a machine")
}

pub(crate) fn space(machine: &Machine, path: FaultPath) -> Space {
    machine.create_space(&SpaceOptions { path, ..SpaceOptions::default() }).expect("a space")
}

/// Committed memory of a space.
pub(crate) fn committed(space: &Space, bytes: u64) -> u64 {
    space.allocate(&Allocation::committed(bytes)).expect("committed memory")
}

/// A section that may be read and written.
pub(crate) fn section(machine: &Machine, bytes: u64) -> Section {
    machine.create_section(Bytes(bytes), READ_WRITE).expect("a section")
}

/// A view of all of a section.
pub(crate) fn view(space: &Space, section: &Section, protection: u32) -> u64 {
    space.map_view(section, 0, 0, protection).expect("a view")
}

pub(crate) fn store(address: u64, word: u64) {
    // SAFETY: the tests give addresses of their own memory, or of memory whose faults they expect.
    unsafe { (address as *mut u64).write_volatile(word) }
}

pub(crate) fn load(address: u64) -> u64 {
    // SAFETY: as above.
    unsafe { (address as *const u64).read_volatile() }
}

/// Writes a word into each page, which tells the page and a round.
pub(crate) fn mark(base: u64, bytes: u64, round: u64) {
    for page in 0..bytes / PAGE {
        store(base + page * PAGE, scrambled(page + round));
    }
}

/// Whether each page has its word still.
pub(crate) fn check(base: u64, bytes: u64, round: u64) {
    for page in 0..bytes / PAGE {
        assert_eq!(load(base + page * PAGE), scrambled(page + round), "page {page}");
    }
}

/// Works while another thread counts what is in memory; asserts that it keeps within a budget and
/// 2%, and prints it.
#[cfg(target_os = "linux")]
pub(crate) fn within_budget(
    (machine, budget, what): (&Machine, u64, &str),
    resident: impl Fn() -> u64 + Sync,
    work: impl FnOnce(),
) {
    let most = AtomicU64::new(0);
    let (looks, ends) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(Ordering::Acquire) {
                // A page that moved while they are counted would be counted twice.
                most.fetch_max(machine.inspect(|_| resident()), Ordering::AcqRel);
                looks.fetch_add(1, Ordering::AcqRel);
                // The manager stands still meanwhile: the work must get on too.
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        work();
        ends.store(true, Ordering::Release);
    });
    assert!(looks.into_inner() > 20, "too few looks");
    let most = most.into_inner();
    println!("{what}: {most} of {budget} bytes");
    assert!(most > budget / 2, "nothing is measured: {most} bytes");
    assert!(most <= budget + budget / 50, "{most} bytes of {budget}");
    machine.verify().expect("a sound machine");
}

/// What is left in a machine without spaces, in words.
#[cfg(target_os = "linux")]
pub(crate) fn left(machine: &Machine) -> String {
    machine.inspect(|manager| {
        let snapshot = manager.snapshot();
        let lists = manager.list_counts();
        let slots: u32 = snapshot.page_files().map(|file| file.used).sum();
        let counts = [
            ("spaces", snapshot.spaces().count() as u64),
            ("pages of commit charge", snapshot.commit().charged()),
            ("operations", snapshot.operations().count() as u64),
            ("waiting threads", snapshot.waiting() as u64),
            ("slots", u64::from(slots)),
            ("frames", u64::from(snapshot.frames() - lists.zeroed - lists.free)),
        ];
        let left = counts.iter().filter(|(_, count)| *count > 0);
        left.map(|(what, count)| format!("{count} {what} ")).collect()
    })
}

/// Runs in a thread; a test that takes longer than a minute fails.
pub(crate) fn bounded(test: impl FnOnce() + Send + 'static) {
    let (done, ends) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    if ends.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        eprintln!("still running after a minute: {:?}", thread.thread().id());
        std::process::abort();
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[cfg(target_os = "linux")]
const CHILD: &str = "MEMTIDE_TEST_CHILD";

/// The longest a child may take, in seconds; SIGALRM ends it then.
#[cfg(target_os = "linux")]
const LIMIT_S: u32 = 60;

/// In the test's own process runs this test alone in another, and returns how that ended. There,
/// runs `body`, and ends with success.
#[cfg(target_os = "linux")]
pub(crate) fn in_child(test: &str, variant: &str, body: impl FnOnce()) -> Output {
    let name = format!("{test} {variant}");
    if let Ok(child) = std::env::var(CHILD) {
        if child != name {
            return Output {
                status: std::process::ExitStatus::default(),
                stdout: Vec::new(),
                stderr: Vec::new(),
            };
        }
        // SAFETY: the call takes no pointer.
        unsafe { libc::alarm(LIMIT_S) };
        println!("{CHILD}");
        body();
        std::process::exit(0);
    }
    let program = std::env::current_exe().expect("the path of the test");
    let output = Command::new(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, &name)
        .output()
        .expect("the test can be started again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(CHILD), "there is no test {name}");
    output
}

/// As [`in_child`], for a child that should succeed.
#[cfg(target_os = "linux")]
pub(crate) fn succeeds(test: &str, variant: &str, body: impl FnOnce()) {
    let output = in_child(test, variant, body);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{variant}: {}: {said}", output.status);
}

/// As [`in_child`], for a child that a signal should end.
#[cfg(target_os = "linux")]
pub(crate) fn dies_by(signal: i32, test: &str, variant: &str, body: impl FnOnce()) {
    use std::os::unix::process::ExitStatusExt;
    let is_child = std::env::var(CHILD).is_ok();
    let output = in_child(test, variant, body);
    let said = String::from_utf8_lossy(&output.stderr);
    let ended = output.status.signal();
    assert!(is_child || ended == Some(signal), "{variant}: {}: {said}", output.status);
}
