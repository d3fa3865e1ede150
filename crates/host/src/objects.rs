//! The nine conditions as named objects: which programs of the machine listen for them.
//!
//! Windows shows its nine events in `\KernelObjects`, and a handle search tells who has one open.
//! Linux has no such objects; a program that waits for memory holds a file open instead: a PSI
//! file, a cgroup's event file, or the waiter counts that every Memtide watcher keeps. So the
//! search goes through the open files of every process there.
//! What no handle and no open file shows is not found: [`NOT_FOUND`].

use crate::{Error, system};
use memtide_core::conditions::{Condition, ConditionSet, Reading};
use std::path::PathBuf;

/// The name of the memory file in which a Memtide watcher keeps its [`Waiters`].
///
/// Linux shows it in /proc/PID/fd as `/memfd:memtide-conditions (deleted)`.
pub const WAITERS_NAME: &str = "memtide-conditions";

/// The length of encoded [`Waiters`], in bytes.
pub const WAITERS_LENGTH: usize = (Condition::COUNT + 1) * size_of::<u32>();

/// Who listens without a handle that shows it, and so is not found.
#[cfg(windows)]
pub const NOT_FOUND: &[&str] = &[
    "drivers that keep a pointer to an event and no handle",
    "programs that ask how much memory is available from time to time",
];

/// Who listens without an open file that shows it, and so is not found.
#[cfg(not(windows))]
pub const NOT_FOUND: &[&str] = &[
    "programs that closed the cgroup files they registered an eventfd with",
    "programs that hear org.freedesktop.LowMemoryMonitor on D-Bus",
    "programs that read /proc/meminfo, or other files, from time to time",
];

/// Whose conditions a watcher judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Judged {
    /// The whole machine's.
    #[default]
    Machine,
    /// A container's.
    Container,
}

/// How many waiters one Memtide watcher has for each condition.
///
/// Encoded: nine little-endian `u32` counts in the order of [`Condition::ALL`], then a
/// little-endian `u32`: 0 for the machine, 1 for a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Waiters {
    /// Waiters by condition, in the order of [`Condition::ALL`].
    pub counts: [u32; Condition::COUNT],
    /// Whose conditions they wait for.
    pub judged: Judged,
}

impl Waiters {
    /// The bytes to keep in the file named [`WAITERS_NAME`].
    #[must_use]
    pub fn encode(&self) -> [u8; WAITERS_LENGTH] {
        let kind = match self.judged {
            Judged::Machine => 0,
            Judged::Container => 1,
        };
        let mut bytes = [0; WAITERS_LENGTH];
        let words = self.counts.into_iter().chain([kind]);
        for (place, word) in bytes.chunks_exact_mut(size_of::<u32>()).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Reads them back; `None` where the bytes are not what [`Waiters::encode`] writes.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; WAITERS_LENGTH] = bytes.try_into().ok()?;
        let word = |place: usize| {
            let bytes = bytes[place * 4..].first_chunk().copied().unwrap_or_default();
            u32::from_le_bytes(bytes)
        };
        let judged = match word(Condition::COUNT) {
            0 => Judged::Machine,
            1 => Judged::Container,
            _ => return None,
        };
        Some(Self { counts: std::array::from_fn(word), judged })
    }

    /// The conditions that someone waits for.
    #[must_use]
    pub fn conditions(&self) -> ConditionSet {
        Condition::ALL.into_iter().filter(|c| self.counts[c.index()] > 0).collect()
    }
}

/// Through which kind of file a program listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A PSI file: /proc/pressure/memory or a cgroup's memory.pressure.
    Pressure,
    /// memory.events or memory.events.local of a cgroup, watched by poll or inotify.
    Events,
    /// A file of a version 1 cgroup that eventfds are registered with or for:
    /// cgroup.event_control, memory.pressure_level, memory.oom_control, memory.usage_in_bytes.
    EventControl,
    /// A Memtide watcher.
    Memtide(Waiters),
    /// One of the nine events themselves (Windows).
    Event(Condition),
}

/// What a program does with the file it listens through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It reads or polls it.
    Reads,
    /// It may write it: a PSI trigger, or a registration in cgroup.event_control.
    Registers,
    /// It may wait for the event (Windows' SYNCHRONIZE).
    Waits,
    /// It may set and clear the event (Windows' EVENT_MODIFY_STATE).
    Modifies,
    /// How it was opened could not be learned.
    Unknown,
}

/// Whose memory a listener hears of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Domain {
    /// The whole machine's.
    Machine,
    /// A cgroup's: its path as the listener's own file names it.
    Cgroup(PathBuf),
    /// The container the listener runs in.
    Container,
}

/// One program that listens through one file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Listener {
    /// Its process.
    pub pid: u32,
    /// The name of the program; `None` where it may not be known.
    pub name: Option<String>,
    /// The kind of file it listens through.
    pub channel: Channel,
    /// What it does with the file.
    pub access: Access,
    /// Whose memory it hears of.
    pub domain: Domain,
    /// The file, as the system names it.
    pub file: PathBuf,
    /// How many times it has the file open in this way.
    pub handles: u32,
}

impl Channel {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pressure => "psi",
            Self::Events => "memory-events",
            Self::EventControl => "event-control",
            Self::Memtide(_) => "memtide",
            Self::Event(_) => "event",
        }
    }
}

impl Access {
    /// The word for it in machine-readable output; `None` where it is unknown.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Reads => Some("reads"),
            Self::Registers => Some("registers"),
            Self::Waits => Some("waits"),
            Self::Modifies => Some("modifies"),
            Self::Unknown => None,
        }
    }
}

