//! `memtide sim policies`: replacement policies side by side on a trace.

use super::reading::told;
use crate::Exit;
use crate::args::sim::PoliciesArgs;
use crate::output::Output;
use crate::progress::Progress;
use memtide_sim::policies::{Comparison, Outcome, PolicyName, memtide};
use memtide_sim::trace::{Trace, TraceRun};
use memtide_view::fields::{POLICIES, POLICY, PoliciesReport, PolicyOutcome};
use memtide_view::text;
use std::time::Duration;

/// What of an outcome fits on a line.
const COLUMNS: [&str; 5] = ["memory_pages", "memory", "policy", "miss_ratio", "memtide_factor"];

/// What of all is told before.
const SUMMARY: [&str; 3] = ["references", "pages", "used"];

/// Compares replacement policies on a trace.
///
/// # Errors
/// Where the trace cannot be read or is none, or has too many references for the optimum.
pub(crate) fn run(output: Output, args: &PoliciesArgs) -> anyhow::Result<Exit> {
    let mut policies =
        if args.policy.is_empty() { PolicyName::ALL.to_vec() } else { args.policy.clone() };
    policies.sort_unstable();
    policies.dedup();
    let mut memories = args.memory.clone();
    memories.sort_unstable();
    memories.dedup();

    let comparison = compared(args, &policies, &memories)?;
    let (references, pages) = (comparison.references(), comparison.pages());
    let mut outcomes = finished(comparison);
    for memory in &memories {
        for policy in policies.iter().filter(|policy| policy.is_memtide()) {
            let (outcome, elapsed) = run_of(args, *policy, *memory)?;
            outcomes.push((outcome, Some(elapsed)));
        }
    }
    outcomes.sort_by_key(|(outcome, _)| (outcome.memory, outcome.policy));
    let report = PoliciesReport { references, pages, outcomes: beside_memtide(&outcomes) };
    output.print(&POLICIES.row(&report), |row, style| {
        let rows = POLICY.rows(&report.outcomes);
        let table = text::table(&POLICY, &rows, &COLUMNS, style);
        format!("{}\n\n{table}", text::line(row, &SUMMARY))
    })?;
    Ok(Exit::Done)
}

/// The reference policies after one pass over the trace.
fn compared(
    args: &PoliciesArgs,
    policies: &[PolicyName],
    memories: &[u32],
) -> anyhow::Result<Comparison> {
    let mut comparison = Comparison::new(policies, memories);
    let mut trace = Trace::open(&args.trace, args.format)?;
    let reached = trace.progress();
    let mut progress = Progress::new(reached.total);
    let mut batch = Vec::new();
    while trace.read(&mut batch)? {
        comparison.extend(&batch)?;
        told(&mut progress, &reached);
    }
    Ok(comparison)
}

fn finished(comparison: Comparison) -> Vec<(Outcome, Option<Duration>)> {
    let mut progress = Progress::new(Some(comparison.references_left()));
    let told = |elapsed: Duration, made: u64| {
        let rate = made as f64 / elapsed.as_secs_f64() / 1e6;
        format!("the optimum: {rate:.1} million references/s")
    };
    let outcomes =
        comparison.finish(&mut |made| progress.tell(made, |elapsed| told(elapsed, made)));
    outcomes.into_iter().map(|outcome| (outcome, None)).collect()
}

/// The memory manager's run over the trace.
fn run_of(
    args: &PoliciesArgs,
    policy: PolicyName,
    memory: u32,
) -> anyhow::Result<(Outcome, Duration)> {
    let run = TraceRun {
        frames: Some(memory),
        disk: args.disk.clone(),
        reference_time: args.reference_time,
    };
    let trace = Trace::open(&args.trace, args.format)?;
    let mut progress = Progress::new(trace.progress().total);
    Ok(memtide(policy, &run, trace, &mut |reached| told(&mut progress, reached))?)
}

/// Each outcome beside that of the memory manager with the same memory.
fn beside_memtide(outcomes: &[(Outcome, Option<Duration>)]) -> Vec<PolicyOutcome> {
    let memtide = |memory| {
        let is_memtide = |o: &&Outcome| o.policy == PolicyName::Memtide && o.memory == memory;
        outcomes.iter().map(|(outcome, _)| outcome).find(is_memtide).copied()
    };
    let beside = |(outcome, elapsed): &(Outcome, Option<Duration>)| PolicyOutcome {
        outcome: *outcome,
        memtide: memtide(outcome.memory),
        elapsed: *elapsed,
    };
    outcomes.iter().map(beside).collect()
}
