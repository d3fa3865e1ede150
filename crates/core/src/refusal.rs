//! Why a call is refused, with the status Windows gives for it.

use crate::units::Bytes;

/// Why the manager did not do what a program asked. Nothing was changed, but where contents are
/// lost: then what could be brought back was.
///
/// Source: the documentation of each function, and the statuses of [MS-ERREF].
///
/// [MS-ERREF]: https://learn.microsoft.com/openspecs/windows_protocols/ms-erref
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// An argument makes no sense.
    #[error("{what} is {value:#x}: expected {expected}")]
    InvalidParameter {
        /// Which argument.
        what: &'static str,
        /// Its value.
        value: u64,
        /// What would have been right.
        expected: &'static str,
    },
    /// The protection is none of Windows'.
    #[error(
        "{constant:#x} is not a page protection: expected one of the eight, with at most one of \
         guard, no-cache and write-combine, and none of them on no-access"
    )]
    InvalidPageProtection {
        /// The constant given.
        constant: u32,
    },
    /// The range is taken, outside what programs may use, or not inside one region.
    #[error("the {bytes} at {address:#x} are {problem}")]
    ConflictingAddresses {
        /// Where the range begins.
        address: u64,
        /// How long it is.
        bytes: Bytes,
        /// In what way it does not fit.
        problem: &'static str,
    },
    /// No gap of the address space is large enough.
    #[error("no {bytes} of the address space are free in one piece")]
    NoMemory {
        /// What was asked for.
        bytes: Bytes,
    },
    /// The commit charge would pass the limit. Where the page files may still grow an
    /// [`Output::ExtendPageFile`](crate::Output::ExtendPageFile) was left: once it is done, the
    /// same call may succeed.
    #[error("{wanted} more would take the commit charge of {charge} past its limit, {limit}")]
    CommitmentLimit {
        /// What was asked for.
        wanted: Bytes,
        /// The charge as it is.
        charge: Bytes,
        /// The current limit.
        limit: Bytes,
    },
    /// A page of the range is not committed.
    #[error("the page at {address:#x} is not committed")]
    NotCommitted {
        /// The first such page.
        address: u64,
    },
    /// No region begins or lies there.
    #[error("no memory is allocated at {address:#x}")]
    MemoryNotAllocated {
        /// The address given.
        address: u64,
    },
    /// A whole region can only be freed by its base.
    #[error("{address:#x} is not where its region begins: expected {base:#x}")]
    FreeNotAtBase {
        /// The address given.
        address: u64,
        /// Where the region begins.
        base: u64,
    },
    /// The range reaches past its region.
    #[error("the range at {address:#x} does not lie in one region")]
    UnableToFree {
        /// Where the range begins.
        address: u64,
    },
    /// No view is mapped there.
    #[error("no view of a section is mapped at {address:#x}")]
    NotMappedView {
        /// The address given.
        address: u64,
    },
    /// The call is for another kind of region.
    #[error("{address:#x} lies in {found} memory: expected {expected}")]
    WrongKind {
        /// The address given.
        address: u64,
        /// What is there.
        found: &'static str,
        /// What the call is for.
        expected: &'static str,
    },
    /// The section, or the view as it was mapped, does not allow that access.
    #[error("the section or its view allows {allowed:#x}, and {wanted:#x} was asked for")]
    SectionProtection {
        /// The protection of the section or the view, as Windows' constant.
        allowed: u32,
        /// The one asked for.
        wanted: u32,
    },
    /// The view reaches past the section.
    #[error("a view of {bytes} at offset {offset:#x} reaches past the section's {size}")]
    InvalidViewSize {
        /// Bytes asked for.
        bytes: Bytes,
        /// Where in the section.
        offset: u64,
        /// The section's size.
        size: Bytes,
    },
    /// A view's offset or base is not a multiple of the granularity.
    #[error("{value:#x} is not a multiple of the granularity, 64 KiB")]
    MappedAlignment {
        /// The value given.
        value: u64,
    },
    /// Physical memory or a pool cannot give what the call needs.
    #[error("{what}: {wanted} wanted, {free} to be had")]
    InsufficientResources {
        /// What has run out.
        what: &'static str,
        /// What was needed.
        wanted: Bytes,
        /// What is left.
        free: Bytes,
    },
    /// Locking more than the working set's minimum allows.
    #[error("{wanted} locked would pass the {allowed} that the working set's minimum allows")]
    WorkingSetQuota {
        /// Locked afterwards.
        wanted: Bytes,
        /// The most that may be locked.
        allowed: Bytes,
    },
    /// A guard page cannot be locked, and stays a guard page.
    #[error("the page at {address:#x} is a guard page")]
    GuardPage {
        /// The first such page.
        address: u64,
    },
    /// A page that forbids every access cannot be locked.
    #[error("the page at {address:#x} may not be accessed")]
    NoAccess {
        /// The first such page.
        address: u64,
    },
    /// The range is not locked.
    #[error("the page at {address:#x} is not locked")]
    NotLocked {
        /// The first such page.
        address: u64,
    },
    /// The space lacks the privilege.
    #[error("the space does not hold {privilege}")]
    PrivilegeNotHeld {
        /// The privilege by Windows' name.
        privilege: &'static str,
    },
    /// Some of a reset or reclaimed range has lost its bytes; it reads as zeros there.
    #[error("the page at {address:#x} has lost its contents")]
    ContentsLost {
        /// The first such page.
        address: u64,
    },
    /// No such space, section, frame or operation.
    #[error("there is no {what} {number}")]
    NoSuch {
        /// What was named.
        what: &'static str,
        /// By which number.
        number: u64,
    },
}

