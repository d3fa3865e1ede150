//! What a machine, its page file and its spaces are made of.

use std::path::PathBuf;

use memtide_core::conditions::Thresholds;
use memtide_core::units::Bytes;

/// What a machine is made of: its budget, its page file, its compression store.
///
/// On Windows the native manager decides most of that: all but the budget, the marks and the page
/// file's maximum must be as they are by default.
#[derive(Clone, Debug)]
pub struct MachineOptions {
    /// The most memory that all of its spaces hold at a time, buffers and compressed pages
    /// included; at least 4 MiB.
    pub budget: Bytes,
    /// The page file; `None` keeps everything in memory.
    pub page_file: Option<PageFileOptions>,
    /// How many percent of the budget compressed pages may take at most; `None` compresses nothing.
    pub compression: Option<u8>,
    /// The marks of the conditions; `None` takes Windows' formulas.
    pub thresholds: Option<Thresholds>,
    /// What to do without though the kernel has it, to see what a program does on an older one.
    pub without: Without,
}

impl MachineOptions {
    /// A machine of a budget, with a page file of the default directory and no compression.
    #[must_use]
    pub fn new(budget: Bytes) -> Self {
        Self {
            budget,
            page_file: Some(PageFileOptions::default()),
            compression: None,
            thresholds: None,
            without: Without::default(),
        }
    }
}

/// What a space is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpaceOptions {
    /// Where its faults are handled.
    pub path: FaultPath,
    /// How many addresses it has; they cost nothing until they are used. On Windows, how large its
    /// regions may be together.
    pub addresses: Bytes,
    /// Whether it may lock physical pages and use large ones (`SeLockMemoryPrivilege`).
    pub lock_memory: bool,
}

impl Default for SpaceOptions {
    fn default() -> Self {
        Self { path: FaultPath::InThread, addresses: Bytes(1 << 40), lock_memory: false }
    }
}

/// Where the faults of a space are resolved. On Windows the kernel does it, in the thread that
/// faults, and for system calls too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultPath {
    /// In the thread that faults, by a signal: the fastest, and any user may have it. A system
    /// call that meets a page that isn't there fails with EFAULT.
    InThread,
    /// By a thread of the space: system calls meet their pages too. It takes privilege.
    Handler,
}

/// What the kernel's userfaultfd has and is not to be used, as on a kernel that lacks it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Without {
    /// Pages are copied, as before Linux 6.8, and not moved.
    pub moves: bool,
    /// Pages are made unreachable by their protection, as before Linux 6.6, and not by poison.
    pub poison: bool,
}

/// What a page file is made of.
#[derive(Clone, Debug)]
pub struct PageFileOptions {
    /// Where it lies; it is never visible there.
    pub directory: PathBuf,
    /// How large it is at first.
    pub initial: Bytes,
    /// How large it may grow; at most 16 TiB less a page.
    pub maximum: Bytes,
    /// Whether what lies on the disk is encrypted, with a key that this process alone knows.
    pub encryption: bool,
    /// Whether it goes around the kernel's page cache.
    pub direct: Direct,
    /// How it is written.
    pub io: IoEngine,
    /// What goes wrong, in tests.
    #[cfg(target_os = "linux")]
    #[doc(hidden)]
    pub faults: Option<crate::page_file::testing::Faults>,
}

/// Whether a page file goes around the kernel's page cache, which would keep the pages in memory
/// that are written out to save it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direct {
    /// Where the file system can.
    #[default]
    Auto,
    /// Not; the kernel is told after each access to forget the pages.
    Never,
}

/// How a page file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IoEngine {
    /// By io_uring where it may be used and nothing is encrypted, which takes a thread longer than
    /// the disk does; else by threads.
    #[default]
    Auto,
    /// By io_uring.
    Ring,
    /// By threads that call pwrite.
    Threads,
}

impl Default for PageFileOptions {
    /// Up to 16 GiB where temporary files go, on a disk if possible.
    fn default() -> Self {
        Self {
            directory: crate::page_file::default_directory(),
            initial: Bytes::from_mib(16),
            maximum: Bytes::from_mib(16 << 10),
            encryption: false,
            direct: Direct::default(),
            io: IoEngine::default(),
            #[cfg(target_os = "linux")]
            faults: None,
        }
    }
}
