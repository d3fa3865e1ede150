//! What the kernel counts of this process while it works.

use super::memtide::Faults;
use crate::System;
use memtide_core::units::PAGE_SIZE;
use memtide_host::linux::vmstat::Vmstat;
use std::{fs, io};

/// What was counted so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    /// Faults that had to wait for a device.
    pub(super) major_faults: u64,
    /// Bytes read.
    pub(super) read: u64,
    /// Bytes written.
    pub(super) written: u64,
}

impl Counters {
    /// What was counted so far, where this system's reads, writes and faults are counted.
    pub(super) fn now(system: System, faults: Option<Faults<'_>>) -> io::Result<Self> {
        let major_faults = match faults {
            Some(faults) => Some(faults()),
            None => major_faults(&fs::read_to_string("/proc/self/stat")?),
        };
        let (read, written) = match system {
            // Swap is written by whoever needs memory, so only the machine knows how much.
            System::SwapFile | System::SwapZram => {
                let vmstat = Vmstat::parse(&fs::read("/proc/vmstat")?);
                (vmstat.pswpin.map(|p| p * PAGE_SIZE), vmstat.pswpout.map(|p| p * PAGE_SIZE))
            }
            _ => {
                let text = fs::read_to_string("/proc/self/io")?;
                (field(&text, "read_bytes"), field(&text, "write_bytes"))
            }
        };
        Ok(Self {
            major_faults: major_faults.unwrap_or_default(),
            read: read.unwrap_or_default(),
            written: written.unwrap_or_default(),
        })
    }

    /// What was counted since.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            major_faults: self.major_faults.saturating_sub(before.major_faults),
            read: self.read.saturating_sub(before.read),
            written: self.written.saturating_sub(before.written),
        }
    }
}

/// A field of /proc/PID/io.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut fields = text.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(found, _)| *found == name)?.1.parse().ok()
}

/// The major faults of /proc/PID/stat, of which the second field may hold anything in parentheses.
fn major_faults(text: &str) -> Option<u64> {
    /// Fields between the name and the major faults.
    const BETWEEN: usize = 9;
    text.rsplit_once(") ")?.1.split(' ').nth(BETWEEN)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let stat = "7 (a) (b) S 1 7 7 0 -1 4194304 100 200 33 44 5 6";
        assert_eq!(major_faults(stat), Some(33));
        assert_eq!(major_faults("7 (a"), None);
        let io = "rchar: 1\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n";
        assert_eq!((field(io, "read_bytes"), field(io, "write_bytes")), (Some(4096), Some(8192)));
        assert_eq!(field(io, "absent"), None);
    }

    #[test]
    fn this_process_is_counted() {
        for system in System::ALL {
            Counters::now(system, None).expect("the kernel counts");
        }
    }
}
