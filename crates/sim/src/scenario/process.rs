//! `[[process]]`: programs, and what they have.

use std::path::PathBuf;
use std::sync::Arc;

use memtide_core::SectionConfig;
use memtide_core::conditions::Condition;
use memtide_core::page::{PAGE_SIZE, Tick};
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use toml::Spanned;

use super::error::{Problem, nearest};
use super::names;
use super::phase::{self, Holdings, PhaseTable};
use super::value::{Placed, Size, Span, Whole, needed, pages, some_time, whole, whole32};
use crate::programs::{Cache, OnRefusal, Phase, Plan, ViewPlan, WorkingSetLimits};
use crate::trace::Format;

/// `[[process]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProcessTable {
    pub(super) name: Placed<String>,
    count: Placed<Whole>,
    start: Option<Span>,
    start_every: Option<Span>,
    background: Option<bool>,
    memory: Placed<Size>,
    threads: Placed<Whole>,
    reference_time: Placed<Span>,
    page_priority: Placed<Whole>,
    working_set_minimum: Placed<Size>,
    working_set_maximum: Placed<Size>,
    hard_minimum: Option<bool>,
    hard_maximum: Option<bool>,
    on_refusal: Option<RefusalName>,
    retry_after: Placed<Span>,
    repeat: Placed<Whole>,
    forever: Option<bool>,
    trace: Placed<PathBuf>,
    trace_format: Placed<String>,
    cache: Option<Spanned<CacheTable>>,
    #[serde(default)]
    view: Vec<Spanned<ViewTable>>,
    #[serde(default)]
    phase: Vec<Spanned<PhaseTable>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RefusalName {
    #[default]
    Die,
    Retry,
    Free,
    GoOn,
}

/// `[process.cache]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheTable {
    keep: Placed<Size>,
    shrink_on: Option<ConditionName>,
    grow_on: Option<ConditionName>,
    miss: Option<Span>,
}

/// `[[process.view]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ViewTable {
    section: Placed<String>,
    access: Option<AccessName>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AccessName {
    Read,
    Write,
    CopyOnWrite,
}

/// A condition by its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConditionName(pub(super) Condition);

impl<'de> Deserialize<'de> for ConditionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            let known = Condition::ALL.map(Condition::argument);
            let mut told = format!("'{text}' is no condition: expected {}", known.join(", "));
            if let Some(nearest) = nearest(&text, &known) {
                told = format!("{told}; the nearest is '{nearest}'");
            }
            D::Error::custom(told)
        })
    }
}

/// The processes of one table.
#[derive(Clone, Debug)]
pub struct ProcessPlan {
    /// What they are called; with a number where there are several.
    pub name: String,
    /// How many they are.
    pub count: u32,
    /// When the first begins.
    pub start: Tick,
    /// How much later each next one begins.
    pub start_every: Tick,
    /// Whether the run ends without them.
    pub is_background: bool,
    /// Threads of each.
    pub threads: u32,
    /// The time of one reference.
    pub reference_time: Tick,
    /// The priority of their pages; `None` takes the policy's.
    pub page_priority: Option<u8>,
    /// What they do.
    pub work: Work,
}

/// What a process does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Phases.
    Plan(Arc<Plan>),
    /// The references of a trace: the file, and its format where that is said.
    Trace(PathBuf, Option<Format>),
}

/// Processes and threads a scenario may have.
pub(super) const PROCESSES_MAX: u32 = 1_000;
const THREADS_MAX: u32 = 1_000;

/// The largest private memory: 8 TiB.
const PAGES_MAX: u64 = 1 << 31;

pub(super) const REFERENCE_TIME: Tick = Tick(100);
const RETRY_AFTER: Tick = Tick(100_000_000);

