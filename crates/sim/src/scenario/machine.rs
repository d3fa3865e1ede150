//! The machine of a scenario: `[machine]`, `[[disk]]`, `[[page_file]]`, `[compression]`,
//! `[costs]` and `[faults]`.

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_core::{
    Cache, Config, DirtyTracking, FRAMES_MAX, PAGE_FILES_MAX, PageFileConfig, StoreConfig,
};
use serde::Deserialize;
use toml::Spanned;

use super::error::Problem;
use super::file::File;
use super::value::{Placed, Share, Size, Span, Whole, needed, pages, some_time, whole, whole32};
use super::{names, policy, thresholds};
use crate::disk::DiskKind;
use crate::injected::InjectedFaults;
use crate::machine::{Compressibility, Costs, Machine};

const PROCESSORS_MAX: u32 = 256;
const QUEUE_DEPTH_MAX: u32 = 1_024;
const WAYS_MAX: u32 = 1_024;

/// `[machine]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineTable {
    memory: Placed<Size>,
    processors: Placed<Whole>,
    quantum: Placed<Span>,
    cache_size: Placed<Size>,
    cache_ways: Placed<Whole>,
    paged_pool: Placed<Size>,
    nonpaged_pool: Placed<Size>,
    dirty_tracking: Option<Tracking>,
    file_disk: Placed<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Tracking {
    Hardware,
    Fault,
}

/// `[[disk]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiskTable {
    name: Placed<String>,
    kind: Placed<String>,
    read_latency: Placed<Span>,
    write_latency: Placed<Span>,
    seek: Placed<Span>,
    read_bandwidth: Placed<Size>,
    write_bandwidth: Placed<Size>,
    queue_depth: Placed<Whole>,
}

/// `[[page_file]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageFileTable {
    initial: Placed<Size>,
    maximum: Placed<Size>,
    disk: Placed<String>,
}

/// `[compression]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompressionTable {
    maximum: Placed<Size>,
    same: Placed<Share>,
    incompressible: Placed<Share>,
    average: Placed<Whole>,
}

/// `[costs]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CostsTable {
    fault: Option<Span>,
    map: Option<Span>,
    zero: Option<Span>,
    copy: Option<Span>,
    compress: Option<Span>,
    decompress: Option<Span>,
    io: Option<Span>,
}

/// `[faults]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct FaultsTable {
    read_error: Placed<Share>,
    write_error: Placed<Share>,
    extend_error: Placed<Share>,
    lost: Placed<Share>,
    slow: Placed<Share>,
    slow_max: Placed<Span>,
}

/// The machine that a file describes.
///
/// # Errors
/// [`Problem`] with the value that makes no sense.
pub(super) fn read(file: &File) -> Result<Machine, Problem> {
    let table = file.machine.get_ref();
    let manager = manager(file)?;
    let disk_names = names::unique(file.disk.iter().map(|disk| &disk.get_ref().name), "disk")?;
    let disk = |name: &Placed<String>| {
        name.as_ref().map_or(Ok(0), |name| names::find(name, &disk_names, "disk"))
    };
    let mut machine = Machine::new(manager);
    if !file.disk.is_empty() {
        machine.disks = file.disk.iter().map(disk_kind).collect::<Result<_, _>>()?;
    }
    let page_files = file.page_file.iter();
    machine.page_file_disks =
        page_files.map(|table| disk(&table.get_ref().disk)).collect::<Result<_, _>>()?;
    machine.file_disk = disk(&table.file_disk)?;
    machine.processors = whole32(&table.processors, 1, 1..=PROCESSORS_MAX, "processors")?;
    machine.quantum = some_time(&table.quantum, machine.quantum)?;
    if let Some(compression) = &file.compression {
        machine.compressibility = compressibility(compression.get_ref())?;
    }
    machine.costs = costs(&file.costs);
    machine.faults = faults(&file.faults)?;
    Ok(machine)
}

fn manager(file: &File) -> Result<Config, Problem> {
    let (table, span) = (file.machine.get_ref(), file.machine.span());
    let memory = needed(&table.memory, &span, "memory", "expected the size of physical memory")?;
    let frames = pages(memory, u64::from(FRAMES_MAX), "")?;
    let mut config = Config::new(narrow(frames));
    let pool = |said: &Placed<Size>, default| match said {
        Some(size) => pages(size, u64::from(FRAMES_MAX), "").map(Bytes::from_pages),
        None => Ok(default),
    };
    config.paged_pool = pool(&table.paged_pool, config.paged_pool)?;
    config.nonpaged_pool = pool(&table.nonpaged_pool, config.nonpaged_pool)?;
    config.cache = cache(table)?;
    if let Some(Tracking::Fault) = table.dirty_tracking {
        config.dirty_tracking = DirtyTracking::Fault;
    }
    if let Some(beyond) = file.page_file.get(PAGE_FILES_MAX) {
        let text =
            format!("{} page files: expected at most {PAGE_FILES_MAX}", file.page_file.len());
        return Err(Problem::new(beyond.span(), text));
    }
    config.page_files = file.page_file.iter().map(page_file).collect::<Result<_, _>>()?;
    if let Some(compression) = &file.compression {
        let maximum = &compression.get_ref().maximum;
        let what = "expected the most memory that compressed pages may take";
        let maximum = needed(maximum, &compression.span(), "maximum", what)?;
        let frames_max = narrow(pages(maximum, frames, " (all of memory)")?);
        config.store = Some(StoreConfig { frames_max });
    }
    if let Some(table) = &file.policy {
        policy::read(table.get_ref(), &mut config.policy)?;
    }
    config.thresholds = thresholds::read(file.thresholds.as_ref(), &config)?;
    config.check().map_err(|error| Problem::new(span, error.to_string()))?;
    Ok(config)
}

