//! A clean: what it would yield, what it did, what it cost.

use super::{OBSERVATION, column};
use crate::{Table, Unit, Value};
use memtide_core::units::Bytes;
use memtide_host::clean::{Evidence, Mechanism, Observation, Plan, Prediction, Report, StepReport};

/// What `clean` has to tell: a plan, or a report and perhaps what was seen after it.
pub struct Cleaned {
    /// The plan of a dry run.
    pub plan: Option<Plan>,
    /// What was done.
    pub report: Option<Report>,
    /// What was seen afterwards.
    pub observation: Option<Observation>,
}

impl Cleaned {
    fn plan_records(&self) -> Value {
        let records = |plan: &Plan| PREDICTION.records(&plan.predictions);
        self.plan.as_ref().map_or(Value::Nothing, records)
    }

    fn seen(&self) -> Value {
        self.observation.as_ref().map_or(Value::Nothing, |seen| OBSERVATION.record(seen))
    }

    fn of_report(&self, get: impl FnOnce(&Report) -> Value) -> Value {
        self.report.as_ref().map_or(Value::Nothing, get)
    }

    fn bytes(&self, get: impl FnOnce(&Report) -> Option<Bytes>) -> Value {
        self.of_report(|report| Value::bytes(get(report)))
    }
}

/// What `clean` has to tell.
pub static CLEANED: Table<Cleaned> = Table {
    id: "cleaned",
    help: "What a clean would yield, or what it did and what it cost.",
    columns: &[
        column!(
            "plan",
            "plan",
            Unit::Records(&PREDICTION),
            "What each region would yield by itself; null unless it was a dry run.",
            |c| c.plan_records()
        ),
        column!(
            "steps",
            "steps",
            Unit::Records(&STEP),
            "What became of each region; null after a dry run.",
            |c| c.of_report(|report| STEP.records(&report.steps))
        ),
        column!(
            "made_free",
            "made free",
            Unit::SignedBytes,
            "What all steps made free together; null after a dry run.",
            |c| c.of_report(|report| Value::known(report.made_free(), Value::SignedBytes))
        ),
        column!(
            "elapsed",
            "time",
            Unit::Seconds,
            "How long all steps took; null after a dry run.",
            |c| c.of_report(|report| Value::Seconds(report.elapsed.as_secs_f64()))
        ),
        column!(
            "available_before",
            "available before",
            Unit::Bytes,
            "Available memory before the first step.",
            |c| c.bytes(|report| report.available_before)
        ),
        column!(
            "available_after",
            "available after",
            Unit::Bytes,
            "Available memory after the last step.",
            |c| c.bytes(|report| report.available_after)
        ),
        column!(
            "cancelled",
            "cancelled",
            Unit::Flag,
            "Whether the user stopped it; null after a dry run.",
            |c| c.of_report(|report| Value::Flag(report.is_cancelled()))
        ),
        column!(
            "observation",
            "observation",
            Unit::Record(&OBSERVATION),
            "What came back and what that cost; null unless it was asked for.",
            |c| c.seen()
        ),
    ],
};

/// What one region would yield by itself.
pub static PREDICTION: Table<Prediction> = Table {
    id: "prediction",
    help: "What cleaning one region would yield by itself.",
    columns: &[
        column!("region", "REGION", Unit::Text, "The region.", |p| {
            Value::text(p.region.name())
        }),
        column!("explanation", "EXPLANATION", Unit::Text, "What cleaning it does.", |p| {
            Value::text(p.region.explanation())
        }),
        column!("weight", "WEIGHT", Unit::Text, "How much it disturbs: light or heavy.", |p| {
            Value::text(p.region.weight().word())
        }),
        column!(
            "certainty",
            "CERTAINTY",
            Unit::Text,
            "How sure it is: about, at most or unknown.",
            |p| { Value::text(p.estimate.word()) }
        ),
        column!("yield", "YIELD", Unit::Bytes, "How much.", |p| Value::bytes(p.estimate.bytes())),
        column!(
            "effect",
            "EFFECT",
            Unit::Text,
            "What becomes of it: made free, moved to standby, or in larger blocks.",
            |p| Value::text(p.effect.words())
        ),
        column!("basis", "BASIS", Unit::Text, "What the estimate rests on.", |p| {
            Value::text(p.basis.clone())
        }),
        column!("mechanism", "MECHANISM", Unit::Text, "How it would be done.", |p| {
            mechanism(p.mechanism.as_ref())
        }),
        column!(
            "evidence",
            "EVIDENCE",
            Unit::Text,
            "What the system counts of what comes back: refaults, blind, or takes-nothing.",
            |p| evidence(p.mechanism.as_ref())
        ),
        column!(
            "needs",
            "NEEDS",
            Unit::Text,
            "What is missing to do it; null where nothing is.",
            |p| p.needs.clone().map_or(Value::Nothing, Value::Text)
        ),
    ],
};

/// What became of one region.
pub static STEP: Table<StepReport> = Table {
    id: "step",
    help: "What became of one region; amounts are measured right before and after it, with signs.",
    columns: &[
        column!("region", "REGION", Unit::Text, "The region.", |s| Value::text(s.region.name())),
        column!(
            "status",
            "STATUS",
            Unit::Text,
            "How it ended: done, partial, skipped, enough, refused, timed-out or cancelled.",
            |s| Value::text(s.status.word())
        ),
        column!(
            "reason",
            "REASON",
            Unit::Text,
            "Why it ended so, with the system's own error; null where there is no more to say.",
            |s| s.status.reason().map_or(Value::Nothing, Value::Text)
        ),
        column!("elapsed", "TIME", Unit::Seconds, "How long it took.", |s| {
            Value::Seconds(s.elapsed.as_secs_f64())
        }),
        column!(
            "made_free",
            "MADE FREE",
            Unit::SignedBytes,
            "Memory that became free; of a cgroup, what its charge fell by.",
            |s| Value::known(s.change.made_free, Value::SignedBytes)
        ),
        column!(
            "moved_to_standby",
            "TO STANDBY",
            Unit::SignedBytes,
            "Memory that became reusable and stayed.",
            |s| Value::known(s.change.moved_to_standby, Value::SignedBytes)
        ),
        column!(
            "written_to_disk",
            "WRITTEN",
            Unit::SignedBytes,
            "What the machine wrote to disks meanwhile, swap included.",
            |s| Value::known(s.change.written_to_disk, Value::SignedBytes)
        ),
        column!(
            "returned_to_commit",
            "COMMIT",
            Unit::SignedBytes,
            "What the machine's commit charge fell by.",
            |s| Value::known(s.change.returned_to_commit, Value::SignedBytes)
        ),
        column!("mechanism", "MECHANISM", Unit::Text, "How it was done.", |s| {
            mechanism(s.mechanism.as_ref())
        }),
        column!(
            "evidence",
            "EVIDENCE",
            Unit::Text,
            "What the system counts of what comes back: refaults, blind, or takes-nothing.",
            |s| evidence(s.mechanism.as_ref())
        ),
        column!("notes", "NOTES", Unit::Texts, "What else there is to know.", |s| {
            Value::Texts(s.notes.clone())
        }),
    ],
};

fn mechanism(mechanism: Option<&Mechanism>) -> Value {
    mechanism.map_or(Value::Nothing, |mechanism| Value::text(mechanism.name.clone()))
}

fn evidence(mechanism: Option<&Mechanism>) -> Value {
    let word = |evidence: Evidence| Value::text(evidence.word());
    mechanism.map_or(Value::Nothing, |mechanism| word(mechanism.evidence))
}
