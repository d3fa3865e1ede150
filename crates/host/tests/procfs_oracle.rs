//! Our parsers of /proc against those of the `procfs` crate, on this machine.
//!
//! Both read the same bytes wherever `procfs` takes bytes, so that no value can move in between;
//! where `procfs` reads itself, only what it reads alike before and after us is compared.
#![cfg(target_os = "linux")]

use memtide_core::units::Bytes;
use memtide_host::linux::cgroup::parse_proc_cgroup;
use memtide_host::linux::commit::parse_swaps;
use memtide_host::linux::meminfo::Meminfo;
use memtide_host::linux::pressure::Pressure;
use memtide_host::linux::processes::{SmapsRollup, Stat, Statm, Status};
use memtide_host::linux::vmstat::Vmstat;
use memtide_host::linux::{mounts, objects};
use memtide_host::processes::{Faults, Options, Processes};
use procfs::prelude::FromRead;
use std::path::{Path, PathBuf};

fn read(path: &str) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file of every process that can be seen; one that has ended or is closed is left out.
fn of_every_process(file: &str, check: impl Fn(&str, &[u8])) {
    let mut checked = 0;
    for entry in std::fs::read_dir("/proc").expect("a /proc").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() {
            continue;
        }
        if let Ok(text) = std::fs::read(entry.path().join(file)) {
            check(&name, &text);
            checked += 1;
        }
    }
    assert!(checked > 0, "not even this process has a {file}");
}

#[test]
fn meminfo_agrees() {
    let text = read("/proc/meminfo");
    let (ours, theirs) =
        (Meminfo::parse(&text), procfs::Meminfo::from_read(text.as_slice()).expect("theirs"));
    for (name, ours, theirs) in [
        ("total", ours.total, Some(theirs.mem_total)),
        ("free", ours.free, Some(theirs.mem_free)),
        ("available", ours.available, theirs.mem_available),
        ("buffers", ours.buffers, Some(theirs.buffers)),
        ("cached", ours.cached, Some(theirs.cached)),
        ("swap_cached", ours.swap_cached, Some(theirs.swap_cached)),
        ("active_anon", ours.active_anon, theirs.active_anon),
        ("inactive_anon", ours.inactive_anon, theirs.inactive_anon),
        ("active_file", ours.active_file, theirs.active_file),
        ("inactive_file", ours.inactive_file, theirs.inactive_file),
        ("swap_total", ours.swap_total, Some(theirs.swap_total)),
        ("swap_free", ours.swap_free, Some(theirs.swap_free)),
        ("dirty", ours.dirty, Some(theirs.dirty)),
        ("writeback", ours.writeback, Some(theirs.writeback)),
        ("writeback_tmp", ours.writeback_tmp, theirs.writeback_tmp),
        ("anon_pages", ours.anon_pages, theirs.anon_pages),
        ("mapped", ours.mapped, Some(theirs.mapped)),
        ("shmem", ours.shmem, theirs.shmem),
        ("k_reclaimable", ours.k_reclaimable, theirs.k_reclaimable),
        ("s_reclaimable", ours.s_reclaimable, theirs.s_reclaimable),
        ("s_unreclaim", ours.s_unreclaim, theirs.s_unreclaim),
        ("kernel_stack", ours.kernel_stack, theirs.kernel_stack),
        ("page_tables", ours.page_tables, theirs.page_tables),
        ("sec_page_tables", ours.sec_page_tables, theirs.secondary_page_tables),
        ("percpu", ours.percpu, theirs.per_cpu),
        ("commit_limit", ours.commit_limit, theirs.commit_limit),
        ("committed_as", ours.committed_as, Some(theirs.committed_as)),
        ("hardware_corrupted", ours.hardware_corrupted, theirs.hardware_corrupted),
        ("hugetlb", ours.hugetlb, theirs.hugetlb),
    ] {
        assert_eq!(ours, theirs.map(Bytes), "{name}");
    }
}

