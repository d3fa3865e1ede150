//! The service, with the system's own service manager.

use std::process::{Command, Output};

fn memtide(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memtide"));
    command.args(arguments).env_remove("MEMTIDE_CONFIG").env_remove("NO_COLOR");
    command.output().expect("memtide runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[cfg(not(windows))]
#[test]
fn elsewhere_the_service_names_systemd_instead() {
    for command in ["install", "uninstall", "run"] {
        let output = memtide(&["service", command]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        let named = format!("service {command} is not supported here");
        assert!(text.contains(&named) && text.contains("systemd"), "{text}");
        assert!(text.contains("ExecStart=/usr/bin/memtide watch"), "{text}");
    }
}

#[cfg(windows)]
mod windows {
    use super::{memtide, stderr};
    use memtide_pressure::windows::SystemEvent;
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    /// Far more than anything here takes.
    const SOON: Duration = Duration::from_secs(30);

    fn sc(arguments: &[&str]) -> String {
        let output = Command::new("sc").args(arguments).output().expect("sc runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits for a line in the log that has this in it.
    fn logged(log: &Path, wanted: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            let text = std::fs::read_to_string(log).unwrap_or_default();
            if let Some(line) = text.lines().find(|line| line.contains(wanted)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no line has '{wanted}': {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the service away, however the test ends.
    struct Installed;

    impl Drop for Installed {
        fn drop(&mut self) {
            memtide(&["service", "uninstall"]);
        }
    }

    /// It takes an administrator, as everybody is under Wine.
    #[test]
    fn the_service_is_installed_runs_logs_what_changes_and_is_taken_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("below").join("conditions.log");
        let install = ["service", "install", "--log", log.to_str().expect("a path")];
        let output = memtide(&install);
        let denied = stderr(&output).contains("os error 5");
        if denied {
            assert_eq!(output.status.code(), Some(3));
            assert!(stderr(&output).contains("administrator"), "{}", stderr(&output));
            return;
        }
        assert!(output.status.success(), "{}", stderr(&output));
        let installed = Installed;
        // The service makes the file itself: what an administrator makes, it may not write.
        assert!(log.parent().is_some_and(Path::exists) && !log.exists());
        let again = memtide(&install);
        assert_eq!(again.status.code(), Some(3));
        assert!(stderr(&again).contains("1073"), "{}", stderr(&again));

        sc(&["start", "Memtide"]);
        logged(&log, "service started");
        let state = sc(&["query", "Memtide"]);
        assert!(state.contains("RUNNING"), "{state}");
        let event = SystemEvent::open("LowMemoryCondition").expect("an administrator may");
        event.set().expect("set");
        let line = logged(&log, "LowMemoryCondition         set");
        event.clear().expect("cleared");
        assert!(line.contains("event"), "{line}");
        logged(&log, "LowMemoryCondition         clear");

        drop(installed);
        logged(&log, "service stopped");
        let gone = memtide(&["service", "uninstall"]);
        assert_eq!(gone.status.code(), Some(3));
        assert!(stderr(&gone).contains("1060"), "{}", stderr(&gone));
    }

    #[test]
    fn on_a_console_the_service_says_who_runs_it() {
        let output = memtide(&["service", "run"]);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("1063") && text.contains("memtide watch"), "{text}");
    }
}
