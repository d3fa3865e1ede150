//! /proc/PID/status: name, user, and memory by kind.

use super::stat::number;
use memtide_core::units::Bytes;

/// What Memtide uses of /proc/PID/status; `None` is a line that isn't there, as for memory in a
/// thread of the kernel and in a zombie.
///
/// Source: proc_pid_status(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The name of the program, as it gave it: any bytes.
    pub name: Option<Vec<u8>>,
    /// The letter of its state, such as `S`.
    pub state: Option<u8>,
    /// Its effective user.
    pub user: Option<u32>,
    /// Whether it is a thread of the kernel; older kernels don't say.
    pub kernel_thread: Option<bool>,
    /// Memory mapped into it now.
    pub resident: Option<Bytes>,
    /// The anonymous part of that.
    pub anonymous: Option<Bytes>,
    /// The part that is of files.
    pub file: Option<Bytes>,
    /// The part that is shared memory or tmpfs.
    pub shared_memory: Option<Bytes>,
    /// Private writable mappings but the stack, touched or not.
    pub data: Option<Bytes>,
    /// The stack of the first thread, touched or not.
    pub stack: Option<Bytes>,
    /// Anonymous memory in swap.
    pub swap: Option<Bytes>,
    /// Threads.
    pub threads: Option<u32>,
}

impl Status {
    /// Reads the text of /proc/PID/status; lines it doesn't know are left out.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut status = Self::default();
        for line in text.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (key, value) = (&line[..colon], &line[colon + 1..]);
            status.set(key, value);
            // The last line that is wanted: most of the text comes after it.
            if status.threads.is_some() {
                break;
            }
        }
        status
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        match key {
            b"Name" => self.name = Some(unescape(value.strip_prefix(b"\t").unwrap_or(value))),
            b"State" => self.state = value.trim_ascii().first().copied(),
            b"Uid" => self.user = words(value).nth(1).and_then(number),
            b"Kthread" => self.kernel_thread = words(value).next().map(|word| word == b"1"),
            b"VmRSS" => self.resident = kib(value),
            b"RssAnon" => self.anonymous = kib(value),
            b"RssFile" => self.file = kib(value),
            b"RssShmem" => self.shared_memory = kib(value),
            b"VmData" => self.data = kib(value),
            b"VmStk" => self.stack = kib(value),
            b"VmSwap" => self.swap = kib(value),
            b"Threads" => self.threads = words(value).next().and_then(number),
            _ => {}
        }
    }

    /// Private writable memory promised: data and stack.
    ///
    /// The kernel charges a private writable mapping when it is made; one made with
    /// `MAP_NORESERVE` is counted here all the same.
    #[must_use]
    pub fn commit(&self) -> Option<Bytes> {
        Some(self.data?.saturating_add(self.stack?))
    }

    /// Files and shared memory mapped into it now.
    #[must_use]
    pub fn shared(&self) -> Option<Bytes> {
        Some(self.file?.saturating_add(self.shared_memory?))
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// An amount such as `  13144 kB`.
pub(super) fn kib(text: &[u8]) -> Option<Bytes> {
    let mut words = words(text);
    let amount = number(words.next()?)?;
    (words.next() == Some(b"kB")).then_some(Bytes::from_kib(amount))
}

/// Turns the `\n` and `\\` that the kernel writes in a name back into the bytes they stand for.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, tail) = match (first, tail.first()) {
            (b'\\', Some(b'n')) => (b'\n', &tail[1..]),
            (b'\\', Some(b'\\')) => (b'\\', &tail[1..]),
            _ => (first, tail),
        };
        name.push(byte);
        rest = tail;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads() {
        let text = b"Name:\ta \\\\ \\n b:\nState:\tS (sleeping)\nUid:\t1000\t1001\t0\t0\n\
            VmRSS:\t   13144 kB\nRssAnon:\t    6668 kB\nRssFile:\t       8 kB\n\
            RssShmem:\t    6468 kB\nVmData:\t   34828 kB\nVmStk:\t     132 kB\n\
            VmSwap:\t       0 kB\nThreads:\t13\nVmRSS:\t1 kB\n";
        let status = Status::parse(text);
        assert_eq!(status.name.as_deref(), Some(b"a \\ \n b:".as_slice()));
        assert_eq!((status.state, status.user, status.threads), (Some(b'S'), Some(1001), Some(13)));
        assert_eq!(status.resident, Some(Bytes::from_kib(13144)));
        assert_eq!(status.commit(), Some(Bytes::from_kib(34960)));
        assert_eq!(status.shared(), Some(Bytes::from_kib(6476)));
        assert_eq!((status.swap, status.kernel_thread), (Some(Bytes::ZERO), None));
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let status = Status::parse(b"Name:\tkthreadd\nKthread:\t1\nThreads:\t1\n");
        assert_eq!((status.resident, status.commit()), (None, None));
        assert_eq!(status.kernel_thread, Some(true));
        let nonsense = Status::parse(b"VmRSS:\nVmSwap:\t-1 kB\nUid:\t0\nVmStk:\t1 MB\n:\nState:\n");
        assert_eq!(nonsense, Status::default());
        assert_eq!(Status::parse(b"Name:\t\xff\xfe\n").name, Some(vec![0xff, 0xfe]));
    }
}