fn cache(table: &MachineTable) -> Result<Cache, Problem> {
    let Cache { bytes, ways } = Cache::default();
    let bytes = match &table.cache_size {
        Some(size) => Bytes::from_pages(pages(size, 1 << 20, "")?).0,
        None => bytes,
    };
    Ok(Cache { bytes, ways: whole32(&table.cache_ways, ways, 1..=WAYS_MAX, "ways")? })
}

fn page_file(table: &Spanned<PageFileTable>) -> Result<PageFileConfig, Problem> {
    let PageFileTable { initial, maximum, .. } = table.get_ref();
    let what = "expected the size that the page file begins with";
    let initial = needed(initial, &table.span(), "initial", what)?;
    let most = u64::from(u32::MAX);
    let first = pages(initial, most, "")?;
    let last = match maximum {
        Some(maximum) => pages(maximum, most, "")?,
        None => first,
    };
    if last < first {
        let placed = maximum.as_ref().unwrap_or(initial);
        let (size, least) = (placed.get_ref().0, initial.get_ref().0);
        let text = format!("a maximum of {size}: expected no less than the initial size, {least}");
        return Err(Problem::new(placed.span(), text));
    }
    Ok(PageFileConfig { initial: narrow(first), maximum: narrow(last) })
}

fn disk_kind(table: &Spanned<DiskTable>) -> Result<DiskKind, Problem> {
    let said = table.get_ref();
    let name = needed(&said.name, &table.span(), "name", "expected what the disk is called")?;
    let mut disk = match &said.kind {
        Some(kind) => named_kind(kind)?,
        None => DiskKind::nvme(),
    };
    disk.name.clone_from(name.get_ref());
    let time = |said: &Placed<Span>, kind| said.as_ref().map_or(kind, |span| span.get_ref().0);
    disk.read_latency = time(&said.read_latency, disk.read_latency);
    disk.write_latency = time(&said.write_latency, disk.write_latency);
    disk.seek = time(&said.seek, disk.seek);
    let bandwidth = |said: &Placed<Size>, kind| match said {
        Some(size) if size.get_ref().0 == Bytes::ZERO => {
            Err(Problem::new(size.span(), "no bytes a second: expected at least one"))
        }
        Some(size) => Ok(size.get_ref().0.0),
        None => Ok(kind),
    };
    disk.read_bandwidth = bandwidth(&said.read_bandwidth, disk.read_bandwidth)?;
    disk.write_bandwidth = bandwidth(&said.write_bandwidth, disk.write_bandwidth)?;
    let (depth, depths) = (disk.queue_depth, 1..=QUEUE_DEPTH_MAX);
    disk.queue_depth = whole32(&said.queue_depth, depth, depths, "places in the queue")?;
    Ok(disk)
}

fn named_kind(kind: &Spanned<String>) -> Result<DiskKind, Problem> {
    DiskKind::named(kind.get_ref()).ok_or_else(|| {
        let known = DiskKind::all().map(|kind| kind.name);
        names::unknown(kind, &known, "kind of disk")
    })
}

fn compressibility(table: &CompressionTable) -> Result<Compressibility, Problem> {
    let default = Compressibility::default();
    let permille = |said: &Placed<Share>, default| match said {
        Some(share) => Share::permille(share),
        None => Ok(default),
    };
    let bytes = whole(&table.average, u64::from(default.bytes), 1..=4_096, "bytes a page")?;
    let same_permille = permille(&table.same, default.same_permille)?;
    Ok(Compressibility {
        same_permille,
        incompressible_permille: permille(&table.incompressible, default.incompressible_permille)?,
        bytes: u16::try_from(bytes).unwrap_or(default.bytes),
    })
}

fn costs(table: &CostsTable) -> Costs {
    let costs = Costs::default();
    let time = |said: Option<Span>, default: Tick| said.map_or(default, |Span(time)| time);
    Costs {
        fault: time(table.fault, costs.fault),
        map: time(table.map, costs.map),
        zero: time(table.zero, costs.zero),
        copy: time(table.copy, costs.copy),
        compress: time(table.compress, costs.compress),
        decompress: time(table.decompress, costs.decompress),
        io: time(table.io, costs.io),
    }
}

fn faults(table: &FaultsTable) -> Result<InjectedFaults, Problem> {
    let permille = |said: &Placed<Share>| said.as_ref().map_or(Ok(0), Share::permille);
    if let (Some(slow), None) = (&table.slow, &table.slow_max) {
        let text = "`slow_max` is missing: expected how much longer a slow transfer takes at most";
        return Err(Problem::new(slow.span(), text));
    }
    Ok(InjectedFaults {
        read_error_permille: permille(&table.read_error)?,
        write_error_permille: permille(&table.write_error)?,
        extend_error_permille: permille(&table.extend_error)?,
        lost_permille: permille(&table.lost)?,
        slow_permille: permille(&table.slow)?,
        slow_max: some_time(&table.slow_max, Tick(0))?,
    })
}

/// Checked to fit.
fn narrow(pages: u64) -> u32 {
    u32::try_from(pages).unwrap_or(u32::MAX)
}
