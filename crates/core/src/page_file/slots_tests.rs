use super::*;
use alloc::collections::BTreeSet;
use proptest::prelude::*;

/// What is free, used and bad, one slot at a time.
#[derive(Default)]
struct Model {
    size: u32,
    free: BTreeSet<u32>,
    used: BTreeSet<u32>,
    bad: BTreeSet<u32>,
}

impl Model {
    fn grow(&mut self, size: u32) {
        self.free.extend(self.size..size);
        self.size = size;
    }

    fn clusters(&self) -> u32 {
        self.size.div_ceil(CLUSTER)
    }

    fn longest_run_of(&self, cluster: u32) -> u32 {
        let (mut longest, mut length) = (0, 0);
        for slot in cluster * CLUSTER..(cluster + 1) * CLUSTER {
            length = if self.free.contains(&slot) { length + 1 } else { 0 };
            longest = longest.max(length);
        }
        longest
    }

    fn take(&mut self, wanted: u32, run: Option<SlotRun>) {
        let Some(run) = run else {
            assert!(self.free.is_empty(), "nothing was given of {:?}", self.free);
            return;
        };
        assert!((1..=wanted).contains(&run.count), "{run:?} for {wanted}");
        assert_eq!(run.first / CLUSTER, (run.first + run.count - 1) / CLUSTER, "{run:?}");
        let runs = || (0..self.clusters()).map(|cluster| self.longest_run_of(cluster));
        if run.count < wanted {
            assert!(runs().all(|length| length < CLUSTER), "{run:?} for {wanted}");
            let all_tried = self.clusters() <= PARTIAL_CLUSTERS_TRIED;
            assert!(!all_tried || runs().max() == Some(run.count), "{run:?} for {wanted}");
        }
        for slot in run.first..run.first + run.count {
            assert!(self.free.remove(&slot), "{slot} of {run:?} was not free");
            self.used.insert(slot);
        }
    }

    fn any_used(&self, index: usize) -> Option<u32> {
        self.used.iter().nth(index % self.used.len().max(1)).copied()
    }

    fn check(&self, slots: &Slots) {
        slots.verify().unwrap();
        let count = |set: &BTreeSet<u32>| u32::try_from(set.len()).unwrap();
        assert_eq!(slots.size(), self.size);
        assert_eq!(slots.free(), count(&self.free));
        assert_eq!(slots.used(), count(&self.used));
        assert_eq!(slots.bad(), count(&self.bad));
        for slot in 0..self.size + 70 {
            assert_eq!(slots.is_used(slot), self.used.contains(&slot), "slot {slot}");
        }
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Allocate(u32),
    Release(usize),
    ReleaseMany(usize, usize),
    Retire(usize),
    Grow(u32),
}

fn any_operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => prop_oneof![1..=CLUSTER, Just(1), Just(CLUSTER)].prop_map(Operation::Allocate),
        4 => any::<usize>().prop_map(Operation::Release),
        2 => (any::<usize>(), 1..200_usize).prop_map(|(at, count)| {
            Operation::ReleaseMany(at, count)
        }),
        1 => any::<usize>().prop_map(Operation::Retire),
        1 => (0..150_u32).prop_map(Operation::Grow),
    ]
}

fn run(slots: &mut Slots, model: &mut Model, operation: &Operation) {
    match *operation {
        Operation::Allocate(wanted) => model.take(wanted, slots.allocate(wanted)),
        Operation::Release(index) => {
            if let Some(slot) = model.any_used(index) {
                slots.release(slot);
                model.used.remove(&slot);
                model.free.insert(slot);
            }
        }
        Operation::ReleaseMany(index, count) => {
            let from = model.any_used(index).unwrap_or_default();
            let released: Vec<u32> = model.used.range(from..).take(count).copied().collect();
            for slot in released {
                slots.release(slot);
                model.used.remove(&slot);
                model.free.insert(slot);
            }
        }
        Operation::Retire(index) => {
            if let Some(slot) = model.any_used(index) {
                slots.retire(slot);
                model.used.remove(&slot);
                model.bad.insert(slot);
            }
        }
        Operation::Grow(by) => {
            slots.grow(model.size + by);
            model.grow(model.size + by);
        }
    }
}

