//! `memtide sim generate`: a trace of a pattern.

use super::writing::Writing;
use crate::Exit;
use crate::args::sim::{GenerateArgs, GeneratedFormat, PatternName};
use crate::config::BadConfig;
use crate::output::Output;
use crate::progress::Progress;
use anyhow::Context;
use memtide_sim::Reference;
use memtide_sim::trace::{OBJECTS, Unit, Written, write_oracle_general};
use memtide_sim::workload::{Part, Pattern, Workload};
use memtide_view::{fields, text};
use std::fs::{self, File};
use std::io::BufWriter;

/// References between two looks at the clock.
const BATCH: usize = 1 << 15;

/// Makes a trace of a pattern.
///
/// # Errors
/// Where the pattern makes no sense, or the trace cannot be written.
pub(crate) fn run(output: Output, args: &GenerateArgs) -> anyhow::Result<Exit> {
    let workload = Workload::new(&pattern(args), args.writes, args.seed)
        .map_err(|error| BadConfig::new(error.to_string()))?;
    let references = usize::try_from(args.references).ok().filter(|count| *count > 0);
    let references = references.ok_or_else(|| {
        BadConfig::new(format!("--references {}: expected at least one", args.references))
    })?;
    let written = match args.format {
        GeneratedFormat::Memtide => memtide(args, workload.take(references)),
        GeneratedFormat::OracleGeneral => oracle_general(args, workload.take(references)),
    }?;
    output.print(&fields::WRITTEN.row(&written), text::record)?;
    Ok(Exit::Done)
}

fn pattern(args: &GenerateArgs) -> Pattern {
    let (pages, alpha) = (args.pages, args.alpha);
    let part = |weight, first, pattern| Part { weight, first, pattern };
    match args.pattern {
        PatternName::Sequential => Pattern::Sequential { pages },
        PatternName::Random => Pattern::Random { pages },
        PatternName::Zipf => Pattern::Zipf { pages, alpha },
        PatternName::Mix => Pattern::Mix(vec![
            part(1, 0, Pattern::Sequential { pages: 60_000 }),
            part(7, 100_000, Pattern::Zipf { pages, alpha }),
            part(2, pages.saturating_add(100_000), Pattern::Sequential { pages: 2_000_000 }),
        ]),
    }
}

fn memtide(
    args: &GenerateArgs,
    mut references: impl Iterator<Item = Reference>,
) -> anyhow::Result<Written> {
    let mut writing = Writing::begin(&args.output, Unit::Page)?;
    let mut progress = Progress::new(Some(args.references));
    let (mut batch, mut done) = (Vec::with_capacity(BATCH), 0);
    loop {
        batch.clear();
        let placed = references.by_ref().take(BATCH);
        batch.extend(placed.map(|made| Reference { address: made.address + OBJECTS, ..made }));
        if batch.is_empty() {
            return writing.finish();
        }
        writing.write(&batch)?;
        done += batch.len() as u64;
        progress.tell(done, |_| "generated".to_owned());
    }
}

fn oracle_general(
    args: &GenerateArgs,
    references: impl Iterator<Item = Reference>,
) -> anyhow::Result<Written> {
    let named = || args.output.display().to_string();
    let objects: Vec<u64> = references.map(|reference| reference.page().0).collect();
    let mut sink = BufWriter::new(File::create(&args.output).with_context(named)?);
    write_oracle_general(&mut sink, &objects).with_context(named)?;
    let bytes = fs::metadata(&args.output).with_context(named)?.len();
    Ok(Written { references: args.references, bytes })
}
