//! A process and the memory it holds.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::processes::{Kind, Process, Processes};

/// A process and the memory it holds.
pub static PROCESS: Table<Process> = Table {
    id: "process",
    help: "A process and the memory it holds; null where that may not be known.",
    columns: &[
        column!("pid", "PID", Unit::Count, "Its number.", |p| Value::Count(p.pid.into())),
        column!(
            "kind",
            "KIND",
            Unit::Text,
            "program, kernel (one of its threads) or zombie.",
            |p| {
                match p.kind {
                    Kind::Program => Value::text("program"),
                    Kind::Kernel => Value::text("kernel"),
                    Kind::Zombie => Value::text("zombie"),
                    Kind::Unknown => Value::Unknown,
                }
            }
        ),
        column!(
            "user",
            "USER",
            Unit::Text,
            "Who it runs as: the name, or the number of a user without one.",
            |p| Value::known(p.user.as_ref(), |user| {
                Value::text(user.name.clone().unwrap_or_else(|| user.id.to_string()))
            })
        ),
        column!("user_id", "UID", Unit::Count, "The number of the user it runs as.", |p| {
            Value::known(p.user.as_ref(), |user| Value::Count(user.id.into()))
        }),
        column!(
            "working_set",
            "WORKING SET",
            Unit::Bytes,
            "Memory mapped into it now, shared or not (on Linux RSS).",
            |p| Value::bytes(p.working_set)
        ),
        column!(
            "private",
            "PRIVATE",
            Unit::Bytes,
            "The part of the working set that is its own: anonymous memory, or with --pss the \
             pages that it alone maps.",
            |p| Value::bytes(p.private)
        ),
        column!(
            "shared",
            "SHARED",
            Unit::Bytes,
            "The rest of the working set: files and shared memory, or with --pss the pages that \
             others map too.",
            |p| Value::bytes(p.shared)
        ),
        column!(
            "pss",
            "PSS",
            Unit::Bytes,
            "The working set with each page divided by the number of processes that map it; only \
             with --pss.",
            |p| Value::bytes(p.proportional)
        ),
        column!("swap", "SWAP", Unit::Bytes, "Its memory that lies in the page file.", |p| {
            Value::bytes(p.swap)
        }),
        column!(
            "commit",
            "COMMIT",
            Unit::Bytes,
            "Private writable memory promised to it, touched or not (on Linux VmData + VmStk).",
            |p| Value::bytes(p.commit)
        ),
        column!(
            "minor_faults",
            "MINOR FAULTS",
            Unit::Count,
            "Page faults that needed no disk, since it started.",
            |p| Value::known(p.faults, |faults| Value::Count(faults.minor))
        ),
        column!(
            "major_faults",
            "MAJOR FAULTS",
            Unit::Count,
            "Page faults that read from a disk, since it started.",
            |p| Value::known(p.faults, |faults| Value::Count(faults.major))
        ),
        column!(
            "minor_fault_rate",
            "MINOR/S",
            Unit::PerSecond,
            "Minor faults a second, over rate_period.",
            |p| Value::known(p.fault_rate, |rate| Value::PerSecond(rate.minor_per_s))
        ),
        column!(
            "major_fault_rate",
            "MAJOR/S",
            Unit::PerSecond,
            "Major faults a second, over rate_period.",
            |p| Value::known(p.fault_rate, |rate| Value::PerSecond(rate.major_per_s))
        ),
        column!(
            "rate_period",
            "PERIOD",
            Unit::Seconds,
            "What the rates are the average of: the time since it started, or of --interval.",
            |p| Value::known(p.fault_rate, |rate| Value::Seconds(rate.over.as_secs_f64()))
        ),
        column!("threads", "THREADS", Unit::Count, "How many threads it has.", |p| {
            Value::known(p.threads, |threads| Value::Count(threads.into()))
        }),
        column!("age", "AGE", Unit::Seconds, "How long ago it started.", |p| {
            Value::known(p.age, |age| Value::Seconds(age.as_secs_f64()))
        }),
        column!("name", "NAME", Unit::Text, "The name of the program.", |p| {
            Value::known(p.name.as_ref(), Value::text)
        }),
        column!(
            "command_line",
            "COMMAND",
            Unit::Text,
            "The whole command with its arguments; only with --command-line.",
            |p| Value::known(p.command_line.as_ref(), Value::text)
        ),
        column!("cgroup", "CGROUP", Unit::Text, "The memory cgroup it is charged to.", |p| {
            Value::known(p.cgroup.as_ref(), |path| Value::text(path.to_string_lossy()))
        }),
    ],
};

/// What `memtide ps` shows.
pub static PROCESSES: Table<Processes> = Table {
    id: "processes",
    help: "One look at the processes.",
    columns: &[
        column!(
            "processes",
            "Processes",
            Unit::Records(&PROCESS),
            "Those asked for, sorted.",
            |p| PROCESS.records(&p.list)
        ),
        column!(
            "closed",
            "Closed",
            Unit::Count,
            "How many processes of the whole machine could not be read for want of a privilege.",
            |p| Value::Count(p.closed as u64)
        ),
        column!(
            "others_hidden",
            "Others hidden",
            Unit::Flag,
            "Whether the system hides the processes of other users (on Linux hidepid).",
            |p| Value::Flag(p.others_hidden)
        ),
    ],
};
