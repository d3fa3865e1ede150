//! A campaign: random runs, what happened in them, and what was found.

use std::path::PathBuf;
use std::time::Duration;

use memtide_sim::campaign::{Coverage, Failure, Happened};

use super::column;
use crate::{Table, Unit, Value};

/// What `sim campaign` has to tell.
pub struct Campaign {
    /// The seed of the first run; nothing where a file was repeated.
    pub seed: Option<u64>,
    /// Runs done.
    pub runs: u64,
    /// How long they took.
    pub elapsed: Duration,
    /// A number made of everything that happened.
    pub digest: u64,
    /// What happened.
    pub coverage: Coverage,
    /// What was found.
    pub failure: Option<FoundFailure>,
}

/// A failing run.
pub struct FoundFailure {
    /// Its seed; nothing where a file was repeated.
    pub seed: Option<u64>,
    /// How it fails.
    pub failure: Failure,
    /// How many steps it has, made short.
    pub steps: usize,
    /// The file that repeats it.
    pub file: Option<PathBuf>,
}

fn count(number: Option<u64>) -> Value {
    number.map_or(Value::Nothing, Value::Count)
}

/// What `sim campaign` has to tell.
pub static CAMPAIGN: Table<Campaign> = Table {
    id: "campaign",
    help: "Random runs with faults injected and every byte checked, and what they found.",
    columns: &[
        column!(
            "seed",
            "first seed",
            Unit::Count,
            "The seed of the first run; null where a file was repeated.",
            |c| count(c.seed)
        ),
        column!("runs", "runs", Unit::Count, "Runs done.", |c| Value::Count(c.runs)),
        column!("steps", "steps", Unit::Count, "Steps of all runs.", |c| {
            Value::Count(c.coverage.steps)
        }),
        column!("elapsed", "time", Unit::Seconds, "How long they took.", |c| {
            Value::Seconds(c.elapsed.as_secs_f64())
        }),
        column!(
            "digest",
            "digest",
            Unit::Text,
            "A number made of everything that happened, in hexadecimal: the same for the same runs.",
            |c| Value::text(format!("{:016x}", c.digest))
        ),
        column!(
            "happened",
            "happened",
            Unit::Records(&HAPPENED),
            "What was injected and what came of it.",
            |c| HAPPENED.records(&c.coverage.counts())
        ),
        column!(
            "failure",
            "failure",
            Unit::Record(&FAILURE),
            "The failing run with the lowest seed, made short; null where nothing was found.",
            |c| c.failure.as_ref().map_or(Value::Nothing, |found| FAILURE.record(found))
        ),
    ],
};

/// Something that happened in runs.
pub static HAPPENED: Table<Happened> = Table {
    id: "happened",
    help: "Something that happened in runs.",
    columns: &[
        column!("what", "WHAT", Unit::Text, "What happened, as one word.", |h| {
            Value::text(h.name)
        }),
        column!("times", "TIMES", Unit::Count, "How often.", |h| Value::Count(h.times)),
        column!("help", "MEANING", Unit::Text, "What that says.", |h| Value::text(h.help)),
    ],
};

/// A failing run.
pub static FAILURE: Table<FoundFailure> = Table {
    id: "failing_run",
    help: "A failing run.",
    columns: &[
        column!("seed", "seed", Unit::Count, "Its seed; null where a file was repeated.", |f| {
            count(f.seed)
        }),
        column!(
            "kind",
            "kind",
            Unit::Text,
            "How it fails: wrong-bytes, wrong-answer, wrong-mapping, unsound, unexplained, \
             swallowed, waits-for-ever, leak, panic or endless.",
            |f| Value::text(f.failure.kind.name())
        ),
        column!("message", "message", Unit::Text, "What was seen.", |f| {
            Value::text(f.failure.message.clone())
        }),
        column!(
            "step",
            "step",
            Unit::Count,
            "After how many steps; all of them where it showed when everything was ended.",
            |f| count(f.failure.step.try_into().ok())
        ),
        column!("steps", "steps", Unit::Count, "How many steps it has.", |f| {
            count(f.steps.try_into().ok())
        }),
        column!("file", "file", Unit::Text, "The file that repeats it.", |f| {
            f.file.as_ref().map_or(Value::Nothing, |file| Value::text(file.to_string_lossy()))
        }),
    ],
};
