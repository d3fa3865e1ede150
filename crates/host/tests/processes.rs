//! Looks at real processes, and at trees that stand for machines in bad weather.
#![cfg(target_os = "linux")]

use memtide_core::units::Bytes;
use memtide_host::linux::processes::list_at;
use memtide_host::processes::{Detail, Kind, Options, Process, Processes, User};
use memtide_pressure::Killed;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

fn find(processes: &Processes, pid: u32) -> &Process {
    processes.list.iter().find(|p| p.pid == pid).expect("the process is listed")
}

#[test]
fn this_process_is_listed_with_everything() {
    let options = Options { command_lines: true, ..Options::default() };
    let look = Processes::list(&options).expect("a list");
    let me = find(&look, std::process::id());
    let user = rustix::process::geteuid().as_raw();
    assert_eq!(me.kind, Kind::Program);
    assert_eq!(me.user.as_ref().map(|u| u.id), Some(user));
    assert!(me.working_set > Some(Bytes::from_kib(100)), "{me:?}");
    let parts = me.private.zip(me.shared).map(|(p, s)| p.saturating_add(s));
    assert_eq!(parts, me.working_set);
    assert!(me.commit > Some(Bytes::ZERO) && me.swap.is_some());
    assert!(me.faults.expect("faults").minor > 0 && me.threads > Some(0));
    let age = look.taken.saturating_sub(me.started.expect("a start"));
    assert!(age < Duration::from_secs(600), "{age:?}");
    assert!(me.command_line.as_ref().is_some_and(|c| c.contains("processes")), "{me:?}");
    // The kernel cuts the name after 15 bytes.
    assert!(me.name.as_ref().is_some_and(|n| n.len() > 15), "{me:?}");
    assert!(me.proportional.is_none(), "nobody asked for what is dear");
    assert_eq!(look.others_hidden, !Path::new("/proc/1").exists());
}

#[test]
fn a_brief_look_agrees_with_a_full_one() {
    let child = Killed::shell("");
    let list = |detail| Processes::list(&Options { detail, ..Options::default() });
    let (brief, full) = (list(Detail::Brief).expect("a list"), list(Detail::Full).expect("a list"));
    let (brief, full) = (find(&brief, child.0.id()), find(&full, child.0.id()));
    assert_eq!((&brief.name, brief.kind, &brief.user), (&full.name, full.kind, &full.user));
    assert_eq!((brief.working_set, brief.commit), (full.working_set, full.commit));
    assert_eq!(brief.faults, None);
}

#[test]
fn threads_of_the_kernel_are_listed_on_request() {
    let list = |kernel_threads| {
        let look = Processes::list(&Options { kernel_threads, ..Options::default() });
        look.expect("a list").list.into_iter().filter(|p| p.kind == Kind::Kernel).count()
    };
    assert_eq!(list(false), 0);
    // Process 2 starts them; a container doesn't show it.
    if fs::read_to_string("/proc/2/comm").is_ok_and(|name| name == "kthreadd\n") {
        assert!(list(true) > 0);
    }
}

#[test]
fn shares_are_measured_page_by_page() {
    let child = Killed::shell("");
    let mut look = Processes::list(&Options::default()).expect("a list");
    look.list.retain(|p| p.pid == child.0.id());
    Processes::measure_shares(&mut look.list);
    let process = find(&look, child.0.id());
    let (Some(proportional), Some(private)) = (process.proportional, process.private) else {
        panic!("a child of ours may be measured: {process:?}");
    };
    assert!(private <= proportional, "{process:?}");
    assert!(Some(proportional) < process.working_set, "libc is shared: {process:?}");
    let parts = process.shared.map(|s| s.saturating_add(private));
    assert_eq!(parts, process.working_set);
}

#[test]
fn faults_are_rated_between_two_looks() {
    let mut child = Command::new("sh");
    // Each turn forks, and writing after a fork faults.
    child.args(["-c", "while read -r line; do (:); echo done; done"]);
    child.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = Killed(child.spawn().expect("a shell"));
    let before = Processes::list(&Options::default()).expect("a list");
    let mut input = child.0.stdin.take().expect("its input");
    input.write_all(b"1\n2\n3\n").expect("written");
    let mut done = [0; 15];
    child.0.stdout.take().expect("its output").read_exact(&mut done).expect("three turns");
    let mut after = Processes::list(&Options::default()).expect("a list");
    after.rate_since(&before);
    let process = find(&after, child.0.id());
    let rate = process.fault_rate.expect("a rate");
    assert_eq!(rate.over, after.taken - before.taken);
    assert!(rate.minor_per_s > 0.0, "{process:?}");
}

