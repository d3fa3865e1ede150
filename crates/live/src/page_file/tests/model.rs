//! Random reads and writes over a faulty storage, against a model.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::testing::Fault;
use super::*;

const SLOTS: u32 = 256;
const SEEDS: u64 = 1 << 32;

/// What a slot should hold.
#[derive(Clone, Copy, Debug)]
struct Expected {
    seed: u64,
    page: usize,
    /// Nothing went wrong when it was written, as far as the storage knows.
    is_sound: bool,
}

struct Model {
    fixture: Fixture,
    faults: Faults,
    random: Xoshiro256PlusPlus,
    slots: Vec<Option<Expected>>,
    next_seed: u64,
    errors: u64,
}

/// What breaks a write, or a read.
const BREAKS_WRITE: [Fault; 4] =
    [Fault::WriteError, Fault::WriteNoSpace, Fault::TornWrite, Fault::LostWrite];
const BREAKS_READ: [Fault; 2] = [Fault::ReadError, Fault::FlippedBit];

impl Model {
    fn new(seed: u64, encryption: bool) -> Self {
        let faults = Faults::seeded(seed);
        for fault in BREAKS_WRITE.into_iter().chain(BREAKS_READ) {
            faults.set(fault, 20);
        }
        faults.set(Fault::ShortRead, 100);
        faults.set(Fault::ShortWrite, 100);
        faults.set(Fault::Delay, 10);
        faults.set_delay(Duration::from_micros(300));
        Self {
            fixture: Fixture::new(&faulty(&faults, encryption)),
            faults,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            slots: vec![None; SLOTS as usize],
            next_seed: seed % SEEDS,
            errors: 0,
        }
    }

    fn happened(&self, kinds: &[Fault]) -> u64 {
        kinds.iter().map(|fault| self.faults.happened(*fault)).sum()
    }

    /// Writes at once to places that do not overlap.
    fn write(&mut self) {
        let before = self.happened(&BREAKS_WRITE);
        let count = self.random.random_range(1..=8_u32);
        let mut begun = Vec::new();
        for number in 0..count {
            let room = SLOTS / count;
            let pages = self.random.random_range(1..=room.min(6));
            let slot = number * room + self.random.random_range(0..=room - pages);
            self.next_seed += 1;
            self.fixture.begin(slot, pages as usize, self.next_seed);
            begun.push((slot, pages, self.next_seed));
        }
        for _ in &begun {
            let (_, result) = self.fixture.next_told();
            self.errors += u64::from(result.is_err());
        }
        let is_sound = self.happened(&BREAKS_WRITE) == before;
        for (slot, pages, seed) in begun {
            for page in 0..pages {
                let expected = Expected { seed, page: page as usize, is_sound };
                self.slots[(slot + page) as usize] = Some(expected);
            }
        }
    }

    fn read(&mut self) {
        let pages = self.random.random_range(1..=6);
        let slot = self.random.random_range(0..=SLOTS - pages);
        let before = self.happened(&BREAKS_READ);
        let result = self.fixture.read(slot, pages as usize);
        let went_wrong = self.happened(&BREAKS_READ) > before;
        let expected = &self.slots[slot as usize..(slot + pages) as usize];
        match result {
            Ok(read) => {
                for (page, expected) in read.iter().zip(expected) {
                    let Some(Expected { seed, page: number, .. }) = *expected else {
                        panic!("slot {slot}+ was read and never written")
                    };
                    assert!(*page == page_of(seed, number), "wrong bytes from slot {slot} on");
                }
            }
            Err(error) => {
                let is_sound = |slot: &Option<Expected>| slot.is_some_and(|slot| slot.is_sound);
                let is_due = went_wrong || !expected.iter().all(is_sound);
                assert!(is_due, "{error:?} from slot {slot} on: {expected:?}");
                self.errors += 1;
            }
        }
    }

    fn run(&mut self, operations: u32) {
        for _ in 0..operations {
            if self.random.next_u32().is_multiple_of(3) { self.write() } else { self.read() }
        }
        assert!(self.errors > u64::from(operations) / 100, "the faults make errors");
        // Without faults all is well, whatever happened before.
        self.faults.clear();
        let errors = self.errors;
        for slot in (0..SLOTS).step_by(32) {
            self.next_seed += 1;
            let seed = self.next_seed;
            self.fixture.write(slot, 32, seed).expect("a write");
            assert!(self.fixture.read(slot, 32).expect("a read") == pages_of(seed, 0..32));
        }
        assert_eq!(self.errors, errors);
    }
}

#[test]
fn ten_thousand_reads_and_writes_with_faults_give_no_wrong_byte() {
    Model::new(1, false).run(10_000);
}

#[test]
fn encrypted_reads_and_writes_with_faults_give_no_wrong_byte() {
    Model::new(2, true).run(4_000);
}
