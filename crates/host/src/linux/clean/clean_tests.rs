use super::*;
use crate::clean::{Estimate, Evidence};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tempfile::TempDir;

const MEMINFO: &str = "MemTotal: 1048576 kB\nMemFree: 524288 kB\nMemAvailable: 800000 kB\n\
    Cached: 307200 kB\nBuffers: 0 kB\nShmem: 0 kB\nMapped: 51200 kB\nDirty: 2048 kB\n\
    Writeback: 0 kB\nActive(file): 102400 kB\nInactive(file): 204800 kB\nKReclaimable: 20480 kB\n\
    SwapTotal: 0 kB\nSwapFree: 0 kB\nCommitted_AS: 100 kB\n";

/// A tree that stands for a machine.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("a directory"));
        tree.write("proc/meminfo", MEMINFO);
        tree.write("proc/vmstat", "pgpgout 0\npswpout 0\nworkingset_refault_file 5\n");
        tree
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("a file")
    }

    fn process(&self, pid: u32, name: &str, pages: u64) {
        self.write(&format!("proc/{pid}/comm"), &format!("{name}\n"));
        self.write(&format!("proc/{pid}/cmdline"), &format!("/usr/bin/{name}\0-x\0"));
        self.write(&format!("proc/{pid}/statm"), &format!("900 {pages} 1 1 0 1 0\n"));
    }

    fn open(&self, request: &Request) -> Linux {
        Linux::open_at(self.0.path(), request).expect("the tree has a meminfo")
    }

    fn clean(&self, region: Region, limit: Option<Bytes>) -> Outcome {
        self.clean_with(&Request::default(), region, limit, &mut |_| ())
    }

    fn clean_with(
        &self,
        request: &Request,
        region: Region,
        limit: Option<Bytes>,
        tell: &mut dyn FnMut(&str),
    ) -> Outcome {
        let cancel = AtomicBool::new(false);
        let mut reins = Reins { deadline: None, cancel: &cancel, limit, tell };
        self.open(request).carry_out(region, &mut reins)
    }
}

fn reason(outcome: &Outcome) -> String {
    outcome.status.reason().unwrap_or_default()
}

const NODE: &str = "sys/devices/system/node/node0/reclaim";

fn node(tree: &Tree) {
    tree.write(NODE, "");
    let meminfo: String = MEMINFO.lines().map(|line| format!("Node 0 {line}\n")).collect();
    tree.write("sys/devices/system/node/node0/meminfo", &meminfo);
}

#[test]
fn what_leaves_evidence_comes_before_what_is_blind() {
    let tree = Tree::new();
    tree.write("proc/sys/vm/drop_caches", "");
    node(&tree);
    let outcome = tree.clean(Region::Standby, None);
    let mechanism = outcome.mechanism.as_ref().expect("it was tried");
    assert!(mechanism.name.ends_with("node0/reclaim"), "{}", mechanism.name);
    assert_eq!(mechanism.evidence, Evidence::Refaults);
    assert!(matches!(outcome.status, Status::Done), "{outcome:?}");
    assert!(tree.read(NODE).contains("swappiness=0"), "nothing may be swapped");
    assert_eq!(tree.read("proc/sys/vm/drop_caches"), "");
}

#[test]
fn no_more_is_asked_for_than_the_bounds_allow() {
    let tree = Tree::new();
    node(&tree);
    let asked = |region, limit| {
        let mut asked = Vec::new();
        let mut tell = |what: &str| asked.push(what.to_owned());
        tree.clean_with(&Request::default(), region, limit, &mut tell);
        asked
    };
    // 300 MiB of files, of which 2 are dirty and 50 mapped: 248 in chunks of 64.
    assert_eq!(asked(Region::Standby, None).len(), 4);
    // 200 MiB inactive, of which 2 are dirty.
    let cold = asked(Region::StandbyLow, None);
    assert_eq!(cold.last().map(String::as_str), Some("192 MiB of 198 MiB asked back"));
    // Half of a limit at once, as kernels may take more than they are asked for.
    asked(Region::Standby, Some(Bytes::from_mib(4)));
    assert!(tree.read(NODE).starts_with("2097152 "), "{}", tree.read(NODE));
}

#[test]
fn what_takes_all_or_nothing_is_not_used_where_less_was_meant() {
    let tree = Tree::new();
    tree.write("proc/sys/vm/drop_caches", "");
    let low = tree.clean(Region::StandbyLow, None);
    assert_eq!(low.status.word(), "skipped");
    assert!(reason(&low).contains("all or nothing"), "{}", reason(&low));
    let limited = tree.clean(Region::Standby, Some(Bytes::from_mib(100)));
    assert!(reason(&limited).contains("more than the limit leaves"), "{}", reason(&limited));
    assert_eq!(tree.read("proc/sys/vm/drop_caches"), "");
    let all = tree.clean(Region::Standby, None);
    assert_eq!(tree.read("proc/sys/vm/drop_caches"), "1");
    assert_eq!(all.mechanism.expect("tried").evidence, Evidence::Blind);
}

