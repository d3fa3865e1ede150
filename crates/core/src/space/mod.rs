//! Address spaces: regions, page tables, a working set, and what they charge.

pub(crate) mod descriptor_tree;
pub(crate) mod layout;
pub(crate) mod page_table;
pub(crate) mod page_uses;
pub(crate) mod pte;
pub(crate) mod region;
pub(crate) mod runs;

pub(crate) mod allocate;
pub(crate) mod free;
pub(crate) mod large_pages;
pub(crate) mod lock;
pub(crate) mod offer;
pub(crate) mod physical;
pub(crate) mod prefetch;
pub(crate) mod process;
pub(crate) mod protect;
pub(crate) mod query;
pub(crate) mod reset;
pub(crate) mod set_aside;
pub(crate) mod stack;
pub(crate) mod write_watch;
pub(crate) mod write_watch_map;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use crate::commit::Charge;
use crate::counters::Counters;
use crate::page::{GRANULE_PAGES, Pfn, SpaceId, narrow};
use crate::refusal::Refusal;
use crate::working_set::{Limits, list::WorkingSetList};
use descriptor_tree::{Descriptor, DescriptorTree};
use layout::Layout;
use region::Region;
use set_aside::SetAside;

/// What a space may do that not everyone may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Privileges {
    /// `SeLockMemoryPrivilege`: physical pages and large pages.
    pub lock_memory: bool,
}

/// What a new space is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SpaceConfig {
    /// How its addresses are divided.
    pub layout: Layout,
    /// What it may do.
    pub privileges: Privileges,
    /// The priority of its pages, 0 to 7; `None` takes the policy's.
    pub page_priority: Option<u8>,
}

/// An address space.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Space {
    pub(crate) root: u32,
    pub(crate) config: SpaceConfig,
    pub(crate) descriptors: DescriptorTree,
    regions: Vec<Option<Region>>,
    unused: Vec<u32>,
    pub(crate) working_set: WorkingSetList,
    pub(crate) limits: Limits,
    pub(crate) working_set_peak: u32,
    pub(crate) priority: u8,
    pub(crate) next_colour: u32,
    pub(crate) physical: Vec<Pfn>,
    pub(crate) physical_charge: Charge,
    /// Page tables below the root.
    pub(crate) tables: u64,
    pub(crate) counters: Counters,
    /// For the faults of private pages, and of pages of views.
    pub(crate) set_aside: [SetAside; 2],
}

impl Space {
    pub(crate) fn new(root: u32, config: SpaceConfig, limits: Limits, priority: u8) -> Self {
        Self {
            root,
            config,
            descriptors: DescriptorTree::new(),
            regions: Vec::new(),
            unused: Vec::new(),
            working_set: WorkingSetList::new(),
            limits,
            working_set_peak: 0,
            priority,
            next_colour: 0,
            physical: Vec::new(),
            physical_charge: Charge::NOTHING,
            tables: 0,
            counters: Counters::default(),
            set_aside: Default::default(),
        }
    }

    /// The region that holds a page, by its number.
    #[inline]
    pub(crate) fn region_at(&self, page: u64) -> Option<u32> {
        let found = self.descriptors.containing(page / GRANULE_PAGES)?;
        let region = self.regions[found.region as usize].as_ref()?;
        (page >= region.first && page < region.end()).then_some(found.region)
    }

    /// Whether there is a region of this number, and it holds the page.
    #[inline]
    fn is_in(&self, number: u32, page: u64) -> bool {
        let region = self.regions.get(number as usize).and_then(Option::as_ref);
        region.is_some_and(|region| page >= region.first && page < region.end())
    }

    #[inline]
    pub(crate) fn region(&self, number: u32) -> &Region {
        match &self.regions[number as usize] {
            Some(region) => region,
            None => panic!("region {number} is not in use"),
        }
    }

    #[inline]
    pub(crate) fn region_mut(&mut self, number: u32) -> &mut Region {
        match &mut self.regions[number as usize] {
            Some(region) => region,
            None => panic!("region {number} is not in use"),
        }
    }

    /// The region that holds all of a range of pages.
    ///
    /// # Errors
    /// [`Refusal::ConflictingAddresses`] where none does.
    pub(crate) fn region_of(&self, pages: &Range<u64>) -> Result<u32, Refusal> {
        let outside = |problem| Refusal::ConflictingAddresses {
            address: pages.start << crate::page::PAGE_SHIFT,
            bytes: crate::units::Bytes(crate::page::bytes(pages.end - pages.start)),
            problem,
        };
        let number = self.region_at(pages.start).ok_or(outside("not allocated"))?;
        if !self.region(number).holds(pages) {
            return Err(outside("not in one region"));
        }
        Ok(number)
    }

