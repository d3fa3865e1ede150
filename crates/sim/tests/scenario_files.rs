//! What the scenarios of the repository show.

use std::path::PathBuf;

use memtide_core::page::Tick;
use memtide_sim::scenario::Scenario;
use memtide_sim::{Ending, Simulation};

fn text(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let path = folder.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn run(text: &str) -> Simulation {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut simulation = scenario.start(scenario.seed).expect("it begins");
    let ending = simulation.run_until(scenario.duration.unwrap_or(Tick(u64::MAX)));
    assert_ne!(ending, Ending::Stuck);
    simulation.world().manager().verify().expect("a sound state");
    simulation
}

#[test]
fn show() {
    let begin = std::time::Instant::now();
    let simulation = run(&text(&std::env::var("S").unwrap()));
    for process in simulation.processes() {
        let c = process.counters;
        println!(
            "{} {:?} refs {} lost {:?} own {:?} refused {} | zero {} soft {} proto {} hard {} cow {} trimmed {}",
            process.name,
            process.state,
            process.references,
            process.time.lost().0 as f64 / 1e9,
            process.time,
            process.refused,
            c.demand_zero,
            c.soft,
            c.prototype,
            c.hard,
            c.copy_on_write,
            c.trimmed
        );
    }
    let c = simulation.world().manager().counters();
    println!("{c:?}");
    for (at, reading) in simulation.world().readings() {
        println!("{:.3} {:?} {:?}", at.0 as f64 / 1e9, reading.condition, reading.state);
    }
    for s in simulation.samples().iter().step_by(20) {
        println!(
            "{:.2} avail {:?} commit {:?}/{:?} {:?} hard {} trimmed {}",
            s.at.0 as f64 / 1e9,
            s.levels.available,
            s.levels.commit_charge,
            s.levels.commit_limit,
            s.processes.iter().map(|p| (p.working_set, p.counters.hard)).collect::<Vec<_>>(),
            s.counters.hard,
            s.counters.trimmed
        );
    }
    println!("took {:?} end {:?}", begin.elapsed(), simulation.now());
}
