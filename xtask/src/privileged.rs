//! `cargo xtask privileged`: the tests that only root may run: files named `privileged_*`, and what
//! is ignored in the libraries, which need what only their inside has.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use crate::checkout::Checkout;
use crate::process::{cargo, is_root, run as run_to_end};

/// Runs them, after a look at whether they can run here at all.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    if !is_root()? {
        bail!("the tests named privileged_* need root: they make memory cgroups and clean caches");
    }
    let mounts = fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?;
    let folders = memory_cgroups(&mounts);
    if !folders.iter().any(|folder| is_writable(folder)) {
        bail!(
            "the tests named privileged_* need a memory cgroup that they may write to, v1 or v2; \
             looked at: {}",
            if folders.is_empty() { "none is mounted".into() } else { shown(&folders) }
        );
    }
    let files = checkout.files()?;
    if !files.iter().any(|file| is_privileged_test(&file.path)) {
        println!("privileged: there is no test named privileged_*, so nothing ran");
        return Ok(());
    }
    run_to_end(
        cargo()
            .args(["test", "--workspace", "--lib", "--test", "privileged_*"])
            .args(["--", "--ignored", "--test-threads=1"])
            .current_dir(checkout.root()),
    )
}

/// Whether a file is the root of a test executable with that name.
fn is_privileged_test(path: &str) -> bool {
    path.ends_with(".rs") && path.contains("/tests/privileged_")
}

/// Where cgroups that control memory are mounted.
fn memory_cgroups(mounts: &str) -> Vec<PathBuf> {
    let controls_memory = |line: &str| {
        // Device, folder, type, options.
        let mut words = line.split(' ').skip(1);
        let (folder, kind, options) = (words.next()?, words.next()?, words.next()?);
        let version_1 = kind == "cgroup" && options.split(',').any(|option| option == "memory");
        (version_1 || kind == "cgroup2").then(|| PathBuf::from(folder))
    };
    mounts.lines().filter_map(controls_memory).collect()
}

/// Whether a cgroup can be made there that knows memory.
fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!("memtide-probe-{}", process::id()));
    if fs::create_dir(&probe).is_err() {
        return false;
    }
    let version_1 = probe.join("memory.limit_in_bytes").exists();
    let version_2 = fs::read_to_string(probe.join("cgroup.controllers"))
        .is_ok_and(|controllers| controllers.split_whitespace().any(|name| name == "memory"));
    // An empty cgroup goes at once; one that stays disturbs nobody.
    let _ = fs::remove_dir(&probe);
    version_1 || version_2
}

fn shown(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_that_control_memory_are_found_in_the_mounts() {
        let mounts = "proc /proc proc rw 0 0\ncgroup /c/cpu cgroup rw,relatime,cpu 0 0\n\
            cgroup /c/memory cgroup rw,memory 0 0\ncgroup2 /c/unified cgroup2 rw 0 0\n";
        assert_eq!(memory_cgroups(mounts), ["/c/memory", "/c/unified"].map(PathBuf::from));
    }

    #[test]
    fn a_privileged_test_is_one_by_its_name() {
        assert!(is_privileged_test("crates/host/tests/privileged_cgroup.rs"));
        assert!(!is_privileged_test("crates/host/src/privileged_cgroup.rs"));
    }
}