#[test]
fn vmstat_agrees() {
    let text = read("/proc/vmstat");
    let ours = Vmstat::parse(&text);
    let theirs = procfs::VmStat::from_read(text.as_slice()).expect("theirs").0;
    for (name, ours) in [
        ("pgpgin", ours.pgpgin),
        ("pgpgout", ours.pgpgout),
        ("pswpin", ours.pswpin),
        ("pswpout", ours.pswpout),
        ("pgfault", ours.pgfault),
        ("pgmajfault", ours.pgmajfault),
        ("workingset_refault_file", ours.workingset_refault_file),
        ("workingset_refault_anon", ours.workingset_refault_anon),
        ("pgsteal_kswapd", ours.pgsteal_kswapd),
        ("pgsteal_direct", ours.pgsteal_direct),
        ("pgsteal_proactive", ours.pgsteal_proactive),
        ("oom_kill", ours.oom_kill),
    ] {
        let theirs = theirs.get(name).map(|value| u64::try_from(*value).expect("a count"));
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn pressure_agrees_where_the_kernel_counts_it() {
    let Ok(text) = std::fs::read("/proc/pressure/memory") else {
        eprintln!("skipped: this kernel has no /proc/pressure/memory");
        return;
    };
    let ours = Pressure::parse(&text);
    let theirs = procfs::MemoryPressure::from_read(text.as_slice()).expect("theirs");
    for (ours, theirs) in [(ours.some, theirs.some), (ours.full, theirs.full)] {
        let ours = ours.expect("the line is there");
        assert_eq!(ours.total_us, theirs.total);
        let difference = f32::from(ours.avg10.0) - theirs.avg10 * 10.0;
        assert!((-1.01..0.01).contains(&difference), "rounded down: {ours:?} {theirs:?}");
    }
}

#[test]
fn stat_agrees_for_every_process() {
    of_every_process("stat", |pid, text| {
        let ours = Stat::parse(text).unwrap_or_else(|| panic!("{pid}: no stat"));
        let theirs = procfs::process::Stat::from_read(text).expect("theirs");
        assert_eq!(i64::from(ours.pid), i64::from(theirs.pid));
        assert_eq!(String::from_utf8_lossy(ours.name), theirs.comm);
        assert_eq!(char::from(ours.state), theirs.state);
        assert_eq!(ours.flags, theirs.flags);
        assert_eq!((ours.minor_faults, ours.major_faults), (theirs.minflt, theirs.majflt));
        assert_eq!(i64::from(ours.threads), theirs.num_threads);
        assert_eq!(ours.started_ticks, theirs.starttime);
    });
}

#[test]
fn status_agrees_for_every_process() {
    of_every_process("status", |pid, text| {
        let ours = Status::parse(text);
        let theirs = procfs::process::Status::from_read(text).expect("theirs");
        assert_eq!(ours.user, Some(theirs.euid), "{pid}");
        assert_eq!(ours.state.map(char::from), theirs.state.chars().next(), "{pid}");
        assert_eq!(ours.threads.map(u64::from), Some(theirs.threads), "{pid}");
        for (name, ours, theirs) in [
            ("VmRSS", ours.resident, theirs.vmrss),
            ("RssAnon", ours.anonymous, theirs.rssanon),
            ("RssFile", ours.file, theirs.rssfile),
            ("RssShmem", ours.shared_memory, theirs.rssshmem),
            ("VmData", ours.data, theirs.vmdata),
            ("VmStk", ours.stack, theirs.vmstk),
            ("VmSwap", ours.swap, theirs.vmswap),
        ] {
            assert_eq!(ours, theirs.map(Bytes::from_kib), "{pid} {name}");
        }
    });
}

#[test]
fn statm_agrees_for_every_process() {
    of_every_process("statm", |pid, text| {
        let ours = Statm::parse(text).unwrap_or_else(|| panic!("{pid}: no statm"));
        let theirs = procfs::process::StatM::from_read(text).expect("theirs");
        assert_eq!(ours.resident_pages, theirs.resident);
        assert_eq!((ours.shared_pages, ours.data_pages), (theirs.shared, theirs.data));
    });
}

#[test]
fn smaps_rollup_agrees_for_every_process_that_may_be_measured() {
    of_every_process("smaps_rollup", |pid, text| {
        if text.is_empty() {
            return;
        }
        let ours = SmapsRollup::parse(text);
        let theirs = procfs::process::SmapsRollup::from_read(text).expect("theirs");
        let map = &theirs.memory_map_rollup.0.first().expect("one map").extension.map;
        for (name, ours) in [
            ("Rss", ours.resident),
            ("Pss", ours.proportional),
            ("Shared_Clean", ours.shared_clean),
            ("Shared_Dirty", ours.shared_dirty),
            ("Private_Clean", ours.private_clean),
            ("Private_Dirty", ours.private_dirty),
            ("Swap", ours.swap),
        ] {
            assert_eq!(ours, map.get(name).copied().map(Bytes), "{pid} {name}");
        }
    });
}

#[test]
fn cgroups_agree_for_every_process() {
    of_every_process("cgroup", |pid, text| {
        let (v1, v2) = parse_proc_cgroup(text);
        let theirs = procfs::ProcessCGroups::from_read(text).expect("theirs").0;
        let memory = theirs.iter().find(|g| g.controllers.iter().any(|c| c == "memory"));
        let unified = theirs.iter().find(|g| g.hierarchy == 0);
        assert_eq!(v1, memory.map(|g| PathBuf::from(&g.pathname)), "{pid}");
        assert_eq!(v2, unified.map(|g| PathBuf::from(&g.pathname)), "{pid}");
    });
}

#[test]
fn mounts_agree() {
    let text = read("/proc/self/mountinfo");
    let theirs = procfs::process::MountInfos::from_read(text.as_slice()).expect("theirs").0;
    let ours = mounts::parse(&text);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.kind, theirs.fs_type);
        for (option, value) in &theirs.super_options {
            let option = value.as_ref().map_or(option.clone(), |v| format!("{option}={v}"));
            assert!(ours.has_option(&option), "{option} of {}", ours.point.display());
        }
        // `procfs` leaves the escapes in.
        if !theirs.mount_point.to_string_lossy().contains('\\') {
            assert_eq!(ours.point, theirs.mount_point);
            assert_eq!(ours.root, Path::new(&theirs.root));
        }
    }
}

