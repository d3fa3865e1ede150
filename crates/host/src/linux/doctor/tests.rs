use super::*;
use crate::doctor::Verdict;
use std::fs;

fn find<'a>(found: &'a [Capability], id: &str) -> &'a Capability {
    found.iter().find(|c| c.id == id).unwrap_or_else(|| panic!("{id} is examined"))
}

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    tree
}

#[test]
fn this_machine_is_examined_whole_and_names_are_unique() {
    let found = examine();
    let mut ids: Vec<_> = found.iter().map(|c| c.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), found.len());
    for capability in &found {
        assert!(!capability.evidence.is_empty(), "{capability:?}");
        let must_say = capability.verdict == Verdict::Fails;
        assert!(!must_say || capability.remedy.is_some(), "{capability:?}");
    }
}

#[test]
fn without_anything_every_file_fails_or_is_unknown_and_nothing_panics() {
    let tree = tree(&[]);
    let found = examine_at(tree.path());
    for id in ["psi", "psi-triggers", "cgroup", "drop-caches", "kpageflags", "zswap", "ksm"] {
        let capability = find(&found, id);
        assert_eq!(capability.verdict, Verdict::Fails, "{capability:?}");
        assert!(capability.remedy.is_some(), "{capability:?}");
    }
    for id in ["processes", "privileges"] {
        assert_eq!(find(&found, id).verdict, Verdict::Unknown);
    }
}

#[test]
fn masked_files_are_not_taken_for_working() {
    let tree = tree(&[
        ("proc/pressure/memory", ""),
        ("proc/kpageflags", ""),
        ("proc/sys/vm/overcommit_memory", ""),
        ("proc/self/status", ""),
    ]);
    let found = examine_at(tree.path());
    assert_eq!(find(&found, "psi").verdict, Verdict::Unknown);
    assert_eq!(find(&found, "kpageflags").verdict, Verdict::Fails);
    assert_eq!(find(&found, "overcommit").verdict, Verdict::Unknown);
    assert_eq!(find(&found, "privileges").verdict, Verdict::Unknown);
}

#[test]
fn a_file_system_that_is_read_only_is_named_as_such() {
    let error = std::io::Error::from_raw_os_error(libc::EROFS);
    let finding = Probe::refused("opening", Path::new("/sys/x"), &error, "a kernel");
    let capability = finding.of("x", "x");
    assert_eq!(capability.verdict, Verdict::Fails);
    assert!(capability.evidence.contains("/sys/x"), "{capability:?}");
    assert!(capability.remedy.is_some_and(|r| r.contains("writable")));
}

#[test]
fn settings_are_told_as_they_are() {
    let mounts = "22 1 0:21 / /proc rw - proc proc rw,hidepid=invisible\n";
    let tree = tree(&[
        ("proc/self/mountinfo", mounts),
        ("proc/swaps", "Filename Type Size Used Priority\n/dev/zram0 partition 100 0 100\n"),
        ("proc/sys/vm/overcommit_memory", "2\n"),
        ("sys/module/zswap/parameters/enabled", "N\n"),
        ("sys/kernel/mm/ksm/run", "0\n"),
        ("proc/self/status", "CapEff:\t0000000000000000\nSeccomp:\t2\n"),
    ]);
    let found = examine_at(tree.path());
    let verdict = |id| find(&found, id).verdict;
    assert_eq!((verdict("swap"), verdict("zram")), (Verdict::Works, Verdict::Works));
    assert_eq!((verdict("zswap"), verdict("ksm")), (Verdict::Fails, Verdict::Works));
    assert!(find(&found, "overcommit").evidence.starts_with("mode 2"));
    assert!(find(&found, "processes").evidence.contains("hidepid=invisible"));
    assert_eq!(verdict("processes"), Verdict::Fails);
    assert_eq!(find(&found, "privileges").remedy.as_deref(), Some("run as root"));
}
