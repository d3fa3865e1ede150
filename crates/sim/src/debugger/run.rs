//! `g`, `t` and `p`: letting the target go on.

use std::fmt::Write;

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{SpaceId, Tick, Vpn};
use memtide_core::{Event, Input};

use super::arguments::{Arguments, number, process, span};
use super::error::{KdError, usage};
use super::events::{FaultKind, line};
use super::format::time;
use super::object::word;
use super::target::{Stepped, Target};

/// Where to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// At the end.
    End,
    /// At a moment.
    Moment(Tick),
    /// When a condition is in this state.
    Condition(Condition, State),
    /// After so many faults that fit.
    Faults(u64, Filter),
    /// After so many events.
    Events(u64),
}

/// Which faults count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    kind: Option<FaultKind>,
    space: Option<SpaceId>,
    page: Option<Vpn>,
}

impl Filter {
    fn fits(&self, event: &Event, kind: Option<FaultKind>) -> bool {
        let Event::Input(_, Input::Fault { space, address, .. }) = event else { return false };
        (self.kind.is_none() || self.kind == kind)
            && self.space.is_none_or(|wanted| wanted == *space)
            && self.page.is_none_or(|wanted| wanted == Vpn::of(*address))
    }
}

/// What `g` is asked for. `now` is where a span begins.
pub(super) fn parse_go(
    target: &Target,
    now: Tick,
    mut arguments: Arguments<'_>,
) -> Result<Stop, KdError> {
    let Some(word) = arguments.next() else { return Ok(Stop::End) };
    let stop = if let Some(later) = word.strip_prefix('+').and_then(span) {
        Stop::Moment(now.after(later))
    } else if let Some(at) = span(word) {
        if at < now {
            return usage(format!("it is {} already: {word} is over", time(now)));
        }
        Stop::Moment(at)
    } else if word == "fault" {
        Stop::Faults(1, filter(target, &mut arguments)?)
    } else if let Ok(condition) = word.parse::<Condition>() {
        let state = match arguments.next() {
            None | Some("set") => State::Set,
            Some("clear") => State::Clear,
            Some(other) => return usage(format!("'{other}': expected set or clear")),
        };
        Stop::Condition(condition, state)
    } else {
        let names = Condition::ALL.map(Condition::argument).join(", ");
        return usage(format!(
            "'{word}' is nowhere to stop: expected a moment such as 5s, a span such as +10ms, \
             fault, or a condition: {names}"
        ));
    };
    arguments.end()?;
    Ok(stop)
}

fn filter(target: &Target, arguments: &mut Arguments<'_>) -> Result<Filter, KdError> {
    let mut filter = Filter::default();
    while let Some(word) = arguments.next() {
        if word == "at" {
            filter.page = Some(Vpn::of(number(arguments.need("the address")?)?));
        } else if let Some(kind) = FaultKind::ALL.into_iter().find(|kind| kind.word() == word) {
            filter.kind = Some(kind);
        } else {
            filter.space = match process(word, target) {
                Ok(space) => Some(space),
                Err(_) => return unknown_filter(word),
            };
        }
    }
    Ok(filter)
}

fn unknown_filter(word: &str) -> Result<Filter, KdError> {
    let kinds = FaultKind::ALL.map(FaultKind::word).join(", ");
    usage(format!("'{word}' is no kind of fault and no process: expected one of {kinds}"))
}

/// A count behind `t` and `p`.
pub(super) fn parse_count(mut arguments: Arguments<'_>) -> Result<u64, KdError> {
    let count = arguments.next().map_or(Ok(1), number)?;
    arguments.end()?;
    if count == 0 { usage("0 steps: expected at least 1") } else { Ok(count) }
}

/// Lets the target go on; what is worth telling.
pub(super) fn run(
    target: &mut Target,
    stop: Stop,
    goes_on: &mut dyn FnMut(Tick) -> bool,
) -> Result<String, KdError> {
    if !target.can_run() {
        return usage(
            "a snapshot is one moment and cannot go on: open its scenario, trace or recorded run",
        );
    }
    if let Stop::Condition(condition, state) = stop
        && state_of(target, condition) == state
    {
        return Ok(format!("{} is {} already\n", condition.name(), word(state)));
    }
    let limit = if let Stop::Moment(at) = stop { at } else { Tick(u64::MAX) };
    let mut told = Told::default();
    let mut left = match stop {
        Stop::Faults(count, _) | Stop::Events(count) => count,
        _ => 1,
    };
    loop {
        if !goes_on(target.now()) {
            return Ok(told.end(&format!("interrupted at {}\n", time(target.now()))));
        }
        let before = *target.manager().counters();
        let states = target.manager().conditions().map(|reading| reading.state);
        let events = match target.step(limit)? {
            Stepped::Events(events) => events,
            Stepped::TimeOut => return Ok(told.end(&format!("stopped at {}\n", time(limit)))),
            Stepped::Ended(why) => {
                return Ok(told.end(&format!("ended at {}: {why}\n", time(target.now()))));
            }
        };
        let kind = FaultKind::between(&before, target.manager().counters());
        changes(target, &states, &mut told);
        left -= count(target, stop, &events, kind, left, &mut told);
        let is_there = match stop {
            Stop::Condition(condition, state) => state_of(target, condition) == state,
            Stop::Faults(..) | Stop::Events(_) => left == 0,
            Stop::End | Stop::Moment(_) => false,
        };
        if is_there {
            return Ok(told.end(""));
        }
    }
}

/// Tells of the events that are stepped through; how many of them count.
fn count(
    target: &Target,
    stop: Stop,
    events: &[(Tick, Event)],
    kind: Option<FaultKind>,
    left: u64,
    told: &mut Told,
) -> u64 {
    let mut counted = 0;
    for (at, event) in events {
        let is_one = match stop {
            Stop::Faults(_, filter) => filter.fits(event, kind),
            Stop::Events(_) => true,
            _ => false,
        };
        if is_one {
            told.text += &line(target, *at, event, kind);
            counted += 1;
        }
    }
    left.min(counted)
}

/// Changes of conditions that one command tells of; a machine near its marks has thousands.
const CHANGES_MAX: u64 = 24;

/// What is told of a run.
#[derive(Default)]
struct Told {
    text: String,
    changes: u64,
}

impl Told {
    /// A condition changed.
    fn change(&mut self, line: &str) {
        self.changes += 1;
        if self.changes <= CHANGES_MAX {
            self.text.push_str(line);
        }
    }

    /// All of it, with how it ended.
    fn end(mut self, how: &str) -> String {
        let more = self.changes.saturating_sub(CHANGES_MAX);
        if more > 0 {
            let _ = writeln!(self.text, "{:>16}  conditions changed {more} more times", "");
        }
        self.text + how
    }
}

/// Tells of the conditions that changed.
fn changes(target: &Target, before: &[State; Condition::COUNT], told: &mut Told) {
    for (reading, before) in target.manager().conditions().iter().zip(before) {
        if reading.state != *before {
            let (name, state) = (reading.condition.name(), word(reading.state));
            let at = time(target.manager().now());
            told.change(&format!("{at:>16}  {name} is {state}\n"));
        }
    }
}

fn state_of(target: &Target, condition: Condition) -> State {
    target.manager().conditions()[condition.index()].state
}
