//! What `sim trace` takes.

use super::values::{format_parser, parse_disk, parse_frames, parse_tick};
use clap::Args;
use memtide_core::page::Tick;
use memtide_sim::DiskKind;
use memtide_sim::trace::Format;
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
The trace is the one process of a machine with so much memory and a page file as large as needed.
A trace does not tell what was in memory before: the first touch of a page fills it, so that it
comes back from the page file once it was evicted. A miss is a first touch or a hard fault; a soft
fault finds its page still in memory.

docs/TRACES.md tells how to make traces, and describes each format.

Exit codes: 0 done; 2 the trace or an argument cannot be used; 3 the trace could not be read.

Examples:
  memtide sim trace sort.memtide
  memtide sim trace sort.lackey.zst --memory 64M --disk hdd
  memtide sim trace server.oracleGeneral.zst --memory 100000p --json
  valgrind --tool=lackey --trace-mem=yes --log-file=words.lackey sort words
  memtide sim trace words.lackey";

/// What `sim trace` takes.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// The trace, or - for standard input; what gzip or zstd compressed is read as it is.
    #[arg(value_name = "TRACE")]
    pub(crate) trace: PathBuf,
    /// Its format (default: by its content, or else by its name).
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    /// The memory of the machine, such as 64M or 1000p for pages, or all for enough (the default).
    #[arg(long, value_name = "SIZE", default_value = "all", value_parser = parse_memory)]
    pub(crate) memory: Memory,
    /// The disk of the page file: hdd, sata-ssd, nvme or network.
    #[arg(long, value_name = "DISK", default_value = "nvme", value_parser = parse_disk)]
    pub(crate) disk: DiskKind,
    /// The time of a reference to a page in memory, with what the program computes between two.
    #[arg(long, value_name = "DURATION", default_value = "10ns", value_parser = parse_tick)]
    pub(crate) reference_time: Tick,
}

/// The memory of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Enough for everything.
    All,
    /// So many pages.
    Frames(u32),
}

fn parse_memory(text: &str) -> Result<Memory, String> {
    match text.trim() {
        "all" => Ok(Memory::All),
        _ => parse_frames(text).map(Memory::Frames).map_err(|error| format!("{error}, or all")),
    }
}
