//! The nine conditions as named objects, with those who listen.

use super::{CONDITION, column};
use crate::{Table, Unit, Value};
use memtide_host::objects::{Domain, Listening, NOT_FOUND, Object, Objects};

/// One program that listens for a condition.
pub static LISTENER: Table<Listening> = Table {
    id: "listener",
    help: "A program that has a file open through which it can hear of the condition.",
    columns: &[
        column!("pid", "PID", Unit::Count, "Its process.", |l| {
            Value::Count(l.listener.pid.into())
        }),
        column!("process", "PROCESS", Unit::Text, "The name of the program.", |l| {
            Value::known(l.listener.name.as_ref(), Value::text)
        }),
        column!(
            "channel",
            "CHANNEL",
            Unit::Text,
            "The kind of file: psi, memory-events, event-control (of version 1 cgroups), memtide, \
             or event on Windows.",
            |l| Value::text(l.listener.channel.word())
        ),
        column!(
            "access",
            "ACCESS",
            Unit::Text,
            "reads, or registers: a file that may be written holds or makes a trigger; of an event \
             of Windows, waits or modifies.",
            |l| Value::known(l.listener.access.word(), Value::text)
        ),
        column!(
            "domain",
            "OF",
            Unit::Text,
            "Whose memory it hears of: machine, cgroup or container.",
            |l| Value::text(match l.listener.domain {
                Domain::Machine => "machine",
                Domain::Cgroup(_) => "cgroup",
                Domain::Container => "container",
            })
        ),
        column!(
            "waiters",
            "WAITERS",
            Unit::Count,
            "How many threads and tasks wait in it; null where it doesn't tell, as only Memtide's \
             own watchers do.",
            |l| Value::known(l.waiters, |waiters| Value::Count(waiters.into()))
        ),
        column!("handles", "HANDLES", Unit::Count, "How often it has the file open.", |l| {
            Value::Count(l.listener.handles.into())
        }),
        column!("file", "FILE", Unit::Text, "The file, as the system names it.", |l| {
            Value::text(l.listener.file.to_string_lossy())
        }),
    ],
};

/// One of the nine objects.
pub static OBJECT: Table<Object> = Table {
    id: "object",
    help: "One of the nine conditions as an object, with those who listen for it.",
    columns: &[
        column!(
            "condition",
            "Condition",
            Unit::Record(&CONDITION),
            "Its name, state, value and threshold.",
            |o| CONDITION.record(&o.reading)
        ),
        column!(
            "listeners",
            "Listeners",
            Unit::Records(&LISTENER),
            "The programs found to listen for it.",
            |o| LISTENER.records(&o.listeners)
        ),
        column!(
            "handles",
            "Handles",
            Unit::Count,
            "How many handles to the event are open, in all processes; null where there is no \
             event, as on Linux.",
            |o| Value::known(o.holders, |holders| Value::Count(holders.handles.into()))
        ),
        column!(
            "references",
            "References",
            Unit::Count,
            "How many references the kernel has to the event, those it takes in advance for each \
             handle among them; null where there is no event.",
            |o| Value::known(o.holders, |holders| Value::Count(holders.references.into()))
        ),
    ],
};

/// What `memtide objects` shows.
pub static OBJECTS: Table<Objects> = Table {
    id: "objects",
    help: "The nine conditions as objects, as WinObj shows \\KernelObjects.",
    columns: &[
        column!("objects", "Objects", Unit::Records(&OBJECT), "The nine objects.", |o| OBJECT
            .records(&o.objects)),
        column!("searched", "Searched", Unit::Count, "How many processes were looked into.", |o| {
            Value::Count(o.searched as u64)
        }),
        column!(
            "closed",
            "Closed",
            Unit::Count,
            "How many processes could not be looked into for want of a privilege.",
            |o| Value::Count(o.closed as u64)
        ),
        column!(
            "others_hidden",
            "Others hidden",
            Unit::Flag,
            "Whether the system hides the processes of other users (on Linux hidepid).",
            |o| Value::Flag(o.others_hidden)
        ),
        column!(
            "not_found",
            "Not found",
            Unit::Texts,
            "Who listens in a way that a search of handles and open files doesn't find.",
            |_| Value::Texts(NOT_FOUND.iter().map(|who| (*who).to_owned()).collect())
        ),
        column!("remarks", "Remarks", Unit::Texts, "What one must know to read this.", |o| {
            Value::Texts(o.remarks.clone())
        }),
    ],
};
