//! What somebody types into the debugger.
#![no_main]

use libfuzzer_sys::fuzz_target;
use memtide_core::page::Tick;
use memtide_sim::debugger::{Debugger, Plan, Target, commands};
use memtide_sim::scenario::Scenario;

const SCENARIO: &str = "
[machine]
memory = '256KiB'
[[page_file]]
initial = '1MiB'
[[process]]
name = 'editor'
memory = '512KiB'
[[process.phase]]
pattern = 'random'
write_share = 0.5
references = 500
";

fn debugger() -> Debugger {
    let scenario = Scenario::parse(SCENARIO).expect("a scenario");
    let simulation = scenario.start(1).expect("a machine");
    let plan = Plan { end: Some(Tick::SECOND), ..Plan::default() };
    Debugger::new(Target::simulation("fuzz", simulation, plan))
}

fuzz_target!(|text: &str| {
    let mut debugger = debugger();
    for found in commands(text).take(16) {
        let (start, candidates) = debugger.complete(found.command, found.command.len());
        assert!(start <= found.command.len(), "{start}");
        assert!(candidates.iter().all(|name| !name.is_empty()));
        // Saving writes a file wherever it is told to.
        if found.command.starts_with("save") || found.command.starts_with(".dump") {
            continue;
        }
        let _ = debugger.execute(found.command, &mut |_| true);
    }
});
