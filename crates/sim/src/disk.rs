//! A disk: how long a transfer takes, and how many go on side by side.
//!
//! A transfer waits for one of the disk's places in its queue, then for the latency (and a seek,
//! where it does not follow the transfer before), then for the one path all data takes.

use std::collections::VecDeque;

use memtide_core::page::{PAGE_SIZE, Tick};

/// What a disk is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskKind {
    /// What it is called.
    pub name: String,
    /// The time to the first byte of a read.
    pub read_latency: Tick,
    /// The time to the first byte of a write.
    pub write_latency: Tick,
    /// The time it takes besides to reach a place that does not follow the last one.
    pub seek: Tick,
    /// Bytes a second, reading.
    pub read_bandwidth: u64,
    /// Bytes a second, writing.
    pub write_bandwidth: u64,
    /// Transfers that go on side by side; at least 1.
    pub queue_depth: u32,
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const MEGABYTE: u64 = 1_000_000;

impl DiskKind {
    /// A hard disk of 7200 turns a minute: half a turn, and a seek.
    #[must_use]
    pub fn hdd() -> Self {
        Self::new("hdd", [4_200 * MICROSECOND; 2], 8 * MILLISECOND, [200, 180], 1)
    }

    /// A solid-state disk on SATA.
    #[must_use]
    pub fn sata_ssd() -> Self {
        Self::new("sata-ssd", [90 * MICROSECOND, 60 * MICROSECOND], 0, [550, 500], 32)
    }

    /// A solid-state disk on `PCIe`.
    #[must_use]
    pub fn nvme() -> Self {
        Self::new("nvme", [70 * MICROSECOND, 20 * MICROSECOND], 0, [3_500, 2_500], 64)
    }

    /// A disk on the other side of a network of 10 Gbit/s.
    #[must_use]
    pub fn network() -> Self {
        Self::new("network", [500 * MICROSECOND; 2], 0, [1_100, 1_100], 32)
    }

    /// The disks that have a name.
    #[must_use]
    pub fn all() -> [Self; 4] {
        [Self::hdd(), Self::sata_ssd(), Self::nvme(), Self::network()]
    }

    /// The disk of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|kind| kind.name == name)
    }

    fn new(
        name: &str,
        latency: [u64; 2],
        seek: u64,
        megabytes: [u64; 2],
        queue_depth: u32,
    ) -> Self {
        Self {
            name: name.to_owned(),
            read_latency: Tick(latency[0]),
            write_latency: Tick(latency[1]),
            seek: Tick(seek),
            read_bandwidth: megabytes[0] * MEGABYTE,
            write_bandwidth: megabytes[1] * MEGABYTE,
            queue_depth,
        }
    }
}

/// Which way data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the disk.
    Read,
    /// To the disk.
    Write,
}

/// What a disk has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Pages read.
    pub pages_read: u64,
    /// Pages written.
    pub pages_written: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// The time for which data was on its way, summed over transfers.
    pub busy: Tick,
}

/// A disk at work.
#[derive(Clone, Debug)]
pub struct Disk {
    kind: DiskKind,
    /// When each place in the queue is free again. Data goes one after the other, so that what
    /// begins later ends later, and the first place is the one that is free first.
    places: VecDeque<Tick>,
    /// When the path of all data is free again.
    path_free: Tick,
    /// The page after the last transfer.
    head: u64,
    counters: DiskCounters,
}

impl Disk {
    /// A disk at rest.
    #[must_use]
    pub fn new(kind: DiskKind) -> Self {
        let depth = usize::try_from(kind.queue_depth.max(1)).unwrap_or(1);
        let places = VecDeque::from(vec![Tick(0); depth]);
        let (path_free, head) = (Tick(0), u64::MAX);
        Self { kind, places, path_free, head, counters: DiskCounters::default() }
    }

    /// What it is like.
    #[must_use]
    pub const fn kind(&self) -> &DiskKind {
        &self.kind
    }

