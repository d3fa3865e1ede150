//! What the core's common operations cost in instructions, which repeat, and the least time each
//! was seen to take: `cargo bench -p memtide-core --bench instructions`.
//!
//! It starts itself under `valgrind --tool=callgrind` twice for each operation, with different
//! numbers of rounds; what the rounds differ by is what they cost. An argument chooses the
//! operations whose names hold it (`-- trim`).

mod scene;

use std::error::Error;
use std::process::{Command, ExitCode};

use scene::{HOT, MACHINES, Operation, Scene};

/// Rounds under callgrind, each of [`HOT`] operations.
const ROUNDS: (u64, u64) = (1, 3);

/// Rounds by the clock.
const TIMED_ROUNDS: u32 = 200;

/// The first argument of a run under callgrind.
const COUNTED: &str = "--counted";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [mode, machine, operation, rounds] if mode == COUNTED => {
            run_counted(machine, operation, rounds)
        }
        // As a test it would take minutes.
        _ if !arguments.iter().any(|argument| argument == "--bench") => {
            println!("instructions: run it with `cargo bench`");
            Ok(())
        }
        _ => print_table(arguments.iter().find(|argument| !argument.starts_with('-'))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The operations, or those whose name holds the filter, on each machine.
fn print_table(filter: Option<&String>) -> Result<(), Box<dyn Error>> {
    let has_valgrind = Command::new("valgrind").arg("--version").output().is_ok();
    if !has_valgrind {
        eprintln!("instructions: valgrind is not installed: only times are printed");
    }
    let mut scenes: Vec<Scene> = MACHINES.into_iter().map(Scene::new).collect();
    let names: Vec<&str> = MACHINES.iter().map(|machine| machine.name).collect();
    let [small, large] = names[..] else { return Err("two machines are compared".into()) };
    println!("| operation | ns, {small} | ns, {large} | instructions, {small} | {large} |");
    println!("|---|--:|--:|--:|--:|");
    for (number, operation) in Operation::ALL.into_iter().enumerate() {
        if filter.is_some_and(|filter| !operation.name().contains(filter.as_str())) {
            continue;
        }
        let mut cells = Vec::new();
        for scene in &mut scenes {
            cells.push(format!("{:.1}", scene.least(operation, TIMED_ROUNDS)));
        }
        for machine in 0..MACHINES.len() {
            cells.push(match has_valgrind {
                true => format!("{:.0}", instructions(machine, number)?),
                false => "–".to_owned(),
            });
        }
        println!("| {} | {} |", operation.name(), cells.join(" | "));
    }
    Ok(())
}

/// Instructions of one operation.
fn instructions(machine: usize, operation: usize) -> Result<f64, Box<dyn Error>> {
    let few = collected(machine, operation, ROUNDS.0)?;
    let many = collected(machine, operation, ROUNDS.1)?;
    let operations = (ROUNDS.1 - ROUNDS.0) * HOT as u64;
    Ok(many.saturating_sub(few) as f64 / operations as f64)
}

/// What callgrind counted in so many rounds.
fn collected(machine: usize, operation: usize, rounds: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*perform_measured*")
        .arg(std::env::current_exe()?)
        .args([COUNTED, &machine.to_string(), &operation.to_string(), &rounds.to_string()])
        .output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find_map(|line| line.split_once("Collected :"));
    match line {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => Err(format!("callgrind failed: {told}").into()),
    }
}

/// The part that runs under callgrind: warm rounds, and those that count.
fn run_counted(machine: &str, operation: &str, rounds: &str) -> Result<(), Box<dyn Error>> {
    let machine = *MACHINES.get(machine.parse::<usize>()?).ok_or("no such machine")?;
    let operation = *Operation::ALL.get(operation.parse::<usize>()?).ok_or("no such operation")?;
    let mut scene = Scene::new(machine);
    // One round more than is measured: what the first grows is there for the others.
    for _ in 0..rounds.parse::<u64>()? {
        scene.prepare(operation);
        scene.perform_measured(operation);
    }
    // Taking a machine of 1 TiB apart is not measured, and slow under callgrind.
    std::mem::forget(scene);
    Ok(())
}
