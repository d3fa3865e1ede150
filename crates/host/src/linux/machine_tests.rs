use super::*;
use std::fs;
use tempfile::TempDir;

const MEMINFO: &str = "MemTotal: 8388608 kB\nMemFree: 4194304 kB\nMemAvailable: 6291456 kB\n\
    Cached: 1048576 kB\nShmem: 0 kB\nMapped: 0 kB\nDirty: 0 kB\nWriteback: 0 kB\n\
    SUnreclaim: 1024 kB\nKReclaimable: 1024 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n\
    CommitLimit: 4194304 kB\nCommitted_AS: 1048576 kB\n";

/// A tree that stands for a machine.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().expect("a directory"));
        tree.write("proc/meminfo", MEMINFO);
        tree.write("proc/sys/vm/overcommit_memory", "0\n");
        tree
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn v2(self, path: &str) -> Self {
        self.write("proc/self/cgroup", &format!("0::{path}\n"));
        self.write(
            "proc/self/mountinfo",
            "30 23 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n",
        );
        self
    }

    fn group(&self, path: &str, limit: &str, current: u64, file: u64) {
        let directory = format!("sys/fs/cgroup{path}");
        self.write(&format!("{directory}/memory.max"), limit);
        self.write(&format!("{directory}/memory.current"), &current.to_string());
        let stat = format!("anon {}\nactive_file 0\ninactive_file {file}\n", current - file);
        self.write(&format!("{directory}/memory.stat"), &stat);
    }

    fn open(&self) -> Machine {
        Machine::open_at(self.0.path(), &Scope::Auto).expect("the tree has a meminfo")
    }
}

const MIB: u64 = 1 << 20;

#[test]
fn without_cgroups_or_pressure_the_machine_still_answers() {
    let tree = Tree::new();
    let sample = tree.open().sample().expect("a sample");
    assert_eq!(sample.levels.available, Some(Bytes::from_mib(6144)));
    assert_eq!(sample.levels.bound, Bound::PhysicalMemory);
    assert_eq!((sample.stall, sample.container, sample.levels.stall), (None, None, None));
    assert_eq!(sample.commit.limit, Some(Bytes::from_mib(8192)));
}

#[test]
fn the_tightest_limit_up_the_tree_counts_without_page_cache() {
    let tree = Tree::new().v2("/a/b");
    tree.group("/a/b", "max", 100 * MIB, 0);
    tree.group("/a", &(512 * MIB).to_string(), 400 * MIB, 100 * MIB);
    let sample = tree.open().sample().expect("a sample");
    let container = sample.container.expect("a container");
    assert!(container.path.ends_with("sys/fs/cgroup/a"), "{}", container.path.display());
    assert_eq!(container.available, Some(Bytes::from_mib(212)));
    assert_eq!(sample.levels.available, Some(Bytes::from_mib(212)));
    assert_eq!(sample.levels.bound, Bound::Container);
    assert_eq!(sample.sizes.physical, Bytes::from_mib(512));
}

#[test]
fn a_soft_limit_of_version_2_counts() {
    let tree = Tree::new().v2("/a");
    tree.group("/a", &(512 * MIB).to_string(), 300 * MIB, 0);
    tree.write("sys/fs/cgroup/a/memory.high", &(400 * MIB).to_string());
    let container = tree.open().sample().expect("a sample").container.expect("a container");
    assert_eq!(container.limit, Bytes::from_mib(400));
    assert_eq!(container.available, Some(Bytes::from_mib(100)));
}

#[test]
fn a_machine_with_less_than_the_container_may_take_is_the_bound() {
    let tree = Tree::new().v2("/a");
    tree.group("/a", &(7000 * MIB).to_string(), MIB, 0);
    let (levels, sizes, _) = tree.open().levels().expect("levels");
    assert_eq!(levels.available, Some(Bytes::from_mib(6144)));
    assert_eq!(levels.bound, Bound::PhysicalMemory);
    assert_eq!(sizes.physical, Bytes::from_mib(7000));
}

#[test]
fn limits_that_limit_nothing_make_no_container() {
    let tree = Tree::new().v2("/a");
    tree.group("/a", "max", 400 * MIB, 0);
    assert_eq!(tree.open().sample().expect("a sample").container, None);
    tree.group("/a", &(9000 * MIB).to_string(), 400 * MIB, 0);
    assert_eq!(tree.open().sample().expect("a sample").container, None);
}

