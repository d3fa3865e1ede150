//! Sorts of four times the budget.

use memtide_live::{PagedVec, Space};
use rand::RngExt;
use rayon::slice::ParallelSliceMut;

use crate::support::MIB;
use crate::{BUDGET, everywhere, random};

/// Something that is sorted by its key, and tells whether those alike kept their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Record {
    key: u32,
    place: u32,
    value: u64,
}

const RECORDS: usize = (4 * BUDGET * MIB) as usize / size_of::<Record>();

/// Records with a thousand keys, so that many are alike.
fn records() -> impl Iterator<Item = Record> {
    let mut random = random(7);
    (0..RECORDS as u32).map(move |place| Record {
        key: random.random_range(0..1000),
        place,
        value: random.random(),
    })
}

fn in_space<'a>(space: &'a Space) -> PagedVec<'a, Record> {
    let mut managed = PagedVec::zeroed(space, RECORDS).expect("a vector");
    managed.iter_mut().zip(records()).for_each(|(record, made)| *record = made);
    managed
}

/// Sorts both, and compares.
fn sorts_the_same(sort: impl Fn(&mut [Record]) + Clone + Send + 'static) {
    let mut plain: Vec<Record> = records().collect();
    sort(&mut plain);
    everywhere(move |space| {
        let mut managed = in_space(space);
        sort(&mut managed);
        let wrong = managed.iter().zip(&plain).position(|(managed, plain)| managed != plain);
        assert_eq!(wrong, None, "the first record that is another");
    });
}

#[test]
fn a_sort_of_four_times_the_budget_gives_what_it_gives_in_plain_memory() {
    sorts_the_same(|records| records.sort_unstable_by_key(|record| (record.key, record.place)));
}

#[test]
fn a_stable_sort_of_four_times_the_budget_keeps_the_order_of_what_is_alike() {
    sorts_the_same(|records| records.sort_by_key(|record| record.key));
}

#[test]
fn a_sort_by_many_threads_of_four_times_the_budget_gives_what_it_gives_in_plain_memory() {
    sorts_the_same(|records| records.par_sort_unstable_by_key(|record| (record.key, record.place)));
}
