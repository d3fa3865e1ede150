//! A call that the system may take minutes over, and that need not be waited for to its end.

use crate::Error;
use crate::clean::{Reins, Stop};
use std::io;
use std::sync::mpsc::{RecvTimeoutError, channel};

/// Makes a call in a thread of its own.
///
/// The thread is left behind when the reins say stop: nothing ends such a call but its own end,
/// and what it does goes on until then.
pub(super) fn make<T: Send + 'static>(
    reins: &Reins<'_>,
    call: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Result<T, Error>, Stop> {
    let (sender, receiver) = channel();
    let spawned = std::thread::Builder::new().name("memtide-clean".into()).spawn(move || {
        // Whoever asked may have stopped waiting.
        let _ = sender.send(call());
    });
    if let Err(error) = spawned {
        return Ok(Err(Error::call("CreateThread", error)));
    }
    loop {
        match receiver.recv_timeout(reins.patience()) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => {
                let gone = io::Error::other("the thread that made the call is gone");
                return Ok(Err(Error::call("CreateThread", gone)));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(stop) = reins.stop() {
            return Err(stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    #[test]
    fn a_call_that_does_not_end_is_left_behind() {
        let (cancel, began) = (AtomicBool::new(false), Instant::now());
        let deadline = began.checked_add(Duration::from_millis(120));
        let reins = Reins { deadline, cancel: &cancel, limit: None, tell: &mut |_| () };
        let (keep, never) = channel::<()>();
        let ended = make(&reins, move || {
            // It ends when the test does.
            let _ = never.recv();
            Ok(())
        });
        assert!(matches!(ended, Err(Stop::TimedOut)));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        drop(keep);
    }

    #[test]
    fn a_cancel_is_heard_and_an_answer_comes_back() {
        let cancel = AtomicBool::new(false);
        let reins = Reins { deadline: None, cancel: &cancel, limit: None, tell: &mut |_| () };
        assert_eq!(make(&reins, || Ok(7)).expect("it ended").expect("an answer"), 7);
        let cancel = AtomicBool::new(true);
        let reins = Reins { deadline: None, cancel: &cancel, limit: None, tell: &mut |_| () };
        let (keep, never) = channel::<()>();
        let ended = make(&reins, move || {
            let _ = never.recv();
            Ok(())
        });
        assert!(matches!(ended, Err(Stop::Cancelled)));
        drop(keep);
    }
}
