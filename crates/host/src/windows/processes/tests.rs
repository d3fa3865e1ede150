use super::*;
use crate::processes::Detail;

fn this() -> Process {
    let options = Options { command_lines: true, ..Options::default() };
    let look = Processes::list(&options).expect("a list");
    let me = look.list.into_iter().find(|process| process.pid == std::process::id());
    me.expect("this process is listed")
}

#[test]
fn this_process_is_listed_with_its_name_its_memory_and_its_user() {
    let held = std::hint::black_box(vec![1_u8; 32 << 20]);
    let me = this();
    let file = std::env::current_exe().expect("a file");
    let file = file.file_name().expect("a name").to_string_lossy().into_owned();
    assert_eq!(me.name.as_deref(), Some(file.as_str()));
    assert_eq!(me.kind, Kind::Program);
    assert!(me.working_set > Some(Bytes(held.len() as u64)), "{me:?}");
    assert!(me.working_set < Some(Bytes::from_mib(8192)), "{me:?}");
    assert!(me.threads >= Some(1), "{me:?}");
    assert!(me.user.as_ref().is_some_and(|user| user.name.is_some()), "{me:?}");
    assert!(me.age.expect("it has one") < Duration::from_secs(3600), "{me:?}");
    assert!(me.command_line.is_some_and(|line| line.contains(&file)));
    assert_eq!((me.swap, me.proportional, me.cgroup), (None, None, None));
}

#[test]
fn a_process_started_once_whenever_it_is_looked_at() {
    let (first, second) = (this(), this());
    assert_eq!(first.started, second.started);
    assert!(second.age >= first.age);
}

#[test]
fn the_kernels_own_are_listed_on_request() {
    let pids = |kernel_threads| {
        let options = Options { detail: Detail::Brief, kernel_threads, ..Options::default() };
        let list = list(&options).expect("a list").list;
        list.into_iter().map(|process| process.pid).collect::<Vec<_>>()
    };
    assert!(!pids(false).iter().any(|pid| KERNEL.contains(pid)));
    assert!(pids(true).is_sorted());
}

#[test]
fn the_largest_come_first_and_no_more_than_asked_for() {
    let largest = largest(3).expect("a list").list;
    assert!((1..=3).contains(&largest.len()));
    assert!(largest.is_sorted_by_key(|process| std::cmp::Reverse(process.working_set)));
}

#[test]
fn faults_are_soft_and_hard_and_rated_since_the_start() {
    let record = Record {
        pid: 8,
        threads: 1,
        created: 20_000_000,
        working_set: 10,
        private_working_set: Some(4),
        faults: Some((300, 20)),
        ..Record::default()
    };
    let process = process(&record, &Clock { started: 10_000_000, now: 40_000_000 });
    assert_eq!(process.faults, Some(Faults { minor: 280, major: 20 }));
    let rate = process.fault_rate.expect("time has passed");
    assert_eq!((rate.minor_per_s, rate.major_per_s), (140.0, 10.0));
    assert_eq!((process.started, process.age), (Some(Duration::from_secs(1)), Some(rate.over)));
    assert_eq!((process.private, process.shared), (Some(Bytes(4)), Some(Bytes(6))));
}

#[test]
fn one_that_has_ended_and_is_held_by_a_handle_is_a_zombie() {
    let kind = |pid, threads, working_set| {
        kind(&Record { pid, threads, working_set, ..Record::default() })
    };
    assert_eq!(kind(8, 0, 0), Kind::Zombie);
    assert_eq!(kind(8, 0, 4096), Kind::Program, "a process without threads that holds memory");
    assert_eq!(kind(4, 100, 4096), Kind::Kernel);
}
