//! Random operations against a model of what a program may observe. After every step the whole
//! state is proved; every value that is read is the last one written, or what the rules of reset
//! and offer allow, or the access ends in a reported error: never in a wrong byte.
//!
//! `MEMTIDE_SEED` repeats one run, `MEMTIDE_STEPS` sets how long each is, and `MEMTIDE_RUNS` how
//! many there are; `MEMTIDE_TRACE` prints every step.

mod model;
mod support;

use model::run::{Random, Run};

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}")))
}

fn run(seed: u64, steps: u64) {
    let result = std::panic::catch_unwind(|| Run::new(Random::Seed(seed)).steps(steps));
    if let Err(panic) = result {
        eprintln!(
            "repeat it: MEMTIDE_SEED={seed} MEMTIDE_STEPS={steps} cargo test -p memtide-core \
             --test random_operations"
        );
        std::panic::resume_unwind(panic);
    }
}

/// Seeds that once found a defect.
const FOUND: [u64; 0] = [];

/// The runs of one half: each test takes one, so that two processors share the work.
fn runs(half: u64) {
    let steps = number("MEMTIDE_STEPS", 20_000);
    if let Ok(seed) = std::env::var("MEMTIDE_SEED") {
        let seed = seed.parse().expect("MEMTIDE_SEED is a number");
        if half == 0 {
            run(seed, steps);
        }
        return;
    }
    FOUND.into_iter().filter(|seed| seed % 2 == half).for_each(|seed| run(seed, steps));
    let seeds = 0..number("MEMTIDE_RUNS", 100);
    seeds.filter(|seed| seed % 2 == half).for_each(|seed| run(seed, steps));
}

#[test]
fn a_program_observes_what_it_wrote_whatever_the_manager_does() {
    runs(0);
}

#[test]
fn a_program_observes_what_it_wrote_on_other_machines_too() {
    runs(1);
}
