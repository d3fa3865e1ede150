//! What a program calls: memory as Windows has it, on real pages.
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use memtide_core::{
    Allocation, MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, MEM_WRITE_WATCH, PageUse,
    Protection, Refusal, RegionState,
};
#[cfg(target_os = "linux")]
use memtide_core::{MEM_RESET, MEM_RESET_UNDO, OfferPriority};
use memtide_live::{Error, PagedVec, Space};
use support::{
    MIB, NO_ACCESS, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, check, committed, load, machine,
    mark, scrambled, space, store,
};

fn page_use(space: &Space, address: u64) -> Option<PageUse> {
    // What was released may be another test's by now.
    #[cfg(windows)]
    if matches!(space.query(address), Err(Error::Foreign { .. })) {
        return None;
    }
    match space.query(address).expect("an address of the space").state {
        RegionState::Allocated { page_use, .. } => Some(page_use),
        RegionState::Free => None,
    }
}

#[test]
fn memory_is_reserved_committed_protected_decommitted_and_released() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let base = space.allocate(&Allocation::reserved(MIB)).expect("addresses");
            assert_eq!(page_use(&space, base), Some(PageUse::Reserved));
            space.allocate(&Allocation::commit_at(base + MIB / 2, MIB / 4)).expect("memory");
            let info = space.query(base + MIB / 2 + 5).expect("an address of the space");
            assert_eq!((info.base, info.bytes), (base + MIB / 2, MIB / 4));
            let RegionState::Allocated { allocation_base, page_use: found, .. } = info.state else {
                panic!("{info:?}")
            };
            assert_eq!(allocation_base, base);
            assert_eq!(found, PageUse::Committed(Protection::READ_WRITE));
            mark(base + MIB / 2, MIB / 4, 0);

            let before = space.protect(base + MIB / 2, PAGE, READ_ONLY).expect("a protection");
            assert_eq!(before, READ_WRITE);
            let before = space.protect(base + MIB / 2, PAGE, NO_ACCESS).expect("a protection");
            assert_eq!(before, READ_ONLY);
            assert_eq!(
                page_use(&space, base + MIB / 2),
                Some(PageUse::Committed(Protection::NO_ACCESS))
            );
            space.protect(base + MIB / 2, PAGE, READ_WRITE).expect("a protection");
            check(base + MIB / 2, MIB / 4, 0);

            space.free(base + MIB / 2, PAGE, MEM_DECOMMIT).expect("decommitted");
            assert_eq!(page_use(&space, base + MIB / 2), Some(PageUse::Reserved));
            let refused = space.free(base + PAGE, 0, MEM_RELEASE).expect_err("not the base");
            assert!(matches!(refused, Error::Refused(Refusal::FreeNotAtBase { .. })), "{refused}");
            space.free(base, 0, MEM_RELEASE).expect("released");
            assert_eq!(page_use(&space, base), None);
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn decommitted_pages_come_back_as_zeros_even_those_that_were_paged_out() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let bytes = 24 * MIB;
            let base = committed(&space, bytes);
            mark(base, bytes, 0);
            space.free(base, bytes / 2, MEM_DECOMMIT).expect("decommitted");
            space.allocate(&Allocation::commit_at(base, bytes / 2)).expect("memory");
            for page in 0..bytes / 2 / PAGE {
                assert_eq!(load(base + page * PAGE), 0, "{path:?} page {page}");
            }
            for page in bytes / 2 / PAGE..bytes / PAGE {
                assert_eq!(load(base + page * PAGE), scrambled(page), "{path:?} page {page}");
            }
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn write_watch_tells_the_pages_that_were_written_and_no_others() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let bytes = 2 * MIB;
            let kind = MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH;
            let watched = Allocation { kind, ..Allocation::committed(bytes) };
            let base = space.allocate(&watched).expect("watched memory");
            let rest = committed(&space, 24 * MIB);
            let pages = bytes / PAGE;
            let written = |step: u64| -> Vec<u64> {
                (0..pages).filter(|page| page % step == 0).map(|page| base + page * PAGE).collect()
            };
            let watch =
                |resets| space.write_watch(base, bytes, resets, pages as usize).expect("a watch");
            assert_eq!(watch(true), [0; 0], "{path:?}: nothing is written yet");
            for step in [3, 5, 7] {
                written(step).iter().for_each(|page| store(*page, scrambled(*page + step)));
                (0..pages).for_each(|page| assert!(load(base + page * PAGE + 8) == 0));
                // Everything goes out and comes back, which is no write.
                mark(rest, 24 * MIB, step);
                (0..pages).for_each(|page| assert!(load(base + page * PAGE + 8) == 0));
                assert_eq!(watch(false), written(step), "{path:?} step {step}");
                assert_eq!(watch(true), written(step), "{path:?} step {step}, again");
                assert_eq!(watch(true), [0; 0], "{path:?} step {step}, after the reset");
            }
            store(base + 4 * PAGE, 1);
            space.reset_write_watch(base, bytes).expect("a reset");
            assert_eq!(watch(true), [0; 0], "{path:?}");
            for page in written(7) {
                if page != base + 4 * PAGE {
                    assert_eq!(load(page), scrambled(page + 7), "{path:?}");
                }
            }
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_reset_offered_or_discarded_is_whole_or_zeros_and_its_neighbours_stay() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let bytes = 2 * MIB;
            let [reset, offered, discarded, kept] = [0; 4].map(|_| committed(&space, bytes));
            for base in [reset, offered, discarded, kept] {
                mark(base, bytes, base);
            }
            let again = |kind| Allocation { kind, ..Allocation::commit_at(reset, bytes) };
            space.allocate(&again(MEM_RESET)).expect("a reset");
            space.offer(offered, bytes, OfferPriority::VeryLow).expect("an offer");
            assert!(matches!(page_use(&space, offered), Some(PageUse::Offered(_))));
            space.discard(discarded, bytes).expect("a discard");
            let rest = committed(&space, 24 * MIB);
            mark(rest, 24 * MIB, 1);
            // Where some are gone, the call says so.
            let undone = space.allocate(&again(MEM_RESET_UNDO)).is_ok();
            let reclaimed = space.reclaim(offered, bytes);
            for page in 0..bytes / PAGE {
                let expected = |base: u64| scrambled(page + base);
                let found = load(reset + page * PAGE);
                let is_lost = found == 0 && !undone;
                assert!(found == expected(reset) || is_lost, "{path:?} reset page {page}");
                let found = load(offered + page * PAGE);
                let is_lost = found == 0 && reclaimed.is_err();
                assert!(found == expected(offered) || is_lost, "{path:?} offered page {page}");
                let found = load(discarded + page * PAGE);
                assert!(found == 0 || found == expected(discarded), "{path:?} page {page}");
                assert_eq!(load(kept + page * PAGE), expected(kept), "{path:?} page {page}");
            }
            // From then on they are memory like any other.
            for base in [reset, offered, discarded] {
                mark(base, bytes, base + 1);
            }
            mark(rest, 24 * MIB, 2);
            for base in [reset, offered, discarded] {
                check(base, bytes, base + 1);
            }
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_offer_that_is_reclaimed_at_once_is_whole() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let base = committed(&space, MIB);
            mark(base, MIB, 5);
            space.offer(base, MIB, OfferPriority::Normal).expect("an offer");
            space.reclaim(base, MIB).expect("what nobody needed");
            check(base, MIB, 5);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn prefetched_pages_come_without_waiting_for_the_disk() {
    bounded(|| {
        for path in PATHS {
            let machine = machine(8, None);
            let space = space(&machine, path);
            let (base, rest) = (committed(&space, MIB), committed(&space, 24 * MIB));
            mark(base, MIB, 0);
            mark(rest, 24 * MIB, 1);
            // Reading ahead is for memory that nobody needs.
            space.free(rest, 0, MEM_RELEASE).expect("released");
            let before = machine.counters().pages_read;
            space.prefetch(base, MIB).expect("a prefetch");
            let limit = std::time::Instant::now() + std::time::Duration::from_secs(20);
            // Some pages may still be in memory, and need no read.
            let is_at_rest = |m: &memtide_core::Manager| m.snapshot().operations().next().is_none();
            while !machine.inspect(is_at_rest) {
                assert!(std::time::Instant::now() < limit, "{path:?}: a read does not end");
                // Whoever asks in a tight loop keeps the lock from who would answer.
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            assert!(machine.counters().pages_read > before, "{path:?}: nothing is read");
            let hard = machine.counters().hard;
            check(base, MIB, 0);
            assert_eq!(machine.counters().hard, hard, "{path:?}");
        }
    });
}

#[test]
fn a_paged_vector_does_what_a_vector_does() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            let mut ours = PagedVec::<u64>::with_most(&space, 3 << 20).expect("addresses");
            let mut theirs = Vec::new();
            for place in 0..50_000 {
                ours.push(scrambled(place)).expect("room");
                theirs.push(scrambled(place));
            }
            let more: Vec<u64> = (0..2 << 20).map(scrambled).collect();
            ours.extend_from_slice(&more).expect("room");
            theirs.extend_from_slice(&more);
            assert!(ours[..] == theirs[..], "{path:?}: as it was filled");
            ours.truncate(1_999_999);
            theirs.truncate(1_999_999);
            for _ in 0..1000 {
                assert_eq!(ours.pop(), theirs.pop());
            }
            ours.resize(2_100_000).expect("room");
            theirs.resize(2_100_000, 0);
            assert!(ours[..] == theirs[..], "{path:?}: with zeros at its end");
            ours.sort_unstable();
            theirs.sort_unstable();
            assert!(ours[..] == theirs[..], "{path:?}: in order");
            ours.truncate(0);
            assert_eq!((ours.pop(), ours.len()), (None, 0));
            ours.push(1).expect("room");
            assert_eq!(ours[..], [1]);
            let refused = ours.resize((3 << 20) + 1).expect_err("more than the most");
            assert!(matches!(refused, Error::Capacity { .. }), "{refused}");
            assert_eq!(ours[..], [1]);
            drop(ours);
            space.machine().verify().expect("a sound machine");
        }
    });
}