    pub(crate) fn insert(&mut self, region: Region) -> u32 {
        let granules = region.granules();
        let number = match self.unused.pop() {
            Some(number) => {
                self.regions[number as usize] = Some(region);
                number
            }
            None => {
                self.regions.push(Some(region));
                narrow(self.regions.len() - 1)
            }
        };
        let (start, end) = (granules.start, granules.end);
        self.descriptors.insert(Descriptor { start, end, region: number });
        number
    }

    pub(crate) fn remove(&mut self, number: u32) -> Region {
        let Some(region) = self.regions[number as usize].take() else {
            panic!("region {number} is not in use")
        };
        self.descriptors.remove(region.granules().start);
        self.unused.push(number);
        region
    }

    /// The regions in ascending order of addresses.
    pub(crate) fn regions(&self) -> impl Iterator<Item = (u32, &Region)> {
        self.descriptors.iter().map(|found| (found.region, self.region(found.region)))
    }
}

/// The pages that a range of bytes touches.
///
/// # Errors
/// [`Refusal::InvalidParameter`] where it is empty or wraps around.
pub(crate) fn pages_in(address: u64, bytes: u64) -> Result<Range<u64>, Refusal> {
    crate::page::pages_of(address, bytes).ok_or(Refusal::InvalidParameter {
        what: "the size",
        value: bytes,
        expected: "at least one byte within the address space",
    })
}

/// All spaces.
#[derive(Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Spaces {
    spaces: Vec<Option<Space>>,
    unused: Vec<u32>,
    count: u32,
    /// Which region a granule was last found in, by a hash of space and granule. The region itself
    /// proves a hint right, so that a wrong or an old one costs a search and nothing else.
    #[cfg_attr(feature = "serde", serde(skip, default = "no_hints"))]
    hints: Box<[u32]>,
}

/// A power of two; the hints of as many granules fit in a processor's nearest cache.
const HINT_BITS: u32 = 13;

impl Default for Spaces {
    fn default() -> Self {
        Self { spaces: Vec::new(), unused: Vec::new(), count: 0, hints: no_hints() }
    }
}

fn no_hints() -> Box<[u32]> {
    alloc::vec![0; 1 << HINT_BITS].into_boxed_slice()
}

impl Spaces {
    /// The region that holds a page, by its number: without a search where the last one for the
    /// same granule found it.
    #[inline]
    pub(crate) fn region_at(&mut self, id: SpaceId, page: u64) -> Option<u32> {
        let space = self.spaces.get(id.0 as usize)?.as_ref()?;
        let key = (page / GRANULE_PAGES) ^ (u64::from(id.0) << 48);
        let place = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - HINT_BITS);
        let hint = &mut self.hints[place as usize];
        if space.is_in(*hint, page) {
            return Some(*hint);
        }
        let found = space.region_at(page)?;
        *hint = found;
        Some(found)
    }

    #[inline]
    pub(crate) fn find(&self, id: SpaceId) -> Option<&Space> {
        self.spaces.get(id.0 as usize)?.as_ref()
    }

    #[inline]
    pub(crate) fn find_mut(&mut self, id: SpaceId) -> Option<&mut Space> {
        self.spaces.get_mut(id.0 as usize)?.as_mut()
    }

    /// A space that the manager knows to exist.
    #[inline]
    pub(crate) fn get(&self, id: SpaceId) -> &Space {
        match self.find(id) {
            Some(space) => space,
            None => panic!("space {} is gone", id.0),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, id: SpaceId) -> &mut Space {
        match self.find_mut(id) {
            Some(space) => space,
            None => panic!("space {} is gone", id.0),
        }
    }

    /// The number that the next space gets.
    pub(crate) fn next_id(&self) -> SpaceId {
        SpaceId(self.unused.last().copied().unwrap_or(narrow(self.spaces.len())))
    }

    pub(crate) fn insert(&mut self, space: Space) -> SpaceId {
        let id = self.next_id();
        match self.unused.pop() {
            Some(number) => self.spaces[number as usize] = Some(space),
            None => self.spaces.push(Some(space)),
        }
        self.count += 1;
        id
    }

    pub(crate) fn remove(&mut self, id: SpaceId) -> Option<Space> {
        let space = self.spaces.get_mut(id.0 as usize)?.take()?;
        self.unused.push(id.0);
        self.count -= 1;
        Some(space)
    }

    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// One past the highest number in use.
    pub(crate) fn end(&self) -> u32 {
        narrow(self.spaces.len())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SpaceId, &Space)> {
        let numbered = (0..).map(SpaceId).zip(&self.spaces);
        numbered.filter_map(|(id, space)| Some((id, space.as_ref()?)))
    }
}