/// The processes that a table describes.
///
/// # Errors
/// [`Problem`] with the value that makes no sense.
pub(super) fn read(
    table: &Spanned<ProcessTable>,
    sections: &[(String, SectionConfig)],
) -> Result<ProcessPlan, Problem> {
    let (said, span) = (table.get_ref(), table.span());
    let name = needed(&said.name, &span, "name", "expected what the process is called")?;
    let time = |said: Option<Span>| said.map_or(Tick(0), |Span(time)| time);
    let priority = |_: &Spanned<Whole>| {
        let number = whole(&said.page_priority, 0, 0..=7, "as a page priority")?;
        Ok::<_, Problem>(u8::try_from(number).unwrap_or(0))
    };
    Ok(ProcessPlan {
        name: name.get_ref().clone(),
        count: whole32(&said.count, 1, 1..=PROCESSES_MAX, "processes")?,
        start: time(said.start),
        start_every: time(said.start_every),
        is_background: said.background.unwrap_or(false),
        threads: whole32(&said.threads, 1, 1..=THREADS_MAX, "threads")?,
        reference_time: some_time(&said.reference_time, REFERENCE_TIME)?,
        page_priority: said.page_priority.as_ref().map(priority).transpose()?,
        work: match &said.trace {
            Some(trace) => traced(said, trace)?,
            None => Work::Plan(Arc::new(plan(table, sections)?)),
        },
    })
}

/// A trace brings its own memory and its own references.
fn traced(said: &ProcessTable, trace: &Spanned<PathBuf>) -> Result<Work, Problem> {
    let others = [
        ("memory", said.memory.is_some()),
        ("threads", said.threads.is_some()),
        ("view", !said.view.is_empty()),
        ("phase", !said.phase.is_empty()),
        ("cache", said.cache.is_some()),
        ("repeat", said.repeat.is_some() || said.forever.is_some()),
        ("on_refusal", said.on_refusal.is_some()),
    ];
    if let Some((other, _)) = others.iter().find(|(_, is_said)| *is_said) {
        let text = format!("a trace is all that a process does: expected no `{other}` beside it");
        return Err(Problem::new(trace.span(), text));
    }
    let format = said.trace_format.as_ref().map(|name| {
        let known = Format::ALL.map(|format| format.name().to_owned());
        names::find(name, &known, "format").map(|place| Format::ALL[place])
    });
    Ok(Work::Trace(trace.get_ref().clone(), format.transpose()?))
}

fn plan(
    table: &Spanned<ProcessTable>,
    sections: &[(String, SectionConfig)],
) -> Result<Plan, Problem> {
    let said = table.get_ref();
    if let Some(format) = &said.trace_format {
        return Err(Problem::new(format.span(), "there is no `trace` to have a format"));
    }
    let memory = match &said.memory {
        Some(size) => pages(size, PAGES_MAX, "")?,
        None => 0,
    };
    let (views, names, sizes) = views(&said.view, sections)?;
    let holdings = Holdings { memory, views: &names, view_sizes: &sizes };
    let phases = said.phase.iter().map(|table| phase::read(table, &holdings));
    let phases: Vec<Phase> = phases.collect::<Result<_, _>>()?;
    if phases.is_empty() {
        let text = "it does nothing: expected at least one [[process.phase]], or `trace`";
        return Err(Problem::new(table.span(), text));
    }
    let is_followed = |at: usize| at + 1 < phases.len();
    if let Some(at) = (0..phases.len()).find(|at| is_followed(*at) && !phases[*at].ends()) {
        let text = "it never ends, and phases follow: expected `duration`, `references` or `times`";
        return Err(Problem::new(said.phase[at].span(), text));
    }
    Ok(Plan {
        memory,
        limits: limits(said)?,
        views,
        phases,
        rounds: rounds(said)?,
        on_refusal: on_refusal(said)?,
        cache: said.cache.as_ref().map(|cache| read_cache(cache, memory)).transpose()?,
    })
}

type Views = (Vec<ViewPlan>, Vec<String>, Vec<(u64, bool)>);

