//! The fate of a handle in a child that fork made. Alone in its file, for a fork takes no other
//! thread along.
#![cfg(target_os = "linux")]

use memtide_core::conditions::{Condition, State};
use memtide_host::conditions::Conditions;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::time::Duration;

#[test]
fn a_forked_child_is_told_that_it_does_not_know_and_may_open_its_own() {
    let conditions = Conditions::open(&Default::default()).expect("opened");
    // SAFETY: the child makes no use of other threads' state: what it calls takes the locks of
    // this crate (which is what is tested) and of malloc (which glibc hands on in order), and it
    // ends with _exit.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: takes no pointer; a child that hangs is ended by the alarm.
            unsafe { libc::alarm(30) };
            let code = child(&conditions);
            // SAFETY: ends this process at once, without the harness' own end.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let pid = Pid::from_raw(pid).expect("a process");
            let (_, status) =
                waitpid(Some(pid), WaitOptions::empty()).expect("waited").expect("it ended");
            assert_eq!(status.exit_status(), Some(0), "the step that failed in the child");
        }
    }
    assert_eq!(conditions.is_set(Condition::LowMemory), Some(false), "the parent still knows");
}

/// 0, or the number of the step that failed.
fn child(inherited: &Conditions) -> i32 {
    if inherited.readings().iter().any(|reading| reading.state != State::Unknown) {
        return 1;
    }
    if inherited.wait(Condition::LowMemory, None).is_ok() {
        return 2;
    }
    let Ok(own) = Conditions::open(&Default::default()) else { return 3 };
    if own.is_set(Condition::LowMemory) != Some(false) {
        return 4;
    }
    // Its thread runs: a level that does not hold is waited for until the time is out.
    match own.wait(Condition::LowMemory, Some(Duration::from_millis(50))) {
        Ok(None) => 0,
        _ => 5,
    }
}