#[test]
fn the_topmost_cgroup_serves_where_there_are_no_nodes() {
    let tree = Tree::new();
    let mount = "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n";
    tree.write("proc/self/mountinfo", mount);
    tree.write("sys/fs/cgroup/memory.reclaim", "");
    tree.write("proc/sys/vm/drop_caches", "");
    let outcome = tree.clean(Region::StandbyLow, None);
    assert!(matches!(outcome.status, Status::Done), "{outcome:?}");
    assert!(outcome.mechanism.expect("tried").name.ends_with("cgroup/memory.reclaim"));
}

#[test]
fn inodes_are_spared_meanwhile_as_the_evidence_is_kept_with_them() {
    let tree = Tree::new();
    node(&tree);
    let pressure = "proc/sys/vm/vfs_cache_pressure";
    let outcome = tree.clean(Region::Standby, None);
    assert!(outcome.notes.iter().any(|note| note.contains("uncounted")), "{outcome:?}");
    tree.write(pressure, "100\n");
    let mut seen = Vec::new();
    let mut tell = |_: &str| seen.push(tree.read(pressure));
    let outcome = tree.clean_with(&Request::default(), Region::Standby, None, &mut tell);
    assert_eq!(outcome.notes, Vec::<String>::new());
    assert!(!seen.is_empty() && seen.iter().all(|value| value == "1"), "{seen:?}");
    assert_eq!(tree.read(pressure), "100\n", "it is put back");
}

fn cgroup(tree: &Tree, files: &[(&str, &str)]) -> Request {
    for (name, text) in files {
        tree.write(&format!("sys/fs/cgroup/a/{name}"), text);
    }
    Request { cgroup: Some(tree.path("sys/fs/cgroup/a")), ..Request::default() }
}

#[test]
fn a_cgroup_gives_up_its_own_page_cache_only() {
    let tree = Tree::new();
    node(&tree);
    let stat = "active_file 67108864\ninactive_file 67108864\nfile_mapped 1048576\n";
    let files = [("memory.current", "268435456\n"), ("memory.stat", stat), ("memory.reclaim", "")];
    let request = cgroup(&tree, &files);
    let outcome = tree.clean_with(&request, Region::Standby, None, &mut |_| ());
    assert!(matches!(outcome.status, Status::Done), "{outcome:?}");
    assert!(tree.read("sys/fs/cgroup/a/memory.reclaim").contains("swappiness=0"));
    assert_eq!(tree.read(NODE), "", "the machine's is left alone");
    let prediction = tree.open(&request).predict(Region::Standby);
    assert_eq!(prediction.estimate, Estimate::About(Bytes::from_mib(127)));

    tree.write("proc/sys/vm/compact_memory", "");
    let compact = tree.clean_with(&request, Region::Compact, None, &mut |_| ());
    assert!(compact.notes.iter().any(|note| note.contains("whole machine")), "{compact:?}");
}

#[test]
fn a_cgroup_without_a_way_says_what_there_could_be() {
    let tree = Tree::new();
    let request = cgroup(&tree, &[("memory.current", "1\n"), ("memory.stat", "anon 1\n")]);
    let outcome = tree.clean_with(&request, Region::Standby, None, &mut |_| ());
    assert!(reason(&outcome).contains("memory.reclaim"), "{}", reason(&outcome));
    assert!(tree.open(&request).predict(Region::Standby).needs.is_some());
}

#[test]
fn a_missing_file_is_refused_with_the_systems_error_and_what_is_needed() {
    let tree = Tree::new();
    for region in [Region::Slab, Region::Compact] {
        let outcome = tree.clean(region, None);
        assert_eq!(outcome.status.word(), "refused", "{outcome:?}");
        assert!(reason(&outcome).contains("No such file"), "{}", reason(&outcome));
        assert!(reason(&outcome).contains("needs a kernel with"), "{}", reason(&outcome));
    }
    assert_eq!(tree.clean(Region::Combine, None).status.word(), "skipped");
}

#[test]
fn processes_are_chosen_largest_first_without_the_excluded() {
    let tree = Tree::new();
    tree.process(10, "small", 5);
    tree.process(11, "large", 500);
    tree.process(12, "kthreadd", 0);
    tree.process(13, "spared", 50);
    let names = |selection: &processes::Selection| -> Vec<String> {
        selection.chosen.iter().map(|process| process.name.clone()).collect()
    };
    let select = |exclude: &[&str], pids: &[u32]| {
        let exclude = exclude.iter().map(|name| (*name).to_owned()).collect();
        let request = Request { exclude, pids: pids.to_vec(), ..Request::default() };
        processes::select(&tree.open(&request).0)
    };
    let all = select(&["spared", "nobody"], &[]);
    assert_eq!(names(&all), ["large", "small"]);
    assert_eq!((all.excluded, all.unmatched), (1, vec!["nobody".to_owned()]));
    let named = select(&[], &[10, 99]);
    assert_eq!((names(&named), named.missing), (vec!["small".to_owned()], vec![99]));
}

const KSM: &str = "sys/kernel/mm/ksm/";

