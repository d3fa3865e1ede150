//! /proc/PID/stat: faults, threads, start.

use std::str::FromStr;

/// What Memtide uses of /proc/PID/stat.
///
/// Source: proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat<'a> {
    /// The number of the process.
    pub pid: u32,
    /// The name of the program, as it gave it: any bytes.
    pub name: &'a [u8],
    /// The letter of its state, such as `S`.
    pub state: u8,
    /// The kernel's flags.
    pub flags: u32,
    /// Page faults that needed no disk, since the start.
    pub minor_faults: u64,
    /// Page faults that did.
    pub major_faults: u64,
    /// Threads.
    pub threads: u32,
    /// When it started, in clock ticks after the machine did.
    pub started_ticks: u64,
}

/// `PF_KTHREAD`: the process is a thread of the kernel. Source: the kernel's sched.h.
const KERNEL_THREAD: u32 = 0x0020_0000;

impl<'a> Stat<'a> {
    /// Reads the text of /proc/PID/stat; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        // A name may hold spaces, newlines and parentheses itself; no field after it does.
        let open = text.iter().position(|b| *b == b'(')?;
        let close = text.iter().rposition(|b| *b == b')')?;
        let name = text.get(open + 1..close)?;
        let pid = number(text[..open].trim_ascii())?;
        let mut fields = text[close + 1..].split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
        let state = *fields.next()?.first()?;
        // The numbers are those of the manual page; what was read last is the third.
        Some(Self {
            pid,
            name,
            state,
            flags: number(fields.nth(9 - 4)?)?,
            minor_faults: number(fields.next()?)?,
            major_faults: number(fields.nth(12 - 11)?)?,
            threads: number(fields.nth(20 - 13)?)?,
            started_ticks: number(fields.nth(22 - 21)?)?,
        })
    }

    /// Whether it is a thread of the kernel.
    #[must_use]
    pub const fn is_kernel_thread(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }
}

/// A decimal number that fits.
pub(super) fn number<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_NAME: &[u8] = b" S 1 2 3 0 -1 4194304 103 9 5 8 0 0 0 0 20 0 3 0 197163 3133440 \
        418 18446744073709551615 0\n";

    #[test]
    fn any_name_reads() {
        for name in
            [b"cat".as_slice(), b"", b") R 1 (", b"a b\nc", b"\xff\xfe", b"((", b"))", b"1 (2) S 3"]
        {
            let text = [b"8041 (", name, b")", AFTER_NAME].concat();
            let stat = Stat::parse(&text).expect("a stat");
            assert_eq!((stat.pid, stat.name, stat.state), (8041, name, b'S'));
            assert_eq!((stat.minor_faults, stat.major_faults), (103, 5));
            assert_eq!((stat.threads, stat.started_ticks), (3, 197_163));
            assert!(!stat.is_kernel_thread());
        }
    }

    #[test]
    fn what_is_no_stat_is_refused() {
        for text in
            ["", "(", ")", ")(", "1 (a)", "1 (a) ", "x (a) S 1", "1 (a) S 1 2 3", "-1 (a) S 1"]
        {
            assert_eq!(Stat::parse(text.as_bytes()), None, "{text:?}");
        }
        let short = [b"1 (a)", &AFTER_NAME[..AFTER_NAME.len() / 2]].concat();
        assert_eq!(Stat::parse(&short), None);
    }
}
