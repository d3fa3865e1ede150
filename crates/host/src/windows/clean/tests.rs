use super::*;
use crate::clean::{Cleaner, Evidence};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

fn all() -> Request {
    Request { regions: Region::here().collect(), ..Request::default() }
}

fn mechanism() -> Mechanism {
    Mechanism { name: "x".to_owned(), evidence: Evidence::Blind }
}

#[test]
fn windows_has_eight_regions_in_the_order_that_works() {
    let names: Vec<_> = Region::here().map(Region::name).collect();
    let expected = [
        "working-sets",
        "file-cache",
        "modified-files",
        "modified",
        "standby",
        "standby-low",
        "registry",
        "combine",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_dry_run_says_of_every_region_what_it_rests_on_and_how_it_would_be_done() {
    let mut cleaner = Cleaner::open(&all()).expect("a machine");
    let predictions = cleaner.plan().predictions;
    // All of standby covers priority 0.
    assert_eq!(predictions.len(), 7);
    for prediction in predictions {
        assert!(!prediction.basis.is_empty(), "{prediction:?}");
        assert!(prediction.mechanism.is_some() || prediction.needs.is_some(), "{prediction:?}");
        let hollow = prediction.needs.is_some_and(|needs| needs.contains("Wine"));
        assert_eq!(hollow, version::is_wine(), "{}", prediction.region);
    }
}

#[test]
fn under_wine_nothing_is_tried_and_every_region_says_why() {
    if !version::is_wine() {
        return;
    }
    let mut cleaner = Cleaner::open(&all()).expect("a machine");
    let report = cleaner.run(&AtomicBool::new(false), &mut |_| ());
    for step in &report.steps {
        assert_eq!(step.status.word(), "skipped", "{step:?}");
        let reason = step.status.reason().expect("a reason");
        assert!(reason.contains("Wine") && reason.contains("proves nothing"), "{reason}");
        assert!(step.mechanism.is_none());
    }
    assert!(!report.is_done(), "a hollow answer is no clean");
}

#[test]
fn a_cgroup_is_refused_with_where_there_are_some() {
    let cgroup = Some(PathBuf::from("/sys/fs/cgroup/x"));
    let error = open(&Request { cgroup, ..Request::default() }).err().expect("none here");
    assert!(matches!(error, Error::NotACgroup { needs: "Linux", .. }), "{error}");
}

#[test]
fn a_privilege_that_is_missing_is_a_refusal_that_names_it() {
    let error = PrivilegeError::NotHeld(Privilege::ProfileSingleProcess.name());
    let refused = outcome(Ok(Err(not_enabled(error))), mechanism(), "an elevated process");
    let Status::Refused { error, needs } = refused.status else { panic!("{refused:?}") };
    assert_eq!(error.io_kind(), Some(io::ErrorKind::PermissionDenied));
    let text = error.to_string();
    assert!(text.contains("SeProfileSingleProcessPrivilege") && text.contains("1300"), "{text}");
    assert_eq!(needs, "an elevated process");
    assert!(refused.mechanism.is_none(), "nothing was done");
}

#[test]
fn the_status_of_a_call_is_kept_and_worded() {
    let denied = told(Ok(Err(NtStatus::ACCESS_DENIED)));
    let refused = outcome(Ok(denied), mechanism(), "x");
    let reason = refused.status.reason().expect("a reason");
    assert!(reason.contains("NtSetSystemInformation: NTSTATUS 0xC0000022"), "{reason}");
}

#[test]
fn a_call_that_is_given_up_on_is_told_to_go_on() {
    let late = outcome(Err(Stop::TimedOut), mechanism(), "x");
    assert!(late.status.reason().is_some_and(|left| left.contains("still at it")));
    let cancelled = outcome(Err(Stop::Cancelled), mechanism(), "x");
    assert!(matches!(cancelled.status, Status::Cancelled));
    assert!(cancelled.notes[0].contains("still at it"), "{:?}", cancelled.notes);
}

#[test]
fn counters_only_grow_and_commit_is_known() {
    let mut gauges = Gauges::default();
    let (first, second) = (gauges.counters(), gauges.counters());
    assert!(first.transition_faults <= second.transition_faults);
    assert!(first.read <= second.read);
    assert!(second.available.is_some_and(|available| available.0 > 0));
    let gauge = gauges.gauge();
    assert!(gauge.commit.is_some_and(|commit| commit.0 > 0), "{gauge:?}");
}