#[test]
fn a_container_that_vanishes_becomes_unknown_and_not_zero() {
    let tree = Tree::new().v2("/a");
    tree.group("/a", &(512 * MIB).to_string(), 400 * MIB, 0);
    let scope = Scope::Cgroup(tree.0.path().join("sys/fs/cgroup/a"));
    let mut machine = Machine::open_at(tree.0.path(), &scope).expect("a cgroup");
    assert_eq!(machine.levels().expect("levels").0.bound, Bound::Container);
    fs::remove_dir_all(tree.0.path().join("sys/fs/cgroup/a")).expect("removed");
    machine.settings = Settings::read(tree.0.path(), &scope, None);
    let (levels, ..) = machine.levels().expect("the machine is still there");
    assert_eq!((levels.available, levels.bound), (None, Bound::Container));
}

#[test]
fn a_container_whose_charge_cannot_be_read_is_unknown() {
    let tree = Tree::new().v2("/a");
    tree.group("/a", &(512 * MIB).to_string(), 400 * MIB, 0);
    tree.write("sys/fs/cgroup/a/memory.stat", "");
    let sample = tree.open().sample().expect("a sample");
    assert_eq!((sample.levels.available, sample.levels.bound), (None, Bound::Container));
    assert_eq!(sample.container.expect("it limits all the same").available, None);
}

#[test]
fn a_container_is_judged_by_its_own_stalls() {
    let psi = |avg10: &str| format!("some avg10={avg10} avg60=0.00 avg300=0.00 total=7\n");
    let tree = Tree::new().v2("/a");
    tree.write("proc/pressure/memory", &psi("85.00"));
    tree.group("/a", &(512 * MIB).to_string(), 400 * MIB, 0);
    assert_eq!(tree.open().sample().expect("a sample").stall, None);
    tree.write("sys/fs/cgroup/a/memory.pressure", &psi("12.00"));
    let stall = tree.open().sample().expect("a sample").stall.expect("a stall");
    assert_eq!(stall.some.0, 120);
}

#[test]
fn a_masked_meminfo_is_unknown() {
    let tree = Tree::new();
    tree.write("proc/meminfo", "");
    let sample = tree.open().sample().expect("a sample");
    assert_eq!(sample.levels.available, None);
    assert_eq!(sample.lists.total, None);
    assert_eq!(sample.pools.paged.free, None);
}

#[test]
fn the_arc_of_zfs_is_available() {
    let tree = Tree::new();
    tree.write("proc/spl/kstat/zfs/arcstats", "size 4 1073741824\nc_min 4 0\n");
    let (levels, ..) = tree.open().levels().expect("levels");
    assert_eq!(levels.available, Some(Bytes::from_mib(6144 + 1024)));
}

#[test]
fn version_1_limits_count_too() {
    let tree = Tree::new();
    tree.write("proc/self/cgroup", "4:memory:/a\n0::/\n");
    let mounts = "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        30 23 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    tree.write("proc/self/mountinfo", mounts);
    let directory = "sys/fs/cgroup/memory/a";
    tree.write(&format!("{directory}/memory.limit_in_bytes"), &(256 * MIB).to_string());
    tree.write(&format!("{directory}/memory.usage_in_bytes"), &(200 * MIB).to_string());
    let stat = format!("total_active_file 0\ntotal_inactive_file {}\n", 50 * MIB);
    tree.write(&format!("{directory}/memory.stat"), &stat);
    let container = tree.open().sample().expect("a sample").container.expect("a container");
    assert_eq!((container.version, container.available), (1, Some(Bytes::from_mib(106))));
}

#[test]
fn page_files_that_cannot_be_read_leave_the_maximum_unknown() {
    let tree = Tree::new();
    let maximum = || tree.open().sample().expect("a sample").commit.maximum;
    assert_eq!(maximum(), Some(Bytes::from_mib(8192)), "no fstab configures none");
    fs::create_dir_all(tree.0.path().join("etc/fstab")).expect("a directory is no fstab");
    assert_eq!(maximum(), None);
}

#[test]
fn this_machine_answers() {
    let sample = Machine::open(&Scope::Auto).and_then(|mut m| m.sample()).expect("a sample");
    assert!(sample.lists.total > Some(Bytes::from_mib(16)));
    assert!(sample.lists.free.is_some() && sample.levels.commit_charge.is_some());
}