fn ksm(tree: &Tree, run: &str, offers: &str) {
    let settings =
        [("run", run), ("pages_to_scan", "100"), ("sleep_millisecs", "20"), ("full_scans", "0")];
    for (name, value) in settings {
        tree.write(&format!("{KSM}{name}"), value);
    }
    tree.write(&format!("{KSM}pages_sharing"), "0");
    tree.process(10, "program", 5);
    tree.write("proc/10/ksm_stat", &format!("ksm_mergeable: {offers}\n"));
    tree.write("proc/10/smaps", "1000-9000 rw-p 00000000 00:00 0\nAnonymous: 16 kB\n");
}

#[test]
fn nothing_to_combine_is_said_at_once() {
    let tree = Tree::new();
    ksm(&tree, "0", "no");
    let outcome = tree.clean(Region::Combine, None);
    assert!(matches!(outcome.status, Status::Done));
    assert!(outcome.notes[0].contains("nothing to combine"), "{:?}", outcome.notes);
    assert_eq!(tree.read(&format!("{KSM}run")), "0");
}

#[test]
fn ksm_that_runs_or_must_not_run_is_left_as_it_is() {
    let tree = Tree::new();
    ksm(&tree, "1", "yes");
    let runs = tree.clean(Region::Combine, None);
    assert!(matches!(runs.status, Status::Done) && runs.notes[0].contains("all the time"));
    ksm(&tree, "2", "yes");
    let apart = tree.clean(Region::Combine, None);
    assert_eq!(apart.status.word(), "skipped");
    assert_eq!(tree.read(&format!("{KSM}run")), "2");
}

#[test]
fn ksm_is_put_back_when_the_user_stops_it() {
    let tree = Tree::new();
    ksm(&tree, "0", "yes");
    let cancel = AtomicBool::new(false);
    let mut seen = String::new();
    let mut tell = |what: &str| {
        if what.starts_with("scan") {
            seen = tree.read(&format!("{KSM}run"));
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let deadline = Instant::now().checked_add(std::time::Duration::from_secs(60));
    let mut reins = Reins { deadline, cancel: &cancel, limit: None, tell: &mut tell };
    let outcome = tree.open(&Request::default()).carry_out(Region::Combine, &mut reins);
    assert!(matches!(outcome.status, Status::Cancelled), "{outcome:?}");
    assert_eq!(seen, "1", "it ran");
    for (name, value) in [("run", "0"), ("pages_to_scan", "100"), ("sleep_millisecs", "20")] {
        assert_eq!(tree.read(&format!("{KSM}{name}")), value, "{name}");
    }
}

#[test]
fn predictions_say_what_they_rest_on() {
    let tree = Tree::new();
    node(&tree);
    ksm(&tree, "0", "no");
    tree.write("proc/buddyinfo", "Node 0, zone Normal 3 0 0 0 0 0 0 0 0 2 1\n");
    let mut linux = tree.open(&Request::default());
    let mut of = |region| linux.predict(region);
    assert_eq!(of(Region::Standby).estimate, Estimate::About(Bytes::from_mib(248)));
    assert_eq!(of(Region::StandbyLow).estimate, Estimate::About(Bytes::from_mib(198)));
    assert_eq!(of(Region::Modified).estimate, Estimate::About(Bytes::from_mib(2)));
    assert_eq!(of(Region::Slab).estimate, Estimate::AtMost(Bytes::from_mib(20)));
    assert_eq!(of(Region::Combine).estimate, Estimate::About(Bytes::ZERO));
    assert_eq!(of(Region::Compact).estimate, Estimate::AtMost(Bytes::from_pages(3)));
    assert!(of(Region::WorkingSets).basis.contains("there is no swap"));
    assert!(of(Region::Slab).needs.is_some(), "this tree has no drop_caches");
}

#[test]
fn counters_of_a_cgroup_are_its_own_and_what_it_lacks_is_unknown() {
    let tree = Tree::new();
    let stat = "workingset_refault_file 77\nworkingset_refault_anon 8\n";
    let request = cgroup(&tree, &[("memory.current", "1\n"), ("memory.stat", stat)]);
    let counters = tree.open(&request).counters(false);
    assert_eq!(counters.refault_file, Some(77));
    assert_eq!(counters.refault_anonymous, Some(8));
    assert_eq!((counters.major_faults, counters.stall), (None, None));
    let machine = tree.open(&Request::default()).counters(false);
    assert_eq!(machine.refault_file, Some(5));
    assert_eq!(tree.open(&Request::default()).remarks(), Vec::<String>::new());
}

#[test]
fn a_process_that_has_ended_offers_nothing() {
    let tree = Tree::new();
    ksm(&tree, "0", "no");
    tree.process(11, "secret", 5);
    // A directory in place of the file stands for a process that has ended.
    fs::create_dir_all(tree.path("proc/11/ksm_stat")).expect("a directory");
    fs::create_dir_all(tree.path("proc/11/smaps")).expect("a directory");
    let prediction = tree.open(&Request::default()).predict(Region::Combine);
    assert_eq!(prediction.estimate, Estimate::About(Bytes::ZERO));
}
