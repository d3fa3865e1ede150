//! A write that the kernel may take long over, and that need not be waited for to its end.

use crate::clean::{Reins, Stop};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};

/// Writes `text` to a control file in one call, in a thread of its own.
///
/// The thread is left behind when the reins say stop: the kernel ends such work when the process
/// ends, at the latest.
pub(super) fn write(path: &Path, text: &str, reins: &Reins<'_>) -> Result<io::Result<()>, Stop> {
    let (sender, receiver) = channel();
    let (path, text) = (path.to_path_buf(), text.to_owned());
    let spawned = std::thread::Builder::new().name("memtide-clean".into()).spawn(move || {
        // Whoever asked may have stopped waiting.
        let _ = sender.send(write_whole(&path, &text));
    });
    if let Err(error) = spawned {
        return Ok(Err(error));
    }
    loop {
        match receiver.recv_timeout(reins.patience()) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(io::Error::other("the writing thread is gone")));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(stop) = reins.stop() {
            return Err(stop);
        }
    }
}

/// One write call: a control file takes its command whole, and an error belongs to the command.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let written = file.write(text.as_bytes())?;
    match written == text.len() {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::WriteZero)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::time::{Duration, Instant};

    #[test]
    fn a_write_that_does_not_end_is_left_behind() {
        let directory = tempfile::tempdir().expect("a directory");
        let fifo = directory.path().join("fifo");
        // Opening a FIFO waits for a reader, which never comes.
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).expect("a FIFO");
        let (cancel, began) = (AtomicBool::new(false), Instant::now());
        let deadline = began.checked_add(Duration::from_millis(120));
        let reins = Reins { deadline, cancel: &cancel, limit: None, tell: &mut |_| () };
        assert!(matches!(write(&fifo, "1", &reins), Err(Stop::TimedOut)));
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn the_systems_error_comes_back() {
        let cancel = AtomicBool::new(false);
        let reins = Reins { deadline: None, cancel: &cancel, limit: None, tell: &mut |_| () };
        let error = write(Path::new("/nowhere/at/all"), "1", &reins).expect("it ended");
        assert_eq!(error.expect_err("no such file").kind(), io::ErrorKind::NotFound);
    }
}
