use super::*;
use crate::doctor::Verdict;
use memtide_core::conditions::Condition;
use std::collections::BTreeSet;

fn find<'a>(capabilities: &'a [Capability], id: &str) -> &'a Capability {
    capabilities.iter().find(|capability| capability.id == id).expect("it is examined")
}

#[test]
fn this_windows_is_examined_whole_and_names_are_unique() {
    let capabilities = examine();
    let ids: BTreeSet<_> = capabilities.iter().map(|capability| capability.id).collect();
    assert_eq!(ids.len(), capabilities.len());
    let events = ids.iter().filter(|id| id.starts_with("event-") && **id != "event-holders");
    assert_eq!(events.count(), Condition::COUNT);
    for capability in &capabilities {
        assert!(!capability.evidence.is_empty(), "{}", capability.id);
        let fails = capability.verdict == Verdict::Fails;
        assert_eq!(fails, capability.remedy.is_some(), "{capability:?}");
    }
}

#[test]
fn wine_is_told_apart_from_windows() {
    let capabilities = examine();
    let windows = find(&capabilities, "windows");
    assert!(windows.evidence.contains(&Version::here().to_string()), "{windows:?}");
    for id in ["windows", "clean-lists", "clean-registry", "clean-combine"] {
        let capability = find(&capabilities, id);
        assert_eq!(capability.evidence.contains("hollow"), is_wine(), "{capability:?}");
    }
}

#[test]
fn the_memory_events_that_every_windows_has_open() {
    let capabilities = examine();
    for id in ["event-low-memory", "event-high-memory", "event-low-paged"] {
        assert_eq!(find(&capabilities, id).verdict, Verdict::Works, "{id}");
    }
}