impl Listener {
    /// The conditions it listens for.
    ///
    /// Every file of the kernel tells of available memory alone, so it concerns the low-memory
    /// condition; a Memtide watcher says which conditions it has waiters for, and an event of
    /// Windows is a condition.
    #[must_use]
    pub fn conditions(&self) -> ConditionSet {
        match self.channel {
            Channel::Memtide(waiters) => waiters.conditions(),
            Channel::Event(condition) => condition.into(),
            Channel::Pressure | Channel::Events | Channel::EventControl => {
                Condition::LowMemory.into()
            }
        }
    }
}

/// How many hold an event of Windows, whoever they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Holders {
    /// Open handles, in all processes together.
    pub handles: u32,
    /// References of the kernel, those behind the handles among them: it takes many for each
    /// handle in advance.
    pub references: u32,
}

/// Who listens on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// Those found, by process.
    pub found: Vec<Listener>,
    /// How many processes were looked into.
    pub searched: usize,
    /// How many processes could not be looked into for want of a privilege.
    pub closed: usize,
    /// Whether the system hides processes of other users altogether (Linux: hidepid).
    pub others_hidden: bool,
    /// The holders of each event, in the order of [`Condition::ALL`]; `None` where there is no
    /// such event, as on Linux.
    pub holders: [Option<Holders>; Condition::COUNT],
    /// What a reader of the search must know, a sentence each.
    pub remarks: Vec<String>,
}

impl Listeners {
    /// Searches the open files of every process; on Windows, the system's handle table.
    ///
    /// This process is among those searched. Work: one directory a process and one link an open
    /// file, shared by as many threads as there are processors; on Windows the table, and one
    /// call an event handle of other processes where the table hides what it is for.
    ///
    /// # Errors
    /// Where the list of processes itself cannot be read.
    pub fn find() -> Result<Self, Error> {
        system::objects::find()
    }

    /// Those who listen for a condition.
    pub fn of(&self, condition: Condition) -> impl Iterator<Item = &Listener> {
        self.found.iter().filter(move |listener| listener.conditions().contains(condition))
    }
}

/// One listener of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Who listens, and through what.
    pub listener: Listener,
    /// How many waiters it has for the condition; only a Memtide watcher tells.
    pub waiters: Option<u32>,
}

/// One of the nine conditions as the object that it is on Windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its state, level and mark.
    pub reading: Reading,
    /// Who listens for it.
    pub listeners: Vec<Listening>,
    /// How many hold the event (Windows); `None` where there is none.
    pub holders: Option<Holders>,
}

/// The nine objects, as WinObj shows `\KernelObjects`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// The nine, in the order of [`Condition::ALL`].
    pub objects: Vec<Object>,
    /// How many processes were looked into.
    pub searched: usize,
    /// How many processes could not be looked into for want of a privilege.
    pub closed: usize,
    /// Whether the system hides processes of other users altogether (Linux: hidepid).
    pub others_hidden: bool,
    /// What a reader of the search must know, a sentence each.
    pub remarks: Vec<String>,
}

impl Objects {
    /// Puts the conditions and those who listen for them together.
    #[must_use]
    pub fn new(readings: &[Reading; Condition::COUNT], found: &Listeners) -> Self {
        let object = |reading: &Reading| {
            let place = reading.condition.index();
            let listening = |listener: &Listener| Listening {
                waiters: match listener.channel {
                    Channel::Memtide(waiters) => Some(waiters.counts[place]),
                    Channel::Pressure
                    | Channel::Events
                    | Channel::EventControl
                    | Channel::Event(_) => None,
                },
                listener: listener.clone(),
            };
            let listeners = found.of(reading.condition).map(listening).collect();
            Object { reading: *reading, listeners, holders: found.holders[place] }
        };
        let objects = readings.iter().map(object).collect();
        Self {
            objects,
            searched: found.searched,
            closed: found.closed,
            others_hidden: found.others_hidden,
            remarks: found.remarks.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_layout_of_waiters_is_fixed() {
        let mut waiters = Waiters { judged: Judged::Container, ..Waiters::default() };
        waiters.counts[Condition::LowMemory.index()] = 0x0102;
        waiters.counts[Condition::MaximumCommit.index()] = 7;
        let bytes = waiters.encode();
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[..4], [2, 1, 0, 0]);
        assert_eq!(bytes[32..], [7, 0, 0, 0, 1, 0, 0, 0]);
        let conditions = [Condition::LowMemory, Condition::MaximumCommit];
        assert_eq!(waiters.conditions(), ConditionSet::from(conditions));
    }

    #[test]
    fn what_is_not_the_layout_is_refused() {
        let bytes = Waiters::default().encode();
        assert_eq!(Waiters::decode(&bytes[..39]), None);
        assert_eq!(Waiters::decode(&[bytes.as_slice(), &[0]].concat()), None);
        let mut unknown_kind = bytes;
        unknown_kind[36] = 2;
        assert_eq!(Waiters::decode(&unknown_kind), None);
    }

    proptest! {
        #[test]
        fn waiters_read_back(counts: [u32; Condition::COUNT], container: bool) {
            let judged = if container { Judged::Container } else { Judged::Machine };
            let waiters = Waiters { counts, judged };
            prop_assert_eq!(Waiters::decode(&waiters.encode()), Some(waiters));
        }
    }
}
