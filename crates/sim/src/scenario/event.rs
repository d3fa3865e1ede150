//! `[[event]]`: what is done to the machine from outside.

use memtide_core::ListCommand;
use memtide_core::page::Tick;
use serde::Deserialize;
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

use super::error::Problem;
use super::names;
use super::process::{ConditionName, ProcessPlan, Work};
use super::value::{Placed, Size, Span, needed, pages, some_time};
use crate::programs::{Activity, Growth, OnRefusal, Phase, Plan};
use crate::simulation::Moments;

/// `[[event]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventTable {
    #[serde(rename = "do")]
    action: Placed<ActionName>,
    at: Placed<Span>,
    every: Placed<Span>,
    only_while: Option<ConditionName>,
    process: Placed<String>,
    amount: Placed<Size>,
    hold: Placed<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ActionName {
    CaptureAccessed,
    CaptureAndResetAccessed,
    EmptyWorkingSets,
    FlushModified,
    PurgeStandby,
    PurgeStandbyLow,
    EmptyWorkingSet,
    Kill,
    AllocateAndFree,
}

/// Something that is done at moments.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub moments: Moments,
    /// What.
    pub deed: Deed,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A memory-list command.
    Command(ListCommand),
    /// The working sets of the processes of a table are trimmed.
    EmptyWorkingSet(usize),
    /// The processes of a table are ended.
    Kill(usize),
}

/// What a table asks for: something done from outside, or a process that does it.
pub(super) enum Read {
    Event(Event),
    Process(ProcessPlan),
}

/// The largest allocation: 8 TiB.
const PAGES_MAX: u64 = 1 << 31;

/// What a table describes; `number` is its place among the events.
///
/// # Errors
/// [`Problem`] with the value that makes no sense, or the key that means nothing here.
pub(super) fn read(
    table: &Spanned<EventTable>,
    number: usize,
    processes: &[String],
) -> Result<Read, Problem> {
    let (said, span) = (table.get_ref(), table.span());
    let action = needed(&said.action, &span, "do", "expected what is to be done")?;
    let moments = moments(said, &span)?;
    let is_of_process = matches!(action.get_ref(), ActionName::EmptyWorkingSet | ActionName::Kill);
    let is_growth = *action.get_ref() == ActionName::AllocateAndFree;
    let unwanted = [
        (said.process.as_ref().map(Spanned::span), !is_of_process),
        (said.amount.as_ref().map(Spanned::span), !is_growth),
        (said.hold.as_ref().map(Spanned::span), !is_growth),
    ];
    for (key, is_unwanted) in unwanted {
        if let (Some(span), true) = (key, is_unwanted) {
            return Err(Problem::new(span, "it means nothing for what this event does"));
        }
    }
    let command = |command| Ok(Deed::Command(command));
    let process = || {
        let what = "expected the name of a process";
        let name = needed(&said.process, &span, "process", what)?;
        names::find(name, processes, "process")
    };
    let deed = match action.get_ref() {
        ActionName::CaptureAccessed => command(ListCommand::CaptureAccessedBits),
        ActionName::CaptureAndResetAccessed => command(ListCommand::CaptureAndResetAccessedBits),
        ActionName::EmptyWorkingSets => command(ListCommand::EmptyWorkingSets),
        ActionName::FlushModified => command(ListCommand::FlushModifiedList),
        ActionName::PurgeStandby => command(ListCommand::PurgeStandbyList),
        ActionName::PurgeStandbyLow => command(ListCommand::PurgeLowPriorityStandbyList),
        ActionName::EmptyWorkingSet => process().map(Deed::EmptyWorkingSet),
        ActionName::Kill => process().map(Deed::Kill),
        ActionName::AllocateAndFree => {
            return optimiser(said, &span, number, moments).map(Read::Process);
        }
    };
    Ok(Read::Event(Event { moments, deed: deed? }))
}

fn moments(said: &EventTable, span: &Range<usize>) -> Result<Moments, Problem> {
    let every = said.every.as_ref();
    let every = every.map(|_| some_time(&said.every, Tick(0))).transpose()?;
    let at = said.at.as_ref().map(|at| at.get_ref().0);
    let first = at.or(every).ok_or_else(|| {
        let text = "expected `at`, `every` or both: when it is to be done";
        Problem::new(span.clone(), text)
    })?;
    Ok(Moments { first, every, only_while: said.only_while.map(|name| name.0) })
}

/// A memory optimiser of the kind that allocates memory, writes it and frees it.
fn optimiser(
    said: &EventTable,
    span: &Range<usize>,
    number: usize,
    moments: Moments,
) -> Result<ProcessPlan, Problem> {
    let amount = needed(&said.amount, span, "amount", "expected how much to allocate")?;
    let growth = Growth {
        pages: pages(amount, PAGES_MAX, "")?,
        every: moments.every.unwrap_or(Tick::SECOND),
        hold: Some(said.hold.as_ref().map_or(Tick(0), |hold| hold.get_ref().0)),
        only_while: moments.only_while,
    };
    let count = moments.every.is_none().then_some(1);
    let plan = Plan {
        memory: 0,
        limits: None,
        views: Vec::new(),
        phases: vec![Phase { activity: Activity::Grow(growth), count, duration: None }],
        rounds: Some(1),
        on_refusal: OnRefusal::GoOn,
        cache: None,
    };
    Ok(ProcessPlan {
        name: format!("memory optimiser {number}"),
        count: 1,
        start: moments.first,
        start_every: Tick(0),
        is_background: true,
        threads: 1,
        reference_time: super::process::REFERENCE_TIME,
        page_priority: None,
        work: Work::Plan(Arc::new(plan)),
    })
}