    /// What it has done.
    #[must_use]
    pub const fn counters(&self) -> DiskCounters {
        self.counters
    }

    /// Begins a transfer of so many pages from or to a place, in pages; when it ends.
    pub fn begin(&mut self, now: Tick, direction: Direction, place: u64, pages: u64) -> Tick {
        let (latency, bandwidth) = match direction {
            Direction::Read => (self.kind.read_latency, self.kind.read_bandwidth),
            Direction::Write => (self.kind.write_latency, self.kind.write_bandwidth),
        };
        let seek = if place == self.head { Tick(0) } else { self.kind.seek };
        self.head = place + pages;
        let transfer = Tick(transfer_time(pages * PAGE_SIZE, bandwidth));
        let begun = now.max(self.places.pop_front().unwrap_or(now));
        let ready = begun.after(latency).after(seek);
        let end = ready.max(self.path_free).after(transfer);
        self.path_free = end;
        self.places.push_back(end);
        self.count(direction, pages, Tick(end.0 - begun.0));
        end
    }

    fn count(&mut self, direction: Direction, pages: u64, busy: Tick) {
        let counters = &mut self.counters;
        match direction {
            Direction::Read => {
                counters.reads += 1;
                counters.pages_read += pages;
            }
            Direction::Write => {
                counters.writes += 1;
                counters.pages_written += pages;
            }
        }
        counters.busy = counters.busy.after(busy);
    }
}

/// Nanoseconds for so many bytes.
fn transfer_time(bytes: u64, bandwidth: u64) -> u64 {
    let bandwidth = bandwidth.max(1);
    // All but the largest transfers are told without the slow division.
    if let Some(product) = bytes.checked_mul(1_000_000_000) {
        return product / bandwidth;
    }
    let nanoseconds = u128::from(bytes) * 1_000_000_000 / u128::from(bandwidth);
    u64::try_from(nanoseconds).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_takes_its_latency_and_its_bytes() {
        let mut disk = Disk::new(DiskKind::nvme());
        let end = disk.begin(Tick(0), Direction::Read, 0, 64);
        assert_eq!(end.0, 70_000 + 262_144 * 1_000 / 3_500);
        assert_eq!(disk.counters().pages_read, 64);
    }

    #[test]
    fn a_hard_disk_seeks_unless_it_goes_on_where_it_was() {
        let mut disk = Disk::new(DiskKind::hdd());
        let first = disk.begin(Tick(0), Direction::Read, 100, 1);
        let next = disk.begin(first, Direction::Read, 101, 1);
        let far = disk.begin(next, Direction::Read, 5_000, 1);
        assert_eq!((far.0 - next.0) - (next.0 - first.0), 8_000_000);
    }

    #[test]
    fn side_by_side_transfers_share_the_latency_and_not_the_bandwidth() {
        let mut disk = Disk::new(DiskKind::sata_ssd());
        let ends: Vec<u64> =
            (0..3).map(|n| disk.begin(Tick(0), Direction::Read, n * 1_000, 25).0).collect();
        let transfer = 102_400 * 1_000 / 550;
        assert_eq!(ends[0], 90_000 + transfer);
        assert_eq!(ends[1] - ends[0], transfer);
        assert_eq!(ends[2] - ends[1], transfer);
    }

    #[test]
    fn a_full_queue_makes_the_next_one_wait() {
        let mut disk = Disk::new(DiskKind::hdd());
        let first = disk.begin(Tick(0), Direction::Read, 0, 1);
        let second = disk.begin(Tick(0), Direction::Read, 1, 1);
        assert!(second.0 >= first.0 + 4_200_000, "{second:?} after {first:?}");
    }

    #[test]
    fn each_disk_is_found_by_its_name() {
        for kind in DiskKind::all() {
            assert_eq!(DiskKind::named(&kind.name), Some(kind));
        }
        assert_eq!(DiskKind::named("tape"), None);
    }
}
