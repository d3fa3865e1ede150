//! Scenarios: what is refused has a place in the text, and what is taken runs for a while.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_core::page::Tick;
use memtide_sim::scenario::Scenario;

/// A machine that is made in no time.
const FRAMES_MAX: u32 = 1 << 14;

const STEPS: u32 = 2_000;

fuzz_target!(|text: &str| {
    match Scenario::parse(text) {
        Err(error) => {
            assert!((1..=text.lines().count() + 1).contains(&error.line), "{error}");
            assert!(error.column >= 1 && !error.problem.is_empty(), "{error}");
        }
        Ok(scenario) => {
            if scenario.machine.manager.frames > FRAMES_MAX || scenario.traces().next().is_some() {
                return;
            }
            let Ok(mut simulation) = scenario.start(scenario.seed) else { return };
            let end = scenario.duration.unwrap_or(Tick::SECOND).min(Tick::SECOND);
            let _ = (0..STEPS).find_map(|_| simulation.step(end));
            simulation.world().manager().verify().expect("a sound state");
        }
    }
});
