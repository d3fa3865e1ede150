use super::*;
use crate::windows::native::status::NtStatus;

const EVENT_ALL_ACCESS: u32 = 0x1F_0003;
const EVENT: Channel = Channel::Event(Condition::HighPagedPool);

/// More handles than all other tests of this process have open at once, with rights that they
/// don't ask for.
const MANY: u32 = 40;
const WAIT_AND_QUERY: u32 = SYNCHRONIZE | 1;

fn open_many(access: u32) -> Result<Vec<Event>, NtStatus> {
    let path = object_name(Condition::HighPagedPool);
    (0..MANY).map(|_| Event::open_for(&path, access)).collect()
}

/// Our listener that has so many handles.
fn ours(listeners: &Listeners, access: Access) -> Option<&Listener> {
    let is_ours = |listener: &&Listener| {
        listener.pid == std::process::id() && listener.handles == MANY && listener.access == access
    };
    listeners.of(Condition::HighPagedPool).find(is_ours)
}

#[test]
fn who_holds_an_event_is_found_with_what_it_may_do() {
    let waits = open_many(WAIT_AND_QUERY).expect("everyone may");
    let modifies = open_many(EVENT_ALL_ACCESS);
    let listeners = find().expect("a search");
    assert!(listeners.searched >= 1, "{listeners:?}");
    let waiting = ours(&listeners, Access::Waits).expect("our own handles are found");
    assert_eq!(waiting.file, PathBuf::from(r"\KernelObjects\HighPagedPoolCondition"));
    assert_eq!((waiting.channel, &waiting.domain), (EVENT, &Domain::Machine));
    assert!(waiting.name.is_some(), "{waiting:?}");
    // Only administrators may modify the events.
    assert_eq!(ours(&listeners, Access::Modifies).is_some(), modifies.is_ok(), "{listeners:?}");
    let holders = listeners.holders[Condition::HighPagedPool.index()].expect("it is there");
    assert!(holders.handles >= MANY, "{holders:?}");
    drop((waits, modifies));
    let after = find().expect("a search");
    assert_eq!(ours(&after, Access::Waits), None, "what was closed is held no more");
}

#[test]
fn an_event_that_is_missing_has_no_holders_and_that_is_not_zero() {
    let listeners = find().expect("a search");
    for condition in Condition::ALL {
        let there = Event::open(&object_name(condition)).is_ok();
        assert_eq!(listeners.holders[condition.index()].is_some(), there, "{condition:?}");
    }
}

#[test]
fn rights_are_told_by_the_strongest() {
    assert_eq!(access(EVENT_ALL_ACCESS), Access::Modifies);
    assert_eq!(access(SYNCHRONIZE), Access::Waits);
    assert_eq!(access(1), Access::Reads);
}

#[test]
fn by_address_an_event_is_known_whoever_holds_it() {
    let event = Event::open(&object_name(Condition::LowMemory)).expect("every Windows has it");
    let probe = Probe { condition: Condition::LowMemory, event };
    let handle = |object, pid, handle| Handle { object, pid, handle, access: SYNCHRONIZE, kind: 9 };
    let known = handle(0x7000, std::process::id(), probe.number());
    let others =
        [handle(0x7000, 8, 4), handle(0x7000, 8, 12), handle(0x7001, 8, 16), handle(0x7000, 16, 4)];
    let found = by_address(&[probe], &[&known], others.iter());
    let found: Vec<_> = found.into_iter().map(|((pid, ..), (_, count))| (pid, count)).collect();
    assert_eq!(found, [(8, 2), (16, 1)]);
}

#[test]
fn a_process_that_may_not_be_opened_is_counted() {
    // The idle process may be opened by nobody.
    let error = ProcessHandle::open(0, Opened::Duplicate).expect_err("nobody may");
    let closed = usize::from(!is_gone(&error));
    let stranger = Handle { object: 0, pid: 0, handle: 4, access: 0, kind: 9 };
    let known = Handle { pid: std::process::id(), ..stranger };
    let mut listeners = Listeners::default();
    let found = by_name(&[&known], [stranger].iter(), &mut listeners);
    assert!(found.is_empty());
    assert_eq!((listeners.searched, listeners.closed), (0, closed));
    assert_eq!(listeners.remarks, [HIDDEN]);
}
