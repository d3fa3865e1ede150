//! Replacement policies side by side.

use std::time::Duration;

use memtide_core::units::Bytes;
use memtide_sim::policies::{Outcome, PolicyName};

use super::column;
use super::fit::rate;
use crate::{Table, Unit, Value};

/// What `sim policies` has to tell.
pub struct PoliciesReport {
    /// References in the trace.
    pub references: u64,
    /// Different pages in the trace.
    pub pages: u64,
    /// What each policy did with each memory.
    pub outcomes: Vec<PolicyOutcome>,
}

/// What one policy did with one size of memory.
pub struct PolicyOutcome {
    /// How often it missed.
    pub outcome: Outcome,
    /// The same of the memory manager, where that was run.
    pub memtide: Option<Outcome>,
    /// How long its run took; the reference policies run together.
    pub elapsed: Option<Duration>,
}

/// What `sim policies` has to tell.
pub static POLICIES: Table<PoliciesReport> = Table {
    id: "policies",
    help: "Replacement policies side by side on a trace.",
    columns: &[
        column!("references", "references", Unit::Count, "References in the trace.", |p| {
            Value::Count(p.references)
        }),
        column!("pages", "pages used", Unit::Count, "Different pages in the trace.", |p| {
            Value::Count(p.pages)
        }),
        column!("used", "memory used", Unit::Bytes, "What those pages come to.", |p| {
            Value::Bytes(Bytes::from_pages(p.pages))
        }),
        column!(
            "policies",
            "policies",
            Unit::Records(&POLICY),
            "What each policy did with each size of memory.",
            |p| POLICY.records(&p.outcomes)
        ),
    ],
};

/// What one policy did with one size of memory.
pub static POLICY: Table<PolicyOutcome> = Table {
    id: "policy",
    help: "What one policy did with one size of memory.",
    columns: &[
        column!("memory", "MEMORY", Unit::Bytes, "The memory.", |p| {
            Value::Bytes(Bytes::from_pages(u64::from(p.outcome.memory)))
        }),
        column!("memory_pages", "PAGES", Unit::Count, "The memory, in pages.", |p| {
            Value::Count(u64::from(p.outcome.memory))
        }),
        column!(
            "policy",
            "POLICY",
            Unit::Text,
            "The policy: memtide, memtide-reading-ahead, lru, clock, s3-fifo or optimum.",
            |p| Value::text(p.outcome.policy.name())
        ),
        column!(
            "misses",
            "MISSES",
            Unit::Count,
            "References to a page that was not in memory: first touches and hard faults.",
            |p| Value::Count(p.outcome.misses)
        ),
        column!("miss_ratio", "MISS RATIO", Unit::Ratio, "Misses over references.", |p| {
            Value::Ratio(p.outcome.miss_ratio())
        }),
        column!(
            "memtide_factor",
            "MEMTIDE",
            Unit::Factor,
            "How many times as often memtide misses with this memory; null where it was not run.",
            |p| memtide_factor(p)
        ),
        column!(
            "references_per_second",
            "RATE",
            Unit::PerSecond,
            "References a second of the memory manager's run; null for the others, which run \
             together.",
            |p| p.elapsed.map_or(Value::Nothing, |elapsed| rate(p.outcome.references, elapsed))
        ),
    ],
};

fn memtide_factor(p: &PolicyOutcome) -> Value {
    let Some(memtide) = p.memtide.filter(|_| p.outcome.policy != PolicyName::Memtide) else {
        return Value::Nothing;
    };
    let misses = (p.outcome.misses > 0).then_some(p.outcome.misses);
    Value::known(misses, |misses| Value::Factor(memtide.misses as f64 / misses as f64))
}
