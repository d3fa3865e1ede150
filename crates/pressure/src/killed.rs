//! Child processes that end with the test.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A child that is killed however the test ends.
#[derive(Debug)]
pub struct Killed(pub Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Killed {
    /// A shell that has carried out its script and waits.
    ///
    /// # Panics
    /// Where there is no shell, or its script fails.
    #[must_use]
    pub fn shell(script: &str) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("set -e\n{script}\necho ready\nread -r end")]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("a shell: {error}"));
        let mut child = Self(child);
        let mut line = String::new();
        if let Some(out) = child.0.stdout.take() {
            let _ = BufReader::new(out).read_line(&mut line);
        }
        assert_eq!(line, "ready\n", "the script failed: {script}");
        child
    }
}
