//! The emulated machine is what the other tests in it take for granted.
#![cfg(target_os = "linux")]

use std::fs;

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(name)).expect("the field is there");
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("it is a number")
}

#[test]
#[ignore = "needs an emulated machine: cargo xtask emulate"]
fn the_machine_is_small_with_cgroup_v2_psi_a_disk_and_swap_if_asked() {
    let meminfo = fs::read_to_string("/proc/meminfo").expect("/proc is mounted");
    let total_kib = field(&meminfo, "MemTotal:");
    assert!(total_kib < 600 * 1024, "{total_kib} KiB is no small machine");
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.subtree_control");
    assert!(controllers.expect("cgroup v2 is mounted").contains("memory"));
    let pressure = fs::read_to_string("/proc/pressure/memory").expect("PSI is on");
    assert!(pressure.starts_with("some avg10="), "{pressure}");
    let mounts = fs::read_to_string("/proc/mounts").expect("/proc is mounted");
    assert!(mounts.contains("/dev/vda /disk ext4 "), "{mounts}");
    let swap_asked = std::env::var("MEMTIDE_SWAP").expect("the machine says whether it swaps");
    assert_eq!(field(&meminfo, "SwapTotal:") > 0, swap_asked == "1", "{meminfo}");
}
