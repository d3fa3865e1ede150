//! Random calls and accesses on real memory, compared with a model of what a program may observe.
//! After every step the whole state of the manager is proved.
//!
//! A run that fails is made short and kept in `tests/properties.regressions`; `PROPTEST_CASES` says
//! how many there are.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod model;
mod steps;
mod support;

use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use memtide_live::FaultPath;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use steps::{Step, step};

/// What runs, for who finds it dead or hanging.
static RUNNING: Mutex<String> = Mutex::new(String::new());

fn say(what: String) {
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = what;
}

/// The longest that all runs of a test may take, shrinking included.
const LIMIT: Duration = Duration::from_secs(240);

/// How many runs there are, unless the environment says.
const CASES: u32 = 24;

fn holds(path: FaultPath, compression: Option<u8>) {
    let (done, ends) = mpsc::channel();
    let test = std::thread::spawn(move || {
        let cases = std::env::var("PROPTEST_CASES").ok();
        let config = ProptestConfig {
            cases: cases.map_or(CASES, |cases| cases.parse().expect("PROPTEST_CASES")),
            failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
                "tests/properties.regressions",
            ))),
            max_shrink_time: 60_000,
            ..ProptestConfig::default()
        };
        let steps = vec(step(), 1..160);
        let found = TestRunner::new(config).run(&steps, |steps: Vec<Step>| {
            steps::run(path, compression, &steps, |number, step| {
                say(format!("{path:?} {compression:?} step {number}, {step:?}, of {steps:?}"));
            })
        });
        let _ = done.send(());
        if let Err(failure) = found {
            panic!("{path:?} {compression:?}: {failure}");
        }
    });
    if ends.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("still running after {LIMIT:?}: {running}");
        std::process::abort();
    }
    if let Err(panic) = test.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn a_program_observes_what_it_wrote_where_faults_are_handled_in_the_thread() {
    holds(FaultPath::InThread, None);
}

#[test]
fn a_program_observes_what_it_wrote_where_handler_threads_handle_faults() {
    holds(FaultPath::Handler, None);
}

#[test]
fn a_program_observes_what_it_wrote_where_pages_are_compressed() {
    holds(FaultPath::InThread, Some(30));
    holds(FaultPath::Handler, Some(30));
}
