//! What a userfaultfd can do, and what is asked of it.

use super::abi;
pub(crate) use crate::options::{FaultPath, Without};

/// What one userfaultfd can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// Pages are moved (Linux 6.8), else they are copied.
    pub(crate) moves: bool,
    /// A page can be made one that no access gets through to (Linux 6.6).
    pub(crate) poison: bool,
    /// Pages of a file in memory can be mapped in several places (Linux 6.6).
    pub(crate) shares: bool,
    /// Pages can be protected from writes (Linux 5.7; on aarch64 6.10).
    pub(crate) write_protect: bool,
    /// Faults of system calls are reported, instead of failing them with EFAULT.
    pub(crate) kernel_faults: bool,
    /// A fault's address isn't rounded down to its page (Linux 5.18).
    pub(crate) exact_address: bool,
    /// A fault event names its thread (Linux 4.14).
    pub(crate) thread: bool,
}

impl Features {
    /// From the bits of `struct uffdio_api`: those asked for, and those that the kernel has.
    pub(super) const fn of(bits: u64, known: u64, kernel_faults: bool) -> Self {
        Self {
            moves: bits & abi::FEATURE_MOVE != 0,
            poison: bits & abi::FEATURE_POISON != 0,
            shares: known & SHARES == SHARES,
            write_protect: bits & abi::FEATURE_PAGEFAULT_FLAG_WP != 0,
            kernel_faults,
            exact_address: bits & abi::FEATURE_EXACT_ADDRESS != 0,
            thread: bits & abi::FEATURE_THREAD_ID != 0,
        }
    }
}

/// What mapping a page in several places takes: faults on pages that the file has and the mapping
/// lacks, write protection there, and CONTINUE with protection. No bit tells the last, which is
/// older than POISON.
const SHARES: u64 =
    abi::FEATURE_MINOR_SHMEM | abi::FEATURE_WP_HUGETLBFS_SHMEM | abi::FEATURE_POISON;

/// The bits to ask for, of those that the kernel knows: UFFDIO_API refuses a set with any other.
///
/// Not WP_UNPOPULATED, nor WP_ASYNC, which implies it: they leave marks on missing pages that
/// MOVE and COPY take for pages. Not the events: one that is unread makes COPY fail.
pub(super) const fn wanted(path: FaultPath, without: Without, known: u64) -> u64 {
    let always = abi::FEATURE_PAGEFAULT_FLAG_WP
        | abi::FEATURE_EXACT_ADDRESS
        | abi::FEATURE_MINOR_SHMEM
        | abi::FEATURE_WP_HUGETLBFS_SHMEM
        | if without.poison { 0 } else { abi::FEATURE_POISON }
        | if without.moves { 0 } else { abi::FEATURE_MOVE };
    let by_path = match path {
        FaultPath::InThread => abi::FEATURE_SIGBUS,
        FaultPath::Handler => abi::FEATURE_THREAD_ID,
    };
    (always | by_path) & known
}
