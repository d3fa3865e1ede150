//! How threads of a machine agree, in every order in which they can meet with at most three
//! preemptions: the files that hold the protocols, with loom's atomics in the place of the
//! processor's.
#![cfg(target_os = "linux")]
#![cfg(target_os = "linux")]
#![allow(dead_code, unreachable_pub, reason = "the files have more than a protocol each")]
#![allow(clippy::cast_possible_truncation, reason = "addresses here are small")]

mod support;

/// Tries a protocol in every order.
fn in_every_order(protocol: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(protocol);
}

/// What stands in the place of `crate::sync`.
mod sync {
    use std::cell::Cell;

    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
    use loom::sync::{Condvar, Mutex};
    use rustix::time::Timespec;

    /// What is wrong with the words that threads sleep on, to show that it would be found.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Defect {
        /// Who wakes comes before who sleeps, and is forgotten.
        SleepsWithoutLooking,
        /// Nobody is woken.
        WakesNobody,
    }

    std::thread_local! {
        pub(crate) static DEFECT: Cell<Option<Defect>> = const { Cell::new(None) };
    }

    /// A word that threads sleep on, as the kernel has it: it looks at the word, and who wakes
    /// comes before the look or finds the sleeper.
    #[derive(Debug, Default)]
    pub(crate) struct Futex {
        word: AtomicU32,
        queue: Mutex<()>,
        bell: Condvar,
    }

    impl Futex {
        pub(crate) fn load(&self, order: Ordering) -> u32 {
            self.word.load(order)
        }

        pub(crate) fn store(&self, word: u32, order: Ordering) {
            self.word.store(word, order);
        }

        pub(crate) fn add(&self, count: u32, order: Ordering) {
            self.word.fetch_add(count, order);
        }

        pub(crate) fn wait(&self, word: u32, _: Option<&Timespec>) {
            let queue = self.queue.lock().expect("not poisoned");
            let looks = DEFECT.get() != Some(Defect::SleepsWithoutLooking);
            if !looks || self.word.load(Ordering::SeqCst) == word {
                drop(self.bell.wait(queue).expect("not poisoned"));
            }
        }

        pub(crate) fn wake(&self) {
            let _queue = self.queue.lock().expect("not poisoned");
            if DEFECT.get() != Some(Defect::WakesNobody) {
                self.bell.notify_all();
            }
        }
    }
}

#[path = "../src/pager"]
mod pager {
    pub(super) mod bed;
    pub(super) mod changes;
    pub(super) mod turns;

    use loom::sync::atomic::AtomicBool;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use crate::in_every_order;
    use crate::support::in_child;
    use crate::sync::{DEFECT, Defect, Ordering};

    /// Runs a protocol in every order with a defect, which must be found; in a process of its own,
    /// for it is the end of that.
    fn finds(defect: Defect, test: &str, protocol: impl Fn() + Sync + Send + 'static) {
        let output = in_child(test, "", || {
            DEFECT.set(Some(defect));
            in_every_order(protocol);
        });
        let said = String::from_utf8_lossy(&output.stderr);
        let is_child = std::env::var("MEMTIDE_TEST_CHILD").is_ok();
        assert!(is_child || said.contains("deadlock"), "{}: {said}", output.status);
    }

    /// Who waits to be told, with who tells; the place is used again.
    fn tell_and_wait() {
        let bed = Arc::new(bed::Bed::default());
        let answer = Arc::new(Mutex::new(None));
        bed.make();
        let teller = thread::spawn({
            let (bed, answer) = (Arc::clone(&bed), Arc::clone(&answer));
            move || {
                *answer.lock().expect("not poisoned") = Some(7);
                bed.tell();
            }
        });
        bed.wait();
        assert_eq!(answer.lock().expect("not poisoned").take(), Some(7), "told before it woke");
        bed.make();
        teller.join().expect("no panic");
    }

    #[test]
    fn who_waits_to_be_told_is_woken_whenever_it_lies_down() {
        in_every_order(tell_and_wait);
    }

    #[test]
    fn a_sleep_that_does_not_look_at_its_word_is_found() {
        let test = "pager::a_sleep_that_does_not_look_at_its_word_is_found";
        finds(Defect::SleepsWithoutLooking, test, tell_and_wait);
    }

    #[test]
    fn a_teller_that_wakes_nobody_is_found() {
        let test = "pager::a_teller_that_wakes_nobody_is_found";
        finds(Defect::WakesNobody, test, tell_and_wait);
    }

    /// Who waits for a condition, as `Pager::wait_until` does, with who sets it.
    fn set_and_wait() {
        let changes = Arc::new(changes::Changes::default());
        let is_set = Arc::new(Mutex::new(false));
        let setter = thread::spawn({
            let (changes, is_set) = (Arc::clone(&changes), Arc::clone(&is_set));
            move || {
                *is_set.lock().expect("not poisoned") = true;
                changes.tell();
            }
        });
        loop {
            let seen = changes.seen();
            if *is_set.lock().expect("not poisoned") {
                break;
            }
            changes.wait(seen, None);
        }
        setter.join().expect("no panic");
    }

