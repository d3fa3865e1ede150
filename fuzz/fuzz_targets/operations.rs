//! Operations of a fuzzer's choice against the model of what a program may observe.
#![no_main]

#[path = "../../crates/core/tests/model/mod.rs"]
mod model;
#[path = "../../crates/core/tests/support/mod.rs"]
mod support;

use libfuzzer_sys::fuzz_target;
use model::run::{Random, Run};

fuzz_target!(|choices: &[u8]| {
    let random = Random::Bytes(choices.iter().copied().collect());
    Run::new(random).steps(u64::MAX);
});
