//! Who listens, found among the open files of real processes.
#![cfg(target_os = "linux")]

use memtide_core::conditions::Condition;
use memtide_host::objects::{
    Access, Channel, Domain, Judged, Listener, Listeners, WAITERS_NAME, Waiters,
};
use memtide_pressure::Killed;
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

fn listeners_of(pid: u32) -> Vec<Listener> {
    let listeners = Listeners::find().expect("a search");
    assert!(listeners.searched > 0);
    listeners.found.into_iter().filter(|l| l.pid == pid).collect()
}

const PRESSURE: &str = "/proc/pressure/memory";

#[test]
fn a_trigger_and_a_reader_of_the_pressure_file_are_found() {
    if !Path::new(PRESSURE).exists() {
        eprintln!("skipped: this kernel has no {PRESSURE}");
        return;
    }
    // A window of 2 s needs no privilege.
    let trigger = Killed::shell(&format!("exec 3<>{PRESSURE}; echo 'some 150000 2000000' >&3"));
    let reader = Killed::shell(&format!("exec 3<{PRESSURE} 4<{PRESSURE}"));
    for (child, access, handles) in [(&trigger, Access::Registers, 1), (&reader, Access::Reads, 2)]
    {
        let found = listeners_of(child.0.id());
        let [listener] = found.as_slice() else { panic!("one listener: {found:?}") };
        assert_eq!((listener.channel, &listener.domain), (Channel::Pressure, &Domain::Machine));
        assert_eq!((listener.access, listener.handles), (access, handles));
        assert_eq!(listener.file, Path::new(PRESSURE));
        assert!(listener.name.is_some());
        assert_eq!(listener.conditions(), Condition::LowMemory.into());
    }
}

#[test]
fn the_waiters_of_a_watcher_are_read() {
    let mut waiters = Waiters { judged: Judged::Container, ..Waiters::default() };
    waiters.counts[Condition::HighCommit.index()] = 3;
    let file = memfd_create(WAITERS_NAME, MemfdFlags::CLOEXEC).expect("a memory file");
    File::from(file.try_clone().expect("a file")).write_all(&waiters.encode()).expect("written");
    // A file of that name with other contents is not a watcher's.
    let other = memfd_create(WAITERS_NAME, MemfdFlags::CLOEXEC).expect("a memory file");
    File::from(other.try_clone().expect("a file")).write_all(&[0; 41]).expect("written");

    let listeners = Listeners::find().expect("a search");
    let ours = |l: &&Listener| l.pid == std::process::id();
    let found: Vec<_> = listeners.of(Condition::HighCommit).filter(ours).collect();
    let [listener] = found.as_slice() else { panic!("one watcher: {found:?}") };
    assert_eq!(listener.channel, Channel::Memtide(waiters));
    assert_eq!(listener.domain, Domain::Container);
    let low = listeners.of(Condition::LowMemory).filter(ours);
    assert_eq!(low.filter(|l| matches!(l.channel, Channel::Memtide(_))).count(), 0);
}

#[test]
fn files_that_only_share_a_name_are_no_listeners() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("pressure")).expect("a directory");
    let open = |name: &str| File::create(directory.path().join(name)).expect("a file");
    let files = [open("pressure/memory"), open("memory.events"), open("cgroup.event_control")];
    let found = listeners_of(std::process::id());
    let here = found.iter().filter(|l| l.file.starts_with(directory.path())).count();
    assert_eq!(here, 0, "{found:?} with {files:?}");
}

#[test]
fn processes_that_may_not_be_looked_into_are_counted() {
    if rustix::process::geteuid().is_root() {
        // Root looks into all: ask again as nobody, who may not look into the first process.
        let this = std::env::current_exe().expect("this program");
        let mut again = Command::new(this);
        again.args(["--exact", "processes_that_may_not_be_looked_into_are_counted"]);
        match again.uid(65534).gid(65534).output() {
            Ok(output) => assert!(output.status.success(), "{output:?}"),
            Err(error) => eprintln!("skipped: nobody may not run this test: {error}"),
        }
        return;
    }
    let listeners = Listeners::find().expect("a search");
    assert!(listeners.closed > 0, "{listeners:?}");
}
