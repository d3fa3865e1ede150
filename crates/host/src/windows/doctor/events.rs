//! The nine events, and whether their holders can be found.

use super::ELEVATED;
use crate::doctor::Capability;
use crate::doctor::Finding;
use crate::objects::Listeners;
use crate::windows::condition_events::object_name;
use crate::windows::native::event::Event;
use crate::windows::native::status::NtStatus;
use memtide_core::conditions::Condition;

pub(super) fn examine() -> Vec<Capability> {
    let listeners = Listeners::find();
    let mut capabilities: Vec<_> = Condition::ALL.into_iter().map(event).collect();
    capabilities.push(holders(listeners));
    capabilities
}

fn event(condition: Condition) -> Capability {
    let path = object_name(condition);
    let finding = match Event::open(&path) {
        Ok(_) => Finding::works(format!("{path} opens")),
        Err(status @ NtStatus::OBJECT_NAME_NOT_FOUND) => Finding::fails(
            format!("opening {path}: {status}"),
            "a Windows that has it: the memory events since XP, those of the pools since 2003, \
             those of commit since Vista",
        ),
        Err(status @ NtStatus::ACCESS_DENIED) => {
            Finding::fails(format!("opening {path}: {status}"), ELEVATED)
        }
        Err(status) => Finding::unknown(format!("opening {path}: {status}")),
    };
    finding.of(id(condition), "a condition that the system itself signals")
}

const fn id(condition: Condition) -> &'static str {
    match condition {
        Condition::LowMemory => "event-low-memory",
        Condition::HighMemory => "event-high-memory",
        Condition::LowPagedPool => "event-low-paged",
        Condition::HighPagedPool => "event-high-paged",
        Condition::LowNonPagedPool => "event-low-nonpaged",
        Condition::HighNonPagedPool => "event-high-nonpaged",
        Condition::LowCommit => "event-low-commit",
        Condition::HighCommit => "event-high-commit",
        Condition::MaximumCommit => "event-maximum-commit",
    }
}

fn holders(listeners: Result<Listeners, crate::Error>) -> Capability {
    let finding = match listeners {
        Ok(listeners) if listeners.closed == 0 => {
            Finding::works(format!("{} processes were searched", listeners.searched))
        }
        Ok(listeners) => Finding::fails(
            format!(
                "{} processes were searched, {} could not be",
                listeners.searched, listeners.closed
            ),
            ELEVATED,
        ),
        Err(error) => Finding::unknown(error.to_string()),
    };
    finding.of("event-holders", "finding who waits for the events")
}
