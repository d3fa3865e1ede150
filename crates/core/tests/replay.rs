//! The same configuration and the same events give the same outputs, bit for bit.

mod support;

use std::hash::{Hash, Hasher};

use memtide_core::{Config, DirtyTracking, Event, Manager, Output, Refusal, Reply};
use support::walk::Walk;

const STEPS: usize = 4000;

/// FNV-1a: the hasher of the standard library is not the same in every run.
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

fn hash(what: &impl Hash) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    what.hash(&mut hasher);
    hasher.finish()
}

fn machines() -> Vec<Config> {
    let plain = Config::new(96).with_page_file(64, 4096).with_page_file(16, 64);
    let mut faulting = plain.clone();
    faulting.dirty_tracking = DirtyTracking::Fault;
    faulting.policy.demand_zero_max = 16;
    faulting.policy.map_ahead_max = 16;
    vec![
        plain.clone(),
        plain.with_store(16),
        faulting,
        Config::new(128),
        Config::new(48).with_store(20),
    ]
}

/// Applies an event; the hashes of the reply and of each output.
fn apply(manager: &mut Manager, event: &Event) -> Vec<u64> {
    let reply: Result<Reply, Refusal> = manager.apply(event);
    let mut hashes = vec![hash(&reply)];
    while let Some(output) = manager.poll_output() {
        hashes.push(hash(&output));
    }
    hashes
}

#[test]
fn a_recorded_stream_replays_to_the_same_outputs() {
    for (config, seed) in machines().into_iter().zip(1..) {
        let new = || Manager::new(config.clone()).expect("a machine");
        let (mut first, mut walk) = (new(), Walk::new(seed));
        let mut log: Vec<Event> = Vec::new();
        let mut expected: Vec<Vec<u64>> = Vec::new();
        for step in 0..STEPS {
            let (event, reply, outputs): (_, _, Vec<Output>) = walk.step(&mut first);
            if step % 8 == 0 {
                let sound = first.verify();
                assert_eq!(sound, Ok(()), "machine {seed}, step {step}: {event:?}");
            }
            log.push(event);
            let hashes = [hash(&reply)].into_iter().chain(outputs.iter().map(hash));
            expected.push(hashes.collect());
        }
        let replays = [log.clone(), log.iter().map(Event::clone).collect::<Vec<_>>()];
        let (mut second, mut third) = (new(), new());
        for (step, hashes) in expected.iter().enumerate() {
            assert_eq!(apply(&mut second, &log[step]), *hashes, "machine {seed}, step {step}");
            assert_eq!(apply(&mut third, &replays[1][step]), *hashes, "of a cloned event");
        }
        assert_eq!(log, replays[0]);
        assert_eq!(first.counters(), second.counters());
        assert_eq!(first.list_counts(), third.list_counts());
        let counters = first.counters();
        assert!(counters.demand_zero > 50 && counters.soft > 5, "{counters:?}");
    }
}

#[test]
fn different_events_give_different_outputs() {
    let config = machines().remove(0);
    let mut hashes = [Vec::new(), Vec::new()];
    for (seed, hashes) in (7..).zip(&mut hashes) {
        let mut manager = Manager::new(config.clone()).expect("a machine");
        let mut walk = Walk::new(seed);
        for _ in 0..200 {
            let (_, reply, outputs) = walk.step(&mut manager);
            hashes.push((hash(&reply), outputs.iter().map(hash).collect::<Vec<_>>()));
        }
    }
    assert_ne!(hashes[0], hashes[1], "the hashes see what happens");
}