proptest! {
    #[test]
    fn the_map_agrees_with_sets_of_slots(
        size in 0..600_u32,
        operations in proptest::collection::vec(any_operation(), 1..80),
    ) {
        let mut slots = Slots::new(size);
        let mut model = Model::default();
        model.grow(size);
        model.check(&slots);
        for operation in &operations {
            run(&mut slots, &mut model, operation);
            model.check(&slots);
        }
        // Whatever happened, all that is free can still be had, and nothing else.
        while slots.free() > 0 {
            model.take(1, slots.allocate(1));
        }
        model.take(1, slots.allocate(1));
        model.check(&slots);
        prop_assert_eq!(slots.used() + slots.bad(), slots.size());
    }

    #[test]
    fn a_summary_finds_the_next_member_in_both_directions_of_growth(
        steps in proptest::collection::vec((0..9000_u32, any::<bool>()), 0..60),
        sizes in (0..5000_u32, 0..5000_u32, any::<bool>()),
        probes in proptest::collection::vec(0..10_000_u32, 1..30),
    ) {
        let (first, more, filled) = sizes;
        let mut summary = Summary::default();
        summary.grow(first, filled);
        summary.grow(first + more, !filled);
        let members = if filled { 0..first } else { first..first + more };
        let mut model: BTreeSet<u32> = members.collect();
        for (cluster, is_member) in steps {
            if cluster < first + more {
                summary.put(cluster, is_member);
                if is_member { model.insert(cluster) } else { model.remove(&cluster) };
            }
        }
        summary.verify(first + more).unwrap();
        for from in probes {
            let next = model.range(from..).next().or(model.first());
            prop_assert_eq!(summary.next_around(from), next.copied());
        }
    }
}

#[test]
fn successive_requests_lie_one_behind_the_other() {
    for wanted in [1, 16, 64] {
        let mut slots = Slots::new(1000);
        for request in 0..10 {
            let run = SlotRun { first: request * wanted, count: wanted };
            assert_eq!(slots.allocate(wanted), Some(run));
        }
    }
}

#[test]
fn what_does_not_fit_behind_the_last_opens_the_next_cluster() {
    let mut slots = Slots::new(256);
    assert_eq!(slots.allocate(40), Some(SlotRun { first: 0, count: 40 }));
    assert_eq!(slots.allocate(40), Some(SlotRun { first: 64, count: 40 }));
    assert_eq!(slots.allocate(24), Some(SlotRun { first: 104, count: 24 }));
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 128, count: 64 }));
    assert_eq!(slots.allocate(2), Some(SlotRun { first: 192, count: 2 }));
    // Only now are gaps filled, and no request runs over the edge of a cluster.
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 194, count: 62 }));
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 40, count: 24 }));
    assert_eq!(slots.allocate(64), None);
}

#[test]
fn a_wholly_free_cluster_goes_before_a_gap_that_would_fit() {
    let mut slots = Slots::new(192);
    slots.allocate(64);
    slots.allocate(64);
    slots.release(10);
    assert_eq!(slots.allocate(1), Some(SlotRun { first: 128, count: 1 }));
}

#[test]
fn the_longest_of_the_near_gaps_is_taken() {
    let mut slots = Slots::new(64 * 4);
    while slots.allocate(64).is_some() {}
    for slot in [3, 64, 65, 128, 129, 130, 192] {
        slots.release(slot);
    }
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 128, count: 3 }));
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 64, count: 2 }));
}

#[test]
fn a_full_file_gives_nothing_until_it_grows() {
    let mut slots = Slots::new(70);
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 0, count: 64 }));
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 64, count: 6 }));
    assert_eq!(slots.allocate(1), None);
    slots.grow(130);
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 70, count: 58 }));
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 128, count: 2 }));
    assert_eq!((slots.free(), slots.used()), (0, 130));
    slots.verify().unwrap();
}

