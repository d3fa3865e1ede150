//! What `memtide clean` takes.

use super::parse_duration;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use memtide_core::units::Bytes;
use memtide_host::clean::Region;
use std::time::Duration;

pub(super) const HELP: &str = "\
Without a region the light ones are cleaned. Whatever the order they are named in, regions are
cleaned in the order that works. Amounts are signed: a loss is never shown as a gain. With --cgroup
working-sets, standby and standby-low clean that cgroup alone; the other regions reach the whole
machine.

Two settings of the kernel change meanwhile and are put back: vm.vfs_cache_pressure while page cache
is taken, so that the record of what was taken is kept, and KSM's while pages are combined.

Cleaning does not lower the commit charge, and does not make programs need less: --observe tells
what was fetched back and what that cost.

On Windows cleaning takes an elevated process, the system's own calls cannot be stopped midway, and
pages that left a working set and are used again show as transition faults. Under Wine nothing is
tried: its answers are hollow.

Exit codes: 0 every region was cleaned; 1 not all were (skipped, refused, timed out, in part);
2 usage; 3 the system could not be read; 130 interrupted: the report is printed all the same.

Examples:
  memtide clean --dry-run working-sets standby slab
  memtide clean --observe 30s
  memtide clean standby --limit 2G --timeout 10s
  memtide clean working-sets --exclude firefox --exclude Xorg
  memtide clean standby --cgroup /sys/fs/cgroup/system.slice --json";

/// What `clean` takes.
#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// The regions (default: the light ones).
    #[arg(value_name = "REGION", value_parser = region_parser())]
    pub(crate) regions: Vec<Region>,
    /// Tell what each region would yield, and change nothing.
    #[arg(long, conflicts_with = "observe")]
    pub(crate) dry_run: bool,
    /// Watch for this long what comes back, and give a verdict.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) observe: Option<Duration>,
    /// Stop once so much has been made free, such as 512M or 2G.
    #[arg(long, value_name = "SIZE")]
    pub(crate) limit: Option<Bytes>,
    /// The longest time a region may take (default: as long as it takes).
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Leave this program's working set alone, by its name or its file's; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) exclude: Vec<String>,
    /// Take only this process' working set; may be repeated.
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Vec<u32>,
}

/// The regions of this system, each explained; those of another are known and refused later, with
/// a better reason than an unknown word gets.
fn region_parser() -> impl TypedValueParser<Value = Region> {
    let possible = Region::ALL.map(|region| {
        let help = format!("{} ({})", region.explanation(), region.weight().word());
        PossibleValue::new(region.name()).help(help).hide(!region.is_here())
    });
    PossibleValuesParser::new(possible)
        .try_map(|name| Region::from_name(&name).ok_or("it is no region"))
}
