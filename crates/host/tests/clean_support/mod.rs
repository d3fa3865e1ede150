//! What the tests of cleaning share: a cgroup of their own, files on a disk, programs to clean.
//!
//! A test binary can't map memory without `unsafe`, so it plays the programs itself: it starts a
//! copy of its own file that runs the test `program`, told by its environment what to do.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use memtide_core::units::Bytes;
use memtide_host::clean::{Cleaner, Region, Request, StepReport};
use memtide_host::linux::cgroup::{Location, Version};
use memtide_host::linux::smaps;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicBool;

/// The variable that makes a copy of the test binary a program.
const JOB: &str = "MEMTIDE_TEST_JOB";

/// A memory cgroup of the test's own; what is left in it is killed with it.
pub struct Group {
    pub directory: PathBuf,
    pub version: Version,
}

impl Group {
    pub fn new(name: &str) -> Self {
        let location = Location::of_this_process(Path::new("/")).expect("a memory cgroup");
        let directory = location.top.join(format!("memtide-{name}-{}", std::process::id()));
        // Version 2 shows the files of a controller only below a cgroup that hands it down.
        let _ = fs::write(location.top.join("cgroup.subtree_control"), "+memory");
        fs::create_dir(&directory).expect("a cgroup");
        Self { directory, version: location.version }
    }

    pub fn request(&self, regions: &[Region]) -> Request {
        let cgroup = Some(self.directory.clone());
        Request { regions: regions.to_vec(), cgroup, ..Request::default() }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for _ in 0..100 {
            if fs::remove_dir(&self.directory).is_ok() {
                return;
            }
            // A program that has just ended leaves its cgroup a moment later.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// A directory on a real disk: memory file systems have no page cache to give up.
pub fn disk() -> tempfile::TempDir {
    let guest = Path::new("/disk");
    let place = if guest.is_dir() { guest } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    tempfile::tempdir_in(place).expect("a directory on a disk")
}

/// A file of so many MiB, written to the disk and not in memory any more than that leaves.
pub fn file(directory: &Path, name: &str, mib: u64) -> PathBuf {
    let path = directory.join(name);
    let mut file = File::create(&path).expect("a file");
    for index in 0..mib {
        let byte = u8::try_from(index % 251).expect("small");
        file.write_all(&vec![byte; 1 << 20]).expect("room on the disk");
    }
    file.sync_all().expect("a disk");
    drop_from_memory(&path);
    path
}

/// Makes sure that a file's pages are on no list, so that the next read brings them in.
pub fn drop_from_memory(path: &Path) {
    let file = File::open(path).expect("the file");
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).expect("advice");
}

/// Reads a file to its end, as a program does that doesn't map it.
pub fn read(path: &Path) -> u64 {
    let mut file = File::open(path).expect("the file");
    let mut buffer = vec![0; 1 << 20];
    let mut length = 0;
    loop {
        match file.read(&mut buffer).expect("a readable file") {
            0 => return length,
            more => length += more as u64,
        }
    }
}

/// A program that does as it is told, in a cgroup where one is named.
pub struct Program {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Program {
    /// Starts `copy`, or this test binary, which joins the group before it does anything else.
    pub fn start(group: Option<&Group>, copy: Option<&Path>) -> Self {
        let own = std::env::current_exe().expect("the test binary");
        Self::run(Command::new(copy.unwrap_or(&own)), group)
    }

    /// Starts `copy` without any privilege.
    pub fn start_as_nobody(copy: &Path) -> Self {
        let mut command = Command::new(copy);
        command.uid(65534).gid(65534).current_dir("/");
        Self::run(command, None)
    }

    fn run(mut command: Command, group: Option<&Group>) -> Self {
        command.args(["--exact", "program", "--nocapture", "--test-threads=1"]);
        command.env(JOB, group.map_or(PathBuf::new(), |group| group.directory.clone()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a program");
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut program = Self { child, orders, answers };
        program.answer();
        program
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to do something and waits until it is done.
    pub fn tell(&mut self, order: &str) -> String {
        let orders = self.orders.as_mut().expect("it has not ended");
        writeln!(orders, "{order}").expect("it listens");
        self.answer()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.answers.read_line(&mut line).expect("it answers");
            assert!(length > 0, "the program has ended");
            // The test harness of the program prints lines of its own.
            if let Some((_, answer)) = line.split_once("done: ") {
                return answer.trim().to_owned();
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a copy of the test binary does when it is a program; a test does nothing.
pub fn be_a_program() {
    let Some(group) = std::env::var_os(JOB) else { return };
    if !group.is_empty() {
        let procs = PathBuf::from(group).join("cgroup.procs");
        fs::write(procs, std::process::id().to_string()).expect("a cgroup to join");
    }
    println!("done: started");
    let mut kept = Vec::new();
    for order in std::io::stdin().lines() {
        let order = order.expect("an order");
        let (word, rest) = order.split_once(' ').unwrap_or((&order, ""));
        let answer = match word {
            "read" => read(Path::new(rest)).to_string(),
            "allocate" => {
                kept = fill(rest.parse().expect("MiB"));
                kept.len().to_string()
            }
            "sum" => kept.iter().step_by(4096).map(|b| u64::from(*b)).sum::<u64>().to_string(),
            "clean" => statuses(rest),
            _ => "what?".to_owned(),
        };
        println!("done: {answer}");
    }
}

/// So many MiB whose pages all differ.
fn fill(mib: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(mib << 20).collect()
}

/// Cleans every region on the machine and answers `region=status=needs` for each.
fn statuses(regions: &str) -> String {
    let regions = regions.split(' ').filter_map(Region::from_name).collect();
    let request = Request { regions, ..Request::default() };
    let cleaner = clean(&request);
    let word = |step: &StepReport| {
        let reason = step.status.reason().unwrap_or_default();
        format!("{}={}={reason}", step.region, step.status.word())
    };
    cleaner.report().steps.iter().map(word).collect::<Vec<_>>().join("|")
}

/// Carries a request out.
pub fn clean(request: &Request) -> Cleaner {
    let mut cleaner = Cleaner::open(request).expect("a request that makes sense");
    cleaner.run(&AtomicBool::new(false), &mut |_| ());
    cleaner
}

/// The only step of a report.
pub fn only(cleaner: &Cleaner) -> &StepReport {
    let steps = &cleaner.report().steps;
    assert_eq!(steps.len(), 1, "{steps:?}");
    &steps[0]
}

/// What a step made free, or nothing where it lost.
pub fn made_free(step: &StepReport) -> Bytes {
    let made_free = step.change.made_free.expect("it is counted");
    Bytes(u64::try_from(made_free.0).unwrap_or_default())
}

/// What of a process is in memory.
pub fn resident(pid: u32) -> Bytes {
    let text = fs::read(format!("/proc/{pid}/smaps_rollup")).expect("a process");
    smaps::parse_rollup(&text).expect("a living process")
}

/// A copy of the test binary under another name: its pages are mapped by no one else.
pub fn copy_of_this_program(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    fs::copy(std::env::current_exe().expect("the test binary"), &path).expect("room on the disk");
    File::open(&path).and_then(|file| file.sync_all()).expect("a disk");
    path
}

/// Whether two amounts differ by at most so many percent of the second.
pub fn within(measured: Bytes, truth: Bytes, percent: u64) -> bool {
    measured.0.abs_diff(truth.0) <= truth.0 * percent / 100
}
