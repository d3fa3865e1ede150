//! What `sim fit` takes.

use super::values::{format_parser, parse_disk, parse_pages, parse_tick};
use clap::Args;
use memtide_core::page::Tick;
use memtide_sim::DiskKind;
use memtide_sim::sizing::BadBound;
use memtide_sim::trace::Format;
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
One pass tells the faults of every size of memory, under LRU. The slow-down of a size is

  1 + hard faults x time of a fault / (references x time of a reference)

where a fault takes what the disk needs for a page. First touches take the same time whatever the
memory, and are not counted. The knee is the point furthest below the chord of the curve.

Exit codes: 0 done; 2 the trace or an argument cannot be used; 3 the trace could not be read.

Examples:
  memtide sim fit sort.lackey.zst
  memtide sim fit server.oracleGeneral.bin --slow-down 1.5 --disk hdd
  memtide sim fit sort.memtide --memory 64M,128M,1000p --json | jq .sizes
  memtide sim fit sort.memtide --picture curve.svg";

/// What `sim fit` takes.
#[derive(Debug, Args)]
pub(crate) struct FitArgs {
    /// The trace, or - for standard input; what gzip or zstd compressed is read as it is.
    #[arg(value_name = "TRACE")]
    pub(crate) trace: PathBuf,
    /// Its format (default: by its content, or else by its name).
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    /// The slow-down that is borne: how many times as long as with memory enough.
    #[arg(long, value_name = "FACTOR", default_value = "1.1", value_parser = parse_bound)]
    pub(crate) slow_down: f64,
    /// The disk that pages come back from: hdd, sata-ssd, nvme or network.
    #[arg(long, value_name = "DISK", default_value = "nvme", value_parser = parse_disk)]
    pub(crate) disk: DiskKind,
    /// The time of a reference to a page in memory, with what the program computes between two.
    #[arg(long, value_name = "DURATION", default_value = "10ns", value_parser = parse_tick)]
    pub(crate) reference_time: Tick,
    /// Tell about these sizes, such as 64M or 1000p for pages (default: some that show the curve).
    #[arg(long, value_name = "SIZE", value_delimiter = ',', value_parser = parse_pages)]
    pub(crate) memory: Vec<u64>,
    /// About how many sizes show the curve.
    #[arg(long, value_name = "NUMBER", default_value = "20", conflicts_with = "memory")]
    pub(crate) points: usize,
    /// Draw the curve with its knee, as SVG or PNG by the name of the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
}

fn parse_bound(text: &str) -> Result<f64, String> {
    let bound: f64 = text.parse().map_err(|_| format!("'{text}' is no factor, such as 1.1"))?;
    BadBound::check(bound).map_err(|error| error.to_string())?;
    Ok(bound)
}
