//! Who has the nine events open: the handle table of the system.
//!
//! Two handles are for the same event where their addresses are the same. Where the system hides
//! addresses, each handle to an event of a process that may be opened is duplicated, and its name
//! asked for.

mod event;
mod handle_table;

use super::answer::Answer;
use super::condition_events::object_name;
use super::native::event::Event;
use super::native::privilege::{Privilege, enable};
use super::native::process::{Access as Opened, ProcessHandle, is_gone};
use super::native::system_information;
use super::processes;
use crate::Error;
use crate::objects::{Access, Channel, Domain, Listener, Listeners};
use handle_table::{HANDLES, Handle, parse};
use memtide_core::conditions::Condition;
use std::collections::{BTreeMap, BTreeSet};
use std::os::windows::io::{AsHandle, AsRawHandle};
use std::path::PathBuf;

const SYNCHRONIZE: u32 = 0x10_0000;
const EVENT_MODIFY_STATE: u32 = 2;

const HIDDEN: &str = "The system hides the addresses of objects from this process, so each event \
                      handle of the processes that could be opened was looked at.";

/// An event that we have open to find the others by.
struct Probe {
    condition: Condition,
    event: Event,
}

pub(crate) fn find() -> Result<Listeners, Error> {
    let probes: Vec<Probe> = Condition::ALL.into_iter().filter_map(probe).collect();
    let mut listeners = Listeners::default();
    for probe in &probes {
        listeners.holders[probe.condition.index()] = event::holders(probe.event.as_handle()).ok();
    }
    if probes.is_empty() {
        return Ok(listeners);
    }
    // Without it the addresses are hidden, and processes of other users stay closed.
    let _privilege = enable(Privilege::Debug).ok();
    let table = system_information::query_list(HANDLES)
        .map_err(|status| Error::call("NtQuerySystemInformation", status))?;
    let table: Vec<Handle> = parse(&Answer::from(table)).collect();
    let this = std::process::id();
    let ours: BTreeSet<usize> = probes.iter().map(Probe::number).collect();
    let is_ours = |handle: &&Handle| handle.pid == this && ours.contains(&handle.handle);
    let known: Vec<&Handle> = table.iter().filter(is_ours).collect();
    let others = || table.iter().filter(|handle| !is_ours(handle));
    let hidden = known.iter().all(|handle| handle.object == 0);
    let found = match hidden {
        false => by_address(&probes, &known, others()),
        true => by_name(&known, others(), &mut listeners),
    };
    if !hidden {
        let pids: BTreeSet<u32> = table.iter().map(|handle| handle.pid).collect();
        listeners.searched = pids.len();
    }
    listeners.found = named(found);
    Ok(listeners)
}

impl Probe {
    /// The number of our handle.
    fn number(&self) -> usize {
        self.event.as_handle().as_raw_handle().addr()
    }
}

/// A condition whose event is missing here has no listeners.
fn probe(condition: Condition) -> Option<Probe> {
    let event = Event::open(&object_name(condition)).ok()?;
    Some(Probe { condition, event })
}

/// What was found, a listener a process, an event and an access.
type Found = BTreeMap<(u32, usize, u32), (Condition, u32)>;

fn note(found: &mut Found, handle: &Handle, condition: Condition) {
    let key = (handle.pid, condition.index(), handle.access);
    found.entry(key).or_insert((condition, 0)).1 += 1;
}

fn by_address<'a>(
    probes: &[Probe],
    known: &[&Handle],
    others: impl Iterator<Item = &'a Handle>,
) -> Found {
    let condition = |handle: &Handle| {
        let is_it = |probe: &&Probe| probe.number() == handle.handle;
        probes.iter().find(is_it).map(|probe| (handle.object, probe.condition))
    };
    let addresses: BTreeMap<usize, Condition> =
        known.iter().filter_map(|handle| condition(handle)).collect();
    let mut found = Found::new();
    for handle in others {
        if let Some(condition) = addresses.get(&handle.object) {
            note(&mut found, handle, *condition);
        }
    }
    found
}

fn by_name<'a>(
    known: &[&Handle],
    others: impl Iterator<Item = &'a Handle>,
    listeners: &mut Listeners,
) -> Found {
    listeners.remarks.push(HIDDEN.to_owned());
    let kinds: BTreeSet<u16> = known.iter().map(|handle| handle.kind).collect();
    let mut found = Found::new();
    let mut opened: BTreeMap<u32, Option<ProcessHandle>> = BTreeMap::new();
    // A handle that is for something else than an event could make us wait when asked its name.
    for handle in others.filter(|handle| kinds.contains(&handle.kind)) {
        let process = opened.entry(handle.pid).or_insert_with(|| {
            match ProcessHandle::open(handle.pid, Opened::Duplicate) {
                Ok(process) => {
                    listeners.searched += 1;
                    Some(process)
                }
                Err(error) => {
                    listeners.closed += usize::from(!is_gone(&error));
                    None
                }
            }
        });
        // A handle that was closed meanwhile is no longer held.
        let Some(Ok(ours)) = process.as_ref().map(|p| p.duplicate(handle.handle)) else { continue };
        if let Some(condition) = event::condition_of(ours.as_handle()) {
            note(&mut found, handle, condition);
        }
    }
    found
}

fn named(found: Found) -> Vec<Listener> {
    let records =
        if found.is_empty() { Vec::new() } else { processes::records().unwrap_or_default() };
    let name = |pid: u32| {
        let place = records.binary_search_by_key(&pid, |record| record.pid).ok()?;
        records[place].name.clone()
    };
    let listener = |((pid, _, access), (condition, handles)): ((u32, usize, u32), _)| Listener {
        pid,
        name: name(pid),
        channel: Channel::Event(condition),
        access: self::access(access),
        domain: Domain::Machine,
        file: PathBuf::from(object_name(condition)),
        handles,
    };
    found.into_iter().map(listener).collect()
}

fn access(granted: u32) -> Access {
    match (granted & EVENT_MODIFY_STATE != 0, granted & SYNCHRONIZE != 0) {
        (true, _) => Access::Modifies,
        (false, true) => Access::Waits,
        (false, false) => Access::Reads,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
