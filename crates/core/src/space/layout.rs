//! Address-space layouts: which addresses a program may use.
//!
//! Source: Microsoft's documentation, "Virtual Address Space", and *Windows Internals*, "Virtual
//! address space layouts"; for Windows 9x, "The Windows 95 memory map" as *Advanced Windows*
//! tells it.

use core::ops::Range;

use crate::page::{ALLOCATION_GRANULARITY, GRANULE_PAGES, PAGE_SHIFT};

const KIB_64: u64 = ALLOCATION_GRANULARITY;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const TIB: u64 = 1 << 40;

/// How the addresses of a space are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Layout {
    /// 32-bit: 2 GB for the program, 2 GB for the system.
    User2System2,
    /// 32-bit with a larger program half: 3 GB for the program, 1 GB for the system.
    User3System1,
    /// Windows 95, 98 and Me: five areas, one of them shared by all processes.
    Windows9x,
    /// 64-bit before Windows 8.1: 8 TB for the program.
    User8T,
    /// 64-bit since Windows 8.1: 128 TB for the program.
    #[default]
    User128T,
}

/// What an area is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AreaKind {
    /// Every access is a violation: it catches null pointers.
    NoAccess,
    /// MS-DOS and 16-bit programs; not for allocation.
    Compatibility,
    /// The program's own.
    Private,
    /// Seen by every process at the same address: mapped views.
    Shared,
    /// The system's own.
    System,
}

/// A part of a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its addresses.
    pub addresses: Range<u64>,
    /// What it is for.
    pub kind: AreaKind,
}

impl Layout {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::User2System2, Self::User3System1, Self::Windows9x, Self::User8T, Self::User128T];

    /// The areas, in ascending order, without gaps.
    #[must_use]
    pub fn areas(self) -> alloc::vec::Vec<Area> {
        let bounds: &[(u64, AreaKind)] = match self {
            Self::User2System2 => &USER_2,
            Self::User3System1 => &USER_3,
            Self::Windows9x => &WINDOWS_9X,
            Self::User8T => &USER_8T,
            Self::User128T => &USER_128T,
        };
        let mut start = 0;
        let area = |(end, kind): &(u64, AreaKind)| {
            let addresses = core::mem::replace(&mut start, *end)..*end;
            Area { addresses, kind: *kind }
        };
        bounds.iter().map(area).collect()
    }

    /// The addresses that private memory may take.
    #[must_use]
    pub const fn private(self) -> Range<u64> {
        match self {
            Self::User2System2 => KIB_64..2 * GIB - KIB_64,
            Self::User3System1 => KIB_64..3 * GIB - KIB_64,
            Self::Windows9x => 4 * MIB..2 * GIB,
            Self::User8T => KIB_64..8 * TIB - KIB_64,
            Self::User128T => KIB_64..128 * TIB - KIB_64,
        }
    }

    /// The addresses that every space with this layout shares.
    #[must_use]
    pub const fn shared(self) -> Option<Range<u64>> {
        match self {
            Self::Windows9x => Some(2 * GIB..3 * GIB),
            _ => None,
        }
    }

    /// The granules of 64 KiB that allocations of private memory may take.
    pub(crate) const fn granules(self) -> Range<u64> {
        granules_of(self.private())
    }

    pub(crate) const fn shared_granules(self) -> Option<Range<u64>> {
        match self.shared() {
            Some(shared) => Some(granules_of(shared)),
            None => None,
        }
    }

    /// Whether a page lies in the shared area.
    pub(crate) const fn shares(self, page: u64) -> bool {
        match self.shared() {
            Some(shared) => page >= shared.start >> PAGE_SHIFT && page < shared.end >> PAGE_SHIFT,
            None => false,
        }
    }
}

const fn granules_of(addresses: Range<u64>) -> Range<u64> {
    let granule = GRANULE_PAGES << PAGE_SHIFT;
    addresses.start / granule..addresses.end / granule
}

const USER_2: [(u64, AreaKind); 4] = [
    (KIB_64, AreaKind::NoAccess),
    (2 * GIB - KIB_64, AreaKind::Private),
    (2 * GIB, AreaKind::NoAccess),
    (4 * GIB, AreaKind::System),
];
const USER_3: [(u64, AreaKind); 4] = [
    (KIB_64, AreaKind::NoAccess),
    (3 * GIB - KIB_64, AreaKind::Private),
    (3 * GIB, AreaKind::NoAccess),
    (4 * GIB, AreaKind::System),
];
const WINDOWS_9X: [(u64, AreaKind); 5] = [
    (KIB_64, AreaKind::NoAccess),
    (4 * MIB, AreaKind::Compatibility),
    (2 * GIB, AreaKind::Private),
    (3 * GIB, AreaKind::Shared),
    (4 * GIB, AreaKind::System),
];
const USER_8T: [(u64, AreaKind); 4] = [
    (KIB_64, AreaKind::NoAccess),
    (8 * TIB - KIB_64, AreaKind::Private),
    (8 * TIB, AreaKind::NoAccess),
    (16 * TIB, AreaKind::System),
];
const USER_128T: [(u64, AreaKind); 4] = [
    (KIB_64, AreaKind::NoAccess),
    (128 * TIB - KIB_64, AreaKind::Private),
    (128 * TIB, AreaKind::NoAccess),
    (256 * TIB, AreaKind::System),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_has_the_areas_that_windows_documents() {
        let private = |layout: Layout| layout.private();
        assert_eq!(private(Layout::User2System2), 0x1_0000..0x7fff_0000);
        assert_eq!(private(Layout::User3System1), 0x1_0000..0xbfff_0000);
        assert_eq!(private(Layout::Windows9x), 0x40_0000..0x8000_0000);
        assert_eq!(private(Layout::User8T), 0x1_0000..0x7ff_ffff_0000);
        assert_eq!(private(Layout::User128T), 0x1_0000..0x7fff_ffff_0000);
        assert_eq!(Layout::Windows9x.shared(), Some(0x8000_0000..0xc000_0000));
        for layout in Layout::ALL {
            let areas = layout.areas();
            assert!(areas.windows(2).all(|pair| pair[0].addresses.end == pair[1].addresses.start));
            let is_private = |area: &&Area| area.kind == AreaKind::Private;
            let found = areas.iter().find(is_private).map(|area| area.addresses.clone());
            assert_eq!(found, Some(layout.private()), "{layout:?}");
        }
        assert_eq!(Layout::Windows9x.areas().len(), 5);
    }
}