/// `procfs` doesn't read /proc/swaps; what is listed there must be there as meminfo counts it.
#[test]
fn page_files_in_use_agree_with_the_swap_there_is() {
    let swaps = parse_swaps(&read("/proc/swaps"));
    let total = procfs::Meminfo::from_read(read("/proc/meminfo").as_slice()).expect("theirs");
    assert_eq!(swaps.is_empty(), total.swap_total == 0, "{swaps:?}");
}

#[test]
fn fdinfo_agrees_for_the_files_of_this_process() {
    let me = procfs::process::Process::myself().expect("this process");
    let file = std::fs::File::options().read(true).write(true).open("/dev/null").expect("null");
    let mut checked = 0;
    for info in me.fd().expect("files").flatten() {
        let Ok(text) = std::fs::read(format!("/proc/self/fdinfo/{}", info.fd)) else { continue };
        let flags = objects::parse_fdinfo_flags(&text).expect("flags");
        let writes = info.mode().contains(procfs::process::FDPermissions::WRITE);
        assert_eq!(flags & 3 != 0, writes, "{info:?}");
        checked += 1;
    }
    drop(file);
    assert!(checked > 0);
}

/// What `procfs` reads of every process: its number, working set and faults.
fn theirs() -> Vec<(u32, Bytes, u64, u64)> {
    let read = |process: procfs::process::Process| {
        let (status, stat) = (process.status().ok()?, process.stat().ok()?);
        let working_set = status.vmrss.map_or(Bytes::ZERO, Bytes::from_kib);
        Some((u32::try_from(process.pid()).ok()?, working_set, stat.minflt, stat.majflt))
    };
    procfs::process::all_processes().expect("theirs").flatten().filter_map(read).collect()
}

#[test]
fn the_list_agrees_for_every_process_that_holds_still() {
    let all = Options { kernel_threads: true, ..Options::default() };
    let mut asleep = std::process::Command::new("sleep").arg("600").spawn().expect("a child");
    // Until it has read its libraries it doesn't hold still.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let (before, ours, after) = (theirs(), Processes::list(&all).expect("a list"), theirs());
    asleep.kill().and_then(|()| asleep.wait()).expect("its end");
    let still: Vec<_> = before.iter().filter(|process| after.contains(process)).collect();
    assert!(still.iter().any(|(pid, ..)| *pid == asleep.id()), "it slept");
    for (pid, working_set, minor, major) in still {
        let ours = ours.list.iter().find(|p| p.pid == *pid).expect("ours has it too");
        assert_eq!(ours.working_set, Some(*working_set), "{ours:?}");
        assert_eq!(ours.faults, Some(Faults { minor: *minor, major: *major }), "{ours:?}");
    }
}