    #[test]
    fn who_waits_for_a_condition_misses_no_change() {
        in_every_order(set_and_wait);
    }

    #[test]
    fn a_condition_that_is_set_unseen_between_look_and_sleep_is_found() {
        let test = "pager::a_condition_that_is_set_unseen_between_look_and_sleep_is_found";
        finds(Defect::SleepsWithoutLooking, test, set_and_wait);
    }

    /// A fault that waits for the lock, with a caller that has had it and wants it again: what
    /// `Pager::take_turn` and `Locked::release` do.
    fn take_turns() {
        let turns = Arc::new(turns::Turns::default());
        let lock = Arc::new(Mutex::new(0));
        let ends = Arc::new(AtomicBool::new(false));
        let fault = thread::spawn({
            let (turns, lock, ends) = (Arc::clone(&turns), Arc::clone(&lock), Arc::clone(&ends));
            move || {
                // Loom does not try every order with a lock that is only tried, so that comes first
                // here what comes second there.
                let mut held = turns.take(|| lock.lock().expect("not poisoned"));
                *held += 1;
                ends.store(true, Ordering::Relaxed);
            }
        });
        {
            let held = lock.lock().expect("not poisoned");
            let turn = turns.now();
            drop(held);
            turns.give_way(turn);
        }
        fault.join().expect("no panic");
        assert_eq!(*lock.lock().expect("not poisoned"), 1);
        assert!(ends.load(Ordering::Relaxed));
    }

    #[test]
    fn who_gives_way_to_a_fault_goes_on_once_that_has_had_its_turn() {
        in_every_order(take_turns);
    }

    #[test]
    fn a_turn_that_wakes_nobody_is_found() {
        let test = "pager::a_turn_that_wakes_nobody_is_found";
        finds(Defect::WakesNobody, test, take_turns);
    }
}

#[path = "../src/fault_path"]
mod fault_path {
    pub(super) mod entry;

    use entry::{Entry, Registered};
    use loom::sync::Arc;
    use loom::thread;

    use crate::in_every_order;
    use crate::sync::{AtomicPtr, AtomicU32, AtomicU64};

    fn unused() -> Entry<u8, u8> {
        Entry {
            version: AtomicU32::new(0),
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            pager: AtomicPtr::new(std::ptr::null_mut()),
            handler: AtomicPtr::new(std::ptr::null_mut()),
            space: AtomicU32::new(0),
            is_in_thread: AtomicU32::new(0),
        }
    }

    /// A space from one address to another, whose number tells both.
    const fn space(start: u64, end: u64) -> Registered<u8, u8> {
        Registered {
            start,
            end,
            pager: std::ptr::null_mut(),
            handler: std::ptr::null_mut(),
            space: (start * 100 + end) as u32,
            is_in_thread: true,
        }
    }

    fn is_whole(found: &Registered<u8, u8>) -> bool {
        found.space == space(found.start, found.end).space
    }

    #[test]
    fn an_address_is_of_its_space_whatever_spaces_come_and_go_beside_it() {
        in_every_order(|| {
            let entry = Arc::new(unused());
            assert!(entry.register(&space(10, 20)));
            let other = thread::spawn({
                let entry = Arc::clone(&entry);
                move || {
                    entry.clear();
                    assert!(entry.register(&space(40, 50)));
                }
            });
            // It is in neither space, but between the start of the one and the end of the other.
            assert!(entry.find(30).is_none());
            other.join().expect("no panic");
        });
    }

    #[test]
    fn an_entry_that_is_found_is_whole() {
        in_every_order(|| {
            let entry = Arc::new(unused());
            let other = thread::spawn({
                let entry = Arc::clone(&entry);
                move || assert!(entry.register(&space(40, 50)))
            });
            if let Some(found) = entry.find(45) {
                assert!(is_whole(&found));
            }
            other.join().expect("no panic");
            assert!(entry.find(45).is_some_and(|found| is_whole(&found)));
        });
    }

    #[test]
    fn an_entry_is_one_spaces() {
        in_every_order(|| {
            let entry = Arc::new(unused());
            let others = [(10, 20), (40, 50)].map(|(start, end)| {
                let entry = Arc::clone(&entry);
                thread::spawn(move || entry.register(&space(start, end)))
            });
            let registered = others.map(|thread| thread.join().expect("no panic"));
            assert_eq!(registered.iter().filter(|is| **is).count(), 1);
            let found = [15, 45].map(|address| entry.find(address).is_some());
            assert_eq!(found, registered);
        });
    }
}