fn views(
    tables: &[Spanned<ViewTable>],
    sections: &[(String, SectionConfig)],
) -> Result<Views, Problem> {
    let known: Vec<String> = sections.iter().map(|(name, _)| name.clone()).collect();
    names::unique(tables.iter().map(|view| &view.get_ref().section), "view of the process")?;
    let (mut views, mut names, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for table in tables {
        let said = table.get_ref();
        let what = "expected the name of a section";
        let name = needed(&said.section, &table.span(), "section", what)?;
        let section = names::find(name, &known, "section")?;
        // PAGE_READONLY, PAGE_READWRITE and PAGE_WRITECOPY.
        let (protection, may_write) = match said.access {
            None | Some(AccessName::Read) => (0x02, false),
            Some(AccessName::Write) => (0x04, true),
            Some(AccessName::CopyOnWrite) => (0x08, true),
        };
        views.push(ViewPlan { section, protection });
        names.push(name.get_ref().clone());
        sizes.push((sections[section].1.bytes / PAGE_SIZE, may_write));
    }
    Ok((views, names, sizes))
}

fn limits(said: &ProcessTable) -> Result<Option<WorkingSetLimits>, Problem> {
    let hard = (said.hard_minimum.unwrap_or(false), said.hard_maximum.unwrap_or(false));
    let (minimum, maximum) = match (&said.working_set_minimum, &said.working_set_maximum) {
        (None, None) => return Ok(None),
        (Some(minimum), Some(maximum)) => (minimum, maximum),
        (Some(one), None) | (None, Some(one)) => {
            let text = "expected both `working_set_minimum` and `working_set_maximum`";
            return Err(Problem::new(one.span(), text));
        }
    };
    let bytes = |placed: &Spanned<Size>| pages(placed, PAGES_MAX, "").map(|n| n * PAGE_SIZE);
    let limits = WorkingSetLimits { minimum: bytes(minimum)?, maximum: bytes(maximum)?, hard };
    if limits.minimum > limits.maximum {
        let (least, most) = (minimum.get_ref().0, maximum.get_ref().0);
        let text = format!("{most}: expected no less than the minimum, {least}");
        return Err(Problem::new(maximum.span(), text));
    }
    Ok(Some(limits))
}

fn rounds(said: &ProcessTable) -> Result<Option<u64>, Problem> {
    match (said.forever, &said.repeat) {
        (Some(true), Some(repeat)) => {
            Err(Problem::new(repeat.span(), "expected either `repeat` or `forever`"))
        }
        (Some(true), None) => Ok(None),
        _ => whole(&said.repeat, 1, 1..=1 << 40, "times").map(Some),
    }
}

fn on_refusal(said: &ProcessTable) -> Result<OnRefusal, Problem> {
    let name = said.on_refusal.unwrap_or_default();
    if let (Some(after), false) = (&said.retry_after, matches!(name, RefusalName::Retry)) {
        let text = "it means nothing here: expected on_refusal = \"retry\" beside it";
        return Err(Problem::new(after.span(), text));
    }
    Ok(match name {
        RefusalName::Die => OnRefusal::Die,
        RefusalName::Retry => OnRefusal::Retry(some_time(&said.retry_after, RETRY_AFTER)?),
        RefusalName::Free => OnRefusal::Free,
        RefusalName::GoOn => OnRefusal::GoOn,
    })
}

fn read_cache(table: &Spanned<CacheTable>, memory: u64) -> Result<Cache, Problem> {
    let said = table.get_ref();
    let what = "expected what it keeps of its memory when memory is low";
    let keep = needed(&said.keep, &table.span(), "keep", what)?;
    let name = |said: Option<ConditionName>, default| said.map_or(default, |name| name.0);
    Ok(Cache {
        shrinks_on: name(said.shrink_on, Condition::LowMemory),
        grows_on: name(said.grow_on, Condition::HighMemory),
        keep: pages(keep, memory, " (the process's memory)")?,
        miss: said.miss.map_or(Tick(0), |Span(time)| time),
    })
}
