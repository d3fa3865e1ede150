//! What a recorded run led to.

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{Counters, ListCounts};

use super::{FAULTS, PAGING, column};
use crate::{Table, Unit, Value};

/// What a recorded run led to.
pub struct Replayed {
    /// The version of Memtide that recorded it.
    pub made_by: String,
    /// Events that were replayed.
    pub events: u64,
    /// The moment of the last of them.
    pub now: Tick,
    /// The digest of the state.
    pub digest: u64,
    /// The digest that the log ends with, where all of it was replayed.
    pub recorded: Option<u64>,
    /// The lists.
    pub lists: ListCounts,
    /// Frames in use.
    pub active: u64,
    /// What happened.
    pub counters: Counters,
}

fn pages(pages: u32) -> Value {
    Value::Bytes(Bytes::from_pages(u64::from(pages)))
}

fn hexadecimal(digest: u64) -> Value {
    Value::text(format!("{digest:016x}"))
}

/// What a recorded run led to.
pub static REPLAYED: Table<Replayed> = Table {
    id: "replayed",
    help: "What a recorded run led to when it was replayed.",
    columns: &[
        column!("made_by", "recorded by", Unit::Text, "The Memtide that recorded it.", |r| {
            Value::text(&r.made_by)
        }),
        column!("events", "events", Unit::Count, "Events that were replayed.", |r| {
            Value::Count(r.events)
        }),
        column!("time", "time", Unit::Seconds, "The virtual moment of the last of them.", |r| {
            Value::Seconds(std::time::Duration::from_nanos(r.now.0).as_secs_f64())
        }),
        column!("complete", "complete", Unit::Flag, "Whether the whole log was replayed.", |r| {
            Value::Flag(r.recorded.is_some())
        }),
        column!("digest", "digest", Unit::Text, "A number that only equal states share.", |r| {
            hexadecimal(r.digest)
        }),
        column!(
            "recorded_digest",
            "recorded digest",
            Unit::Text,
            "The same of the run when it was recorded; nothing where the replay stopped before.",
            |r| r.recorded.map_or(Value::Nothing, hexadecimal)
        ),
        column!("same", "same state", Unit::Flag, "Whether both are the same.", |r| {
            r.recorded.map_or(Value::Nothing, |recorded| Value::Flag(recorded == r.digest))
        }),
        column!("lists", "lists", Unit::Record(&REPLAYED_LISTS), "The page lists.", |r| {
            REPLAYED_LISTS.record(r)
        }),
        column!("faults", "faults", Unit::Record(&FAULTS), "All faults, by kind.", |r| {
            FAULTS.record(&r.counters)
        }),
        column!("paging", "paging", Unit::Record(&PAGING), "What was moved.", |r| {
            PAGING.record(&r.counters)
        }),
    ],
};

/// The page lists that a recorded run led to.
pub static REPLAYED_LISTS: Table<Replayed> = Table {
    id: "replayed_lists",
    help: "The page lists of a machine that was replayed; they add up to its memory.",
    columns: &[
        column!(
            "active",
            "active",
            Unit::Bytes,
            "Memory in working sets, held by the manager, or with I/O in progress.",
            |r| Value::Bytes(Bytes::from_pages(r.active))
        ),
        column!("modified", "modified", Unit::Bytes, "Memory that must be written first.", |r| {
            pages(r.lists.modified)
        }),
        column!(
            "modified_no_write",
            "modified, no write",
            Unit::Bytes,
            "Modified memory that must not be written yet.",
            |r| pages(r.lists.modified_no_write)
        ),
        column!("standby", "standby", Unit::Bytes, "Memory that can be reused at once.", |r| {
            pages(r.lists.standby.iter().sum())
        }),
        column!("free", "free", Unit::Bytes, "Free pages with old contents.", |r| {
            pages(r.lists.free)
        }),
        column!("zeroed", "zeroed", Unit::Bytes, "Free pages of zeros.", |r| {
            pages(r.lists.zeroed)
        }),
        column!("bad", "bad", Unit::Bytes, "Pages that have failed.", |r| pages(r.lists.bad)),
    ],
};
