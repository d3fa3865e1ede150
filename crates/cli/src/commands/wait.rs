//! `memtide wait`: blocks until conditions are set.

use crate::Exit;
use crate::args::WaitArgs;
use crate::config::Context;
use memtide_core::conditions::ConditionSet;
use memtide_host::conditions::{Conditions, Mode};
use memtide_view::{fields, text};
use std::time::Instant;

/// Waits, and says what was set.
///
/// # Errors
/// Where the machine cannot be read, or a condition cannot be known.
pub(crate) fn run(context: &Context, args: &WaitArgs) -> anyhow::Result<Exit> {
    let began = Instant::now();
    let wanted: ConditionSet = args.conditions.iter().copied().collect();
    let mode = if args.all { Mode::All } else { Mode::Any };
    let conditions = Conditions::open(&context.options)?;
    let held = conditions.until(wanted, mode).block(args.timeout)?;
    let readings = conditions.readings();
    let set = held.into_iter().flat_map(ConditionSet::iter);
    let set = set.map(|condition| readings[condition.index()]).collect();
    let waited = fields::Waited { set, elapsed: began.elapsed() };
    context.output.print(&fields::WAITED.row(&waited), |_, style| match waited.set.as_slice() {
        [] => String::new(),
        set => text::table(&fields::CONDITION, &fields::CONDITION.rows(set), &[], style),
    })?;
    Ok(if held.is_some() { Exit::Done } else { Exit::No })
}