#[test]
fn an_empty_file_gives_nothing() {
    let mut slots = Slots::new(0);
    assert_eq!(slots.allocate(1), None);
    assert!(!slots.is_used(0));
    slots.verify().unwrap();
}

#[test]
fn released_slots_are_reused_until_all_are_used_again() {
    let mut slots = Slots::new(1000);
    while slots.allocate(7).is_some() {}
    assert_eq!(slots.used(), 1000);
    let released: BTreeSet<u32> = (0..1000).step_by(3).collect();
    released.iter().for_each(|slot| slots.release(*slot));
    let mut reused = BTreeSet::new();
    while let Some(run) = slots.allocate(64) {
        reused.extend(run.first..run.first + run.count);
    }
    assert_eq!(reused, released);
    assert_eq!((slots.free(), slots.used()), (0, 1000));
}

#[test]
fn a_retired_slot_is_never_handed_out_again() {
    let mut slots = Slots::new(128);
    slots.allocate(64);
    slots.retire(5);
    for slot in (0..64).filter(|slot| *slot != 5) {
        slots.release(slot);
    }
    assert_eq!((slots.free(), slots.used(), slots.bad()), (127, 0, 1));
    let mut given = BTreeSet::new();
    while let Some(run) = slots.allocate(64) {
        given.extend(run.first..run.first + run.count);
    }
    assert_eq!(given, (0..128).filter(|slot| *slot != 5).collect());
    assert!(!slots.is_used(5));
}

#[test]
fn the_one_free_slot_of_a_large_file_is_found() {
    let mut slots = Slots::new(1 << 26);
    while slots.allocate(64).is_some() {}
    assert_eq!(slots.used(), 1 << 26);
    for slot in [0, 12_345_678, (1 << 26) - 1, 4_096, 33_554_432] {
        slots.release(slot);
        assert_eq!(slots.allocate(64), Some(SlotRun { first: slot, count: 1 }));
        assert_eq!(slots.allocate(64), None);
    }
}

#[test]
fn many_short_gaps_do_not_lengthen_the_search() {
    let mut slots = Slots::new(1 << 18);
    while slots.allocate(64).is_some() {}
    (0..1 << 18).step_by(2).for_each(|slot| slots.release(slot));
    let mut runs = 0;
    while let Some(run) = slots.allocate(64) {
        assert_eq!(run.count, 1);
        runs += 1;
    }
    assert_eq!(runs, 1 << 17);
}

#[test]
fn the_largest_files_are_cheap_to_make() {
    let mut slots = Slots::new(1 << 30);
    assert_eq!(slots.free(), 1 << 30);
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 0, count: 64 }));
    let mut slots = Slots::new(u32::MAX);
    slots.cursor = u32::MAX - 63;
    assert_eq!(slots.allocate(64), Some(SlotRun { first: 0, count: 64 }));
    // As if no cluster were wholly free: the last, incomplete one is all that is left.
    slots.wholly_free = Summary::default();
    slots.wholly_free.grow(1 << 26, false);
    slots.cursor = u32::MAX - 63;
    assert_eq!(slots.allocate(64), Some(SlotRun { first: u32::MAX - 63, count: 63 }));
    assert!(slots.is_used(u32::MAX - 1) && !slots.is_used(u32::MAX));
}

#[test]
#[should_panic(expected = "slot 3 of 64 was released but not used")]
fn releasing_a_free_slot_is_a_bug() {
    Slots::new(64).release(3);
}

#[test]
#[should_panic(expected = "slot 64 of 64 was released but not used")]
fn releasing_a_slot_past_the_end_is_a_bug() {
    Slots::new(64).release(64);
}

#[test]
#[should_panic(expected = "slot 0 of 64 was retired but not used")]
fn retiring_a_slot_twice_is_a_bug() {
    let mut slots = Slots::new(64);
    slots.allocate(1);
    slots.retire(0);
    slots.retire(0);
}

#[test]
#[should_panic(expected = "a page file of 64 slots cannot shrink to 63")]
fn shrinking_is_a_bug() {
    Slots::new(64).grow(63);
}
