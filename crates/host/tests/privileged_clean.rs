//! Cleaning on this machine, as root, mostly in a memory cgroup made for the test.
#![cfg(target_os = "linux")]

mod clean_support;

use clean_support::{
    Group, Program, clean, copy_of_this_program, disk, file, made_free, only, resident, within,
};
use memtide_core::units::Bytes;
use memtide_host::clean::{Basis, Cleaner, Estimate, Progress, Region, Request, Status, Verdict};
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The size of the file whose cache is cleaned.
const FILE_MIB: u64 = 256;

/// Starts a program in a cgroup that has read a file of [`FILE_MIB`] there.
fn reader(group: &Group, path: &std::path::Path) -> Program {
    let mut program = Program::start(Some(group), None);
    assert_eq!(program.tell(&format!("read {}", path.display())), (FILE_MIB << 20).to_string());
    program
}

#[test]
fn program() {
    clean_support::be_a_program();
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn a_file_cache_that_is_read_again_came_back_within_2_percent() {
    let (disk, group) = (disk(), Group::new("came-back"));
    let path = file(disk.path(), "data", FILE_MIB);
    let mut program = reader(&group, &path);
    let mut cleaner = clean(&group.request(&[Region::Standby]));
    let step = only(&cleaner);
    assert!(matches!(step.status, Status::Done), "{step:?}");
    assert!(within(made_free(step), Bytes::from_mib(FILE_MIB), 5), "{step:?}");
    let again = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        program.tell(&format!("read {}", path.display()));
        program
    });
    let quiet = AtomicBool::new(false);
    let seen = cleaner.observe(Duration::from_secs(3), &quiet, &mut |_| ());
    drop(again.join().expect("it read the file again"));
    assert_eq!(seen.basis, Basis::Refaults);
    let returned = seen.returned_file.expect("refaults are counted");
    assert!(within(returned, Bytes::from_mib(FILE_MIB), 2), "{returned:#}: {seen:?}");
    assert_eq!(seen.verdict, Verdict::CameBack, "{}", seen.sentence());
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn a_file_cache_that_is_not_read_again_helped() {
    let (disk, group) = (disk(), Group::new("helped"));
    let path = file(disk.path(), "data", FILE_MIB);
    let _program = reader(&group, &path);
    let request = group.request(&[Region::Standby]);
    let mut cleaner = Cleaner::open(&request).expect("a cgroup");
    let predicted = cleaner.plan().predictions.remove(0).estimate;
    let quiet = AtomicBool::new(false);
    cleaner.run(&quiet, &mut |_| ());
    let freed = made_free(only(&cleaner));
    let Estimate::About(predicted) = predicted else { panic!("{predicted:?}") };
    assert!(within(predicted, freed, 5), "predicted {predicted:#}, freed {freed:#}");
    let seen = cleaner.observe(Duration::from_secs(2), &quiet, &mut |_| ());
    assert_eq!(seen.verdict, Verdict::Helped, "{}", seen.sentence());
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn the_working_set_of_a_program_leaves_and_an_excluded_one_stays() {
    let (disk, group) = (disk(), Group::new("working-sets"));
    let taken = copy_of_this_program(disk.path(), "taken");
    let spared = copy_of_this_program(disk.path(), "spared-by-name-that-is-long");
    let mut taken = Program::start(Some(&group), Some(&taken));
    let spared = Program::start(Some(&group), Some(&spared));
    let before = (resident(taken.pid()), resident(spared.pid()));
    let exclude = vec!["spared-by-name-that-is-long".to_owned()];
    let request = Request { exclude, ..group.request(&[Region::WorkingSets]) };
    let mut cleaner = Cleaner::open(&request).expect("a cgroup");
    let prediction = cleaner.plan().predictions.remove(0);
    let quiet = AtomicBool::new(false);
    cleaner.run(&quiet, &mut |_| ());
    let step = only(&cleaner);
    assert!(matches!(step.status, Status::Done), "{step:?}");
    let left = before.0.saturating_sub(resident(taken.pid()));
    assert!(left >= Bytes::from_mib(1), "only {left} left: {step:?}");
    let Estimate::About(predicted) = prediction.estimate else { panic!("{prediction:?}") };
    assert!(within(predicted, left, 20), "predicted {predicted:#}, {left:#} left");
    assert!(resident(spared.pid()) >= before.1, "{step:?}");
    assert!(step.notes.iter().any(|note| note == "1 left alone by name"), "{step:?}");
    assert_eq!(taken.tell("sum"), "0", "it goes on");
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn a_process_that_does_not_exist_is_told_and_the_others_are_cleaned() {
    let (disk, group) = (disk(), Group::new("missing"));
    let program = Program::start(Some(&group), Some(&copy_of_this_program(disk.path(), "taken")));
    let pids = vec![program.pid(), u32::MAX];
    let cleaner = clean(&Request { pids, ..group.request(&[Region::WorkingSets]) });
    let Status::Partial { why } = &only(&cleaner).status else { panic!("{cleaner:?}") };
    assert!(why.contains("there is no process 4294967295"), "{why}");
}

#[test]
#[ignore = "needs root: cargo xtask privileged"]
fn a_limit_and_a_cancel_end_the_machines_standby_between_chunks() {
    let disk = disk();
    let path = file(disk.path(), "data", FILE_MIB);
    clean_support::read(&path);
    let limit = Some(Bytes::from_mib(64));
    let request = Request { regions: vec![Region::Standby], limit, ..Request::default() };
    let (mut asked, quiet) = (0, AtomicBool::new(false));
    let mut cleaner = Cleaner::open(&request).expect("this machine");
    cleaner.run(&quiet, &mut |progress| {
        asked += u32::from(matches!(progress, Progress::Doing { .. }));
    });
    let step = only(&cleaner);
    let Some(mechanism) = step.mechanism.as_ref() else {
        assert!(
            matches!(step.status, Status::Skipped { .. }),
            "drop_caches has no limit: {step:?}"
        );
        return;
    };
    assert!(matches!(step.status, Status::Done), "{mechanism:?}: {step:?}");
    assert!(step.notes.iter().any(|note| note.contains("limit")), "{asked} asked: {step:?}");

    clean_support::read(&path);
    let cancel = AtomicBool::new(false);
    let regions = vec![Region::Standby, Region::Slab];
    let request = Request { regions, ..Request::default() };
    let mut cleaner = Cleaner::open(&request).expect("this machine");
    cleaner.run(&cancel, &mut |progress| {
        if let Progress::Doing { .. } = progress {
            cancel.store(true, Ordering::Relaxed);
        }
    });
    let words: Vec<_> = cleaner.report().steps.iter().map(|step| step.status.word()).collect();
    assert_eq!(words, ["cancelled", "cancelled"]);
}

#[test]
#[ignore = "needs root: cargo xtask privileged"]
fn the_other_regions_end_and_say_what_they_did() {
    let disk = disk();
    std::fs::write(disk.path().join("dirty"), vec![7; 32 << 20]).expect("room on the disk");
    let regions = vec![Region::Modified, Region::Slab, Region::Combine, Region::Compact];
    let timeout = Some(Duration::from_secs(60));
    let cleaner = clean(&Request { regions, timeout, ..Request::default() });
    for step in &cleaner.report().steps {
        assert!(matches!(step.status, Status::Done), "{step:?}");
        assert!(!step.notes.is_empty(), "{step:?}");
        assert!(step.change.written_to_disk.is_some() && step.change.made_free.is_some());
    }
    let written = cleaner.report().steps[0].change.written_to_disk.expect("counted");
    assert!(written.0 >= 32 << 20, "{written}");
}

#[test]
#[ignore = "needs root: cargo xtask privileged"]
fn without_privilege_each_region_says_what_it_needs() {
    let directory = tempfile::tempdir().expect("a directory everyone may enter");
    let everyone = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everyone).expect("ours");
    let copy = copy_of_this_program(directory.path(), "nobody");
    let mut program = Program::start_as_nobody(&copy);
    let answer = program.tell("clean working-sets modified standby slab compact");
    let steps: Vec<Vec<&str>> = answer.split('|').map(|s| s.splitn(3, '=').collect()).collect();
    let status = |region: &str| -> (&str, &str) {
        let step = steps.iter().find(|step| step[0] == region).expect("every region is told of");
        (step[1], step[2])
    };
    assert_eq!(status("modified").0, "done", "writing back needs no privilege: {answer}");
    for (region, needed) in [
        ("working-sets", "CAP_SYS_NICE"),
        ("standby", "write access to"),
        ("slab", "write access to"),
        ("compact", "write access to"),
    ] {
        let (word, reason) = status(region);
        assert_eq!(word, "refused", "{answer}");
        assert!(reason.contains("ermi") && reason.contains(needed), "{region}: {reason}");
    }
}
