//! Files of campaigns: what is taken is written and read back as it is, and does not panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_sim::campaign::{FailureKind, Run, Step};

/// A machine that is proved in no time.
const FRAMES_MOST: u32 = 1 << 10;

const STEPS_MOST: usize = 200;

fuzz_target!(|text: &str| {
    let Ok(mut run) = Run::from_toml(text) else { return };
    assert_eq!(Run::from_toml(&run.to_toml("again")).expect("a run"), run);
    run.machine.frames = run.machine.frames.min(FRAMES_MOST);
    run.steps.truncate(STEPS_MOST);
    run.steps.retain(|step| !matches!(step, Step::Plant { .. }));
    let Ok(outcome) = run.execute() else { return };
    let kind = outcome.failure.map(|failure| failure.kind);
    assert_ne!(kind, Some(FailureKind::Unsound));
    assert_ne!(kind, Some(FailureKind::WrongBytes));
});
