//! What a userfaultfd can do, and what is asked of it.

use super::abi;

/// Where the faults of a space are resolved.
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

impl Without {
    const fn bits(self) -> u64 {
        let moves = if self.moves { abi::FEATURE_MOVE } else { 0 };
        let poison = if self.poison { abi::FEATURE_POISON } else { 0 };
        moves | poison
    }
}

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
    /// From the bits of `struct uffdio_api`.
    pub(super) const fn of(bits: u64, kernel_faults: bool) -> Self {
        Self {
            moves: bits & abi::FEATURE_MOVE != 0,
            poison: bits & abi::FEATURE_POISON != 0,
            shares: bits & SHARES == SHARES,
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
    let always =
        abi::FEATURE_PAGEFAULT_FLAG_WP | abi::FEATURE_EXACT_ADDRESS | SHARES | abi::FEATURE_MOVE;
    let by_path = match path {
        FaultPath::InThread => abi::FEATURE_SIGBUS,
        FaultPath::Handler => abi::FEATURE_THREAD_ID,
    };
    (always | by_path) & known & !without.bits()
}