#[test]
fn a_watched_vector_tells_which_of_its_elements_were_written() {
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(8, None), path);
            // Elements of 24 bytes: some lie on two pages.
            let count = 100_000;
            let mut watched = PagedVec::<[u64; 3]>::watched(&space, 2 * count).expect("addresses");
            assert!(watched.written(true).expect("a watch").is_empty());
            watched.resize(count).expect("room");
            for round in 1..4_usize {
                assert!(watched.written(true).expect("a watch").is_empty(), "{path:?}");
                let places: Vec<usize> = (0..50).map(|n| n * n * 37 * round % count).collect();
                places.iter().for_each(|place| watched[*place][2] = scrambled(*place as u64));
                // Everything goes out and comes back, which is no write.
                mark(committed(&space, 24 * MIB), 24 * MIB, 1);
                assert!(watched.iter().filter(|element| element[2] != 0).count() >= 40);
                let written = watched.written(false).expect("a watch");
                assert_eq!(watched.written(true).expect("a watch"), written);
                let is_written = |place| written.iter().any(|range| range.contains(place));
                assert!(places.iter().all(is_written), "{path:?}: {written:?} {places:?}");
                let all: usize = written.iter().map(ExactSizeIterator::len).sum();
                assert!(all <= 50 * (4096 / 24 + 2), "{path:?}: {all} elements");
                assert!(written.is_sorted_by(|one, next| one.end <= next.start), "{written:?}");
            }
            let mut plain = PagedVec::<u64>::zeroed(&space, 1000).expect("memory");
            assert!(matches!(plain.written(true), Err(Error::Refused(_))), "{path:?}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_vector_that_shrinks_pages_nothing_in() {
    bounded(|| {
        let space = space(&machine(8, None), PATHS[0]);
        let count = (32 * MIB / 24) as usize;
        let mut vector = PagedVec::<[u64; 3]>::zeroed(&space, count).expect("memory");
        (0..).zip(vector.iter_mut()).for_each(|(place, element)| *element = [scrambled(place); 3]);
        let before = space.machine().counters();
        vector.truncate(count / 5);
        let after = space.machine().counters();
        // The last element that is kept may share its page, and lie on two.
        assert!(after.hard - before.hard <= 2, "{} hard faults", after.hard - before.hard);
        let rest = (0..).zip(vector.iter()).filter(|(n, element)| **element == [scrambled(*n); 3]);
        assert_eq!(rest.count(), count / 5);
        vector.resize(count).expect("room");
        assert!(vector[count / 5..].iter().all(|element| *element == [0; 3]));
    });
}

#[test]
fn pages_that_may_be_executed_come_beside_pages_that_may_not() {
    const EXECUTE_READ_WRITE: u32 = 0x40;
    bounded(|| {
        for path in PATHS {
            let space = space(&machine(4, None), path);
            let base = committed(&space, 8 * MIB);
            for page in (0..8 * MIB / PAGE).step_by(5) {
                space.protect(base + page * PAGE, PAGE, EXECUTE_READ_WRITE).expect("a protection");
            }
            mark(base, 8 * MIB, 0);
            check(base, 8 * MIB, 0);
            space.machine().verify().expect("a sound machine");
        }
    });
}
