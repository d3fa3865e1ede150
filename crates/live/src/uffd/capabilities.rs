//! What this machine and this user allow a space.

use std::fs::File;

use rustix::fd::AsFd;
use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, opcode};

use super::features::FaultPath;
use super::open::OpenError;
use super::{Features, Uffd};

/// What works here, each tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The kernel's release, such as `6.18.0`; empty where it isn't told.
    pub kernel: String,
    /// Whether faults can be resolved in the thread that takes them.
    pub in_thread: Result<(), OpenError>,
    /// Whether faults can be resolved by a handler thread, those of system calls too.
    pub handler: Result<(), OpenError>,
    /// Pages are moved instead of copied (Linux 6.8).
    pub moves: bool,
    /// Writes to a page can be caught (Linux 5.7).
    pub write_protect: bool,
    /// A page can be made unreadable (Linux 6.6).
    pub poison: bool,
    /// Pages of sections can be mapped in several places (Linux 6.6).
    pub shares: bool,
    /// Pages can be found by their state (Linux 6.7).
    pub pagemap_scan: bool,
}

impl Capabilities {
    /// Tries each, on memory of its own or none.
    #[must_use]
    pub fn look() -> Self {
        let in_thread = Uffd::open(FaultPath::InThread);
        let handler = Uffd::open(FaultPath::Handler);
        let features = in_thread.as_ref().or(handler.as_ref()).map(Uffd::features);
        let has = |feature: fn(Features) -> bool| features.is_ok_and(feature);
        Self {
            kernel: kernel(),
            moves: has(|features| features.moves),
            write_protect: has(|features| features.write_protect),
            poison: has(|features| features.poison),
            shares: has(|features| features.shares),
            pagemap_scan: scan_nothing().is_ok(),
            in_thread: in_thread.map(drop),
            handler: handler.map(drop),
        }
    }
}

fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    release.trim_end().to_owned()
}

/// `struct pm_scan_arg`: its own size, flags, start, end, and eight words more.
type ScanArgument = [u64; 12];

const PAGEMAP_SCAN: Opcode = opcode::read_write::<ScanArgument>(b'f', 16);

fn scan_nothing() -> Result<(), Errno> {
    let pagemap = File::open("/proc/self/pagemap").map_err(|_| Errno::NOENT)?;
    let mut argument: ScanArgument = [0; 12];
    argument[0] = size_of::<ScanArgument>() as u64;
    // SAFETY: PAGEMAP_SCAN reads and writes a `struct pm_scan_arg` of the size that it says, which
    // lives through the call; without a vector of regions nothing else is written.
    let request = unsafe { Updater::<PAGEMAP_SCAN, _>::new(&mut argument) };
    // SAFETY: as above.
    unsafe { rustix::ioctl::ioctl(pagemap.as_fd(), request) }
}