impl Refusal {
    /// The NTSTATUS of it.
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            Self::InvalidParameter { .. } => 0xC000_000D,
            Self::InvalidPageProtection { .. } => 0xC000_0045,
            Self::ConflictingAddresses { .. } => 0xC000_0018,
            Self::NoMemory { .. } => 0xC000_0017,
            Self::CommitmentLimit { .. } => 0xC000_012D,
            Self::NotCommitted { .. } => 0xC000_002D,
            Self::MemoryNotAllocated { .. } => 0xC000_00A0,
            Self::FreeNotAtBase { .. } => 0xC000_009F,
            Self::UnableToFree { .. } => 0xC000_001A,
            Self::NotMappedView { .. } => 0xC000_0019,
            Self::WrongKind { .. } => 0xC000_000D,
            Self::SectionProtection { .. } => 0xC000_004E,
            Self::InvalidViewSize { .. } => 0xC000_001F,
            Self::MappedAlignment { .. } => 0xC000_0220,
            Self::InsufficientResources { .. } => 0xC000_009A,
            Self::WorkingSetQuota { .. } => 0xC000_00A1,
            Self::GuardPage { .. } => 0xC000_0022,
            Self::NoAccess { .. } => 0xC000_0005,
            Self::NotLocked { .. } => 0xC000_002A,
            Self::PrivilegeNotHeld { .. } => 0xC000_0061,
            Self::ContentsLost { .. } => 0xC000_0001,
            Self::NoSuch { .. } => 0xC000_0008,
        }
    }

    /// The Win32 error of it, as `GetLastError` gives it.
    #[must_use]
    pub const fn win32(self) -> u32 {
        match self {
            Self::InvalidParameter { .. }
            | Self::InvalidPageProtection { .. }
            | Self::UnableToFree { .. }
            | Self::WrongKind { .. }
            | Self::SectionProtection { .. } => 87,
            Self::ConflictingAddresses { .. }
            | Self::NotCommitted { .. }
            | Self::MemoryNotAllocated { .. }
            | Self::FreeNotAtBase { .. }
            | Self::NotMappedView { .. } => 487,
            Self::NoMemory { .. } => 8,
            Self::CommitmentLimit { .. } => 1455,
            Self::InvalidViewSize { .. } | Self::GuardPage { .. } => 5,
            Self::NoAccess { .. } => 998,
            Self::MappedAlignment { .. } => 1132,
            Self::InsufficientResources { .. } => 1450,
            Self::WorkingSetQuota { .. } => 1453,
            Self::NotLocked { .. } => 158,
            Self::PrivilegeNotHeld { .. } => 1314,
            Self::ContentsLost { .. } => 170,
            Self::NoSuch { .. } => 6,
        }
    }
}
