//! The standard library's hash map (which is hashbrown's) with its memory in a space.

use std::alloc::Layout;
use std::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};
use hashbrown::HashMap;
use memtide_core::{Allocation, MEM_RELEASE};
use memtide_live::Space;
use rand::RngExt;
use rustc_hash::FxBuildHasher;

use crate::support::{MIB, PAGE};
use crate::{BUDGET, random, twice};

/// Gives out memory of a space, a region each time: for what is large.
#[derive(Clone, Copy)]
struct Regions<'a>(&'a Space);

// SAFETY: memory that is allocated is the caller's alone and stays where it is until it is freed,
// whichever copy of the allocator frees it; regions are aligned to 64 KiB.
unsafe impl Allocator for Regions<'_> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.align() as u64 > PAGE {
            return Err(AllocError);
        }
        let wanted = Allocation::committed(layout.size().max(1) as u64);
        let address = self.0.allocate(&wanted).map_err(|_| AllocError)?;
        let start = NonNull::new(address as *mut u8).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, start: NonNull<u8>, _: Layout) {
        self.0.free(start.as_ptr() as u64, 0, MEM_RELEASE).expect("it was allocated");
    }
}

type Map<'a> = HashMap<u64, [u64; 31], FxBuildHasher, Regions<'a>>;

/// Puts, changes and takes at random; how many of each found something.
fn use_map(
    mut put: impl FnMut(u64, [u64; 31]) -> bool,
    mut take: impl FnMut(u64) -> Option<[u64; 31]>,
) -> (u64, u64) {
    let mut random = random(21);
    let (mut replaced, mut sum) = (0, 0_u64);
    for _ in 0..100_000 {
        let key = random.random_range(0..60_000);
        if random.random_range(0..4) > 0 {
            replaced += u64::from(put(key, random.random()));
        } else if let Some(value) = take(key) {
            sum = value.iter().fold(sum, |sum, word| sum.rotate_left(9) ^ word);
        }
    }
    (replaced, sum)
}

#[test]
fn a_hash_map_of_several_times_the_budget_holds_what_one_in_plain_memory_holds() {
    use std::cell::RefCell;
    let plain = RefCell::new(std::collections::HashMap::new());
    let expected = use_map(
        |key, value| plain.borrow_mut().insert(key, value).is_some(),
        |key| plain.borrow_mut().remove(&key),
    );
    let plain = plain.into_inner();
    twice(move |space| {
        let map = RefCell::new(Map::with_hasher_in(FxBuildHasher, Regions(space)));
        let came = use_map(
            |key, value| map.borrow_mut().insert(key, value).is_some(),
            |key| map.borrow_mut().remove(&key),
        );
        assert_eq!(came, expected);
        let map = map.into_inner();
        assert!(map.allocation_size() as u64 > 3 * BUDGET * MIB, "{}", map.allocation_size());
        assert_eq!(map.len(), plain.len());
        let wrong = map.iter().find(|(key, value)| plain.get(*key) != Some(*value));
        assert_eq!(wrong, None, "an entry that is another");
    });
}
