//! The memory manager among the policies.

use std::time::Duration;

use super::{Outcome, PolicyName};
use crate::trace::{Progress, Trace, TraceRun, TraceRunError};

/// How often the memory manager misses on a trace, and how long its run took; `tell` is called
/// often, to look how far it has come.
///
/// It runs as `sim trace` runs it: on virtual time, with a disk. As one of the
/// [policies](PolicyName::Memtide) it brings pages in one by one, as the others do, so that what is
/// compared is what it keeps.
///
/// # Errors
/// [`TraceRunError`].
///
/// # Panics
/// Where the machine is one with memory enough, which never misses but once a page.
pub fn memtide(
    policy: PolicyName,
    run: &TraceRun,
    trace: Trace,
    tell: &mut dyn FnMut(&Progress),
) -> Result<(Outcome, Duration), TraceRunError> {
    let memory = run.frames.expect("a size of memory to compare");
    let mut machine = run.machine();
    if policy == PolicyName::Memtide {
        machine.manager.policy.read_cluster_max = 1;
        machine.manager.policy.demand_zero_max = 1;
    }
    let report = run.run_on(&machine, trace, tell)?;
    let misses = report.counters.demand_zero + report.counters.hard;
    let outcome = Outcome { policy, memory, references: report.references, misses };
    Ok((outcome, report.elapsed))
}