#[test]
fn a_name_may_hold_anything() {
    let child = Killed::shell(r"printf 'a) R 1 (\n\\ \377' > /proc/$$/comm");
    let look = Processes::list(&Options::default()).expect("a list");
    let process = find(&look, child.0.id());
    assert_eq!(process.name.as_deref(), Some("a) R 1 (\n\\ \u{fffd}"));
    assert!(process.faults.is_some() && process.threads == Some(1), "{process:?}");
}

#[test]
fn a_zombie_holds_no_memory_and_that_is_known() {
    let mut child = Command::new("true").spawn().expect("a child");
    let pid = child.id();
    let mut look = Processes::list(&Options::default()).expect("a list");
    while find(&look, pid).kind != Kind::Zombie {
        std::thread::sleep(Duration::from_millis(5));
        look = Processes::list(&Options::default()).expect("a list");
    }
    assert_eq!(find(&look, pid).working_set, Some(Bytes::ZERO));
    child.wait().expect("its end");
    let look = Processes::list(&Options::default()).expect("a list");
    assert!(look.list.iter().all(|p| p.pid != pid), "it is gone");
}

#[test]
fn processes_that_come_and_go_disturb_nothing() {
    let script = "i=0; while [ $i -lt 300 ]; do (:) & i=$((i+1)); done; wait";
    let mut churn = Killed(Command::new("sh").args(["-c", script]).spawn().expect("a shell"));
    let mut looks = 0;
    while churn.0.try_wait().expect("a state").is_none() {
        let look = Processes::list(&Options::default()).expect("a list");
        assert!(look.list.iter().all(|p| p.kind != Kind::Unknown), "{look:?}");
        looks += 1;
    }
    assert!(looks > 0);
}

/// A tree that stands for a machine.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    tree
}

fn look_at(root: &Path) -> Processes {
    list_at(root, &Options::default()).expect("a list")
}

const STATUS: &str = "Name:\tsh\nState:\tS (sleeping)\nUid:\t7\t7\t7\t7\nVmRSS:\t100 kB\n\
    RssAnon:\t40 kB\nRssFile:\t60 kB\nRssShmem:\t0 kB\nVmData:\t80 kB\nVmStk:\t20 kB\n\
    VmSwap:\t4 kB\nThreads:\t1\n";
const STAT: &str = "12 (sh) S 1 1 1 0 -1 0 30 0 2 0 0 0 0 0 20 0 1 0 100 0 25 0\n";

#[test]
fn a_process_that_died_midway_is_left_out() {
    // Its directory was listed, and its files are gone.
    let tree = tree(&[
        ("proc/1/status", STATUS),
        ("proc/1/stat", STAT),
        ("proc/12/status", STATUS),
        ("proc/13/other", ""),
    ]);
    let look = look_at(tree.path());
    assert_eq!(look.list.iter().map(|p| p.pid).collect::<Vec<_>>(), [1]);
    assert_eq!(look.closed, 0);
}

#[test]
fn a_masked_process_is_unknown_and_not_zero() {
    let tree = tree(&[("proc/1/status", ""), ("proc/1/stat", ""), ("proc/1/cgroup", "")]);
    let look = look_at(tree.path());
    let expected = Process { pid: 1, kind: Kind::Unknown, ..Process::default() };
    assert_eq!(look.list, [expected]);
}

#[test]
fn a_process_that_may_not_be_read_keeps_its_number_and_user() {
    let tree = tree(&[("proc/1/cgroup", "")]);
    // Even root is refused to read a directory as a file.
    fs::create_dir(tree.path().join("proc/1/status")).expect("a directory");
    let owner = fs::metadata(tree.path()).map(|m| std::os::unix::fs::MetadataExt::uid(&m));
    let look = look_at(tree.path());
    assert_eq!(look.closed, 1);
    let user = Some(User { id: owner.expect("an owner"), name: None });
    let expected = Process { pid: 1, kind: Kind::Unknown, user, ..Process::default() };
    assert_eq!(look.list, [expected]);
}

#[test]
fn hidden_processes_are_noticed() {
    let tree = tree(&[("proc/12/status", STATUS), ("proc/12/stat", STAT)]);
    let look = look_at(tree.path());
    assert!(look.others_hidden, "there is always a first process");
    let process = &look.list[0];
    assert_eq!(process.commit, Some(Bytes::from_kib(100)));
    assert_eq!(process.shared, Some(Bytes::from_kib(60)));
    assert_eq!(process.cgroup, None);
    assert_eq!(process.faults.map(|f| (f.minor, f.major)), Some((30, 2)));
}

#[test]
fn a_machine_without_proc_is_an_error_that_names_it() {
    let tree = tree(&[]);
    let error = list_at(tree.path(), &Options::default()).expect_err("no /proc");
    assert!(error.to_string().contains("proc"), "{error}");
}
