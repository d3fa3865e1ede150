//! A process of its own that sets the events.

use super::event::SystemEvent;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use crate::Killed;

/// Tells the test that serves from all others.
const SERVES: &str = "MEMTIDE_INJECTOR";

/// What precedes an answer, among what a test program prints itself.
const ANSWER: &str = "injector: ";

/// A process that sets and clears the system's condition events when it is told to, and clears all
/// that it has set when it ends.
#[derive(Debug)]
pub struct Injector {
    _child: Killed,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Injector {
    /// Starts this test program anew, with nothing but the ignored test `injector`, which calls
    /// [`serve`].
    ///
    /// # Panics
    /// Where no process can be had.
    #[must_use]
    pub fn start() -> Self {
        let program = std::env::current_exe().unwrap_or_else(|error| panic!("a path: {error}"));
        let mut command = Command::new(program);
        command.args(["injector", "--exact", "--ignored", "--nocapture"]).env(SERVES, "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("an injector: {error}"));
        let mut child = Killed(child);
        let (Some(commands), Some(out)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            panic!("an injector without pipes")
        };
        Self { _child: child, commands, answers: BufReader::new(out).lines() }
    }

    /// Sets the event of this name.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn set(&mut self, name: &str) {
        self.tell("set", name);
    }

    /// Clears it.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn clear(&mut self, name: &str) {
        self.tell("clear", name);
    }

    /// Sets it and clears it at once.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn pulse(&mut self, name: &str) {
        self.tell("pulse", name);
    }

    /// Makes an event that this system lacks, for as long as the injector lives.
    ///
    /// # Panics
    /// Where the system refuses.
    pub fn create(&mut self, name: &str) {
        self.tell("create", name);
    }

    fn tell(&mut self, command: &str, name: &str) {
        let told = writeln!(self.commands, "{command} {name}");
        told.unwrap_or_else(|error| panic!("telling the injector to {command}: {error}"));
        let answer = self.answers.by_ref().map_while(Result::ok);
        // The first answer stands behind what the test program prints itself, maybe on its line.
        let answer = answer.filter_map(|line| Some(line.split_once(ANSWER)?.1.to_owned())).next();
        assert_eq!(answer.as_deref(), Some("done"), "{command} {name}");
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        // Whoever is killed clears nothing: it is asked first.
        if writeln!(self.commands, "end .").is_ok() {
            let _ = self.answers.by_ref().map_while(Result::ok).find(|l| l.contains(ANSWER));
        }
    }
}

/// What the injector's process does: carries out the commands on its standard input until that
/// ends; nothing in any other process.
pub fn serve() {
    if std::env::var_os(SERVES).is_none() {
        return;
    }
    let mut events = BTreeMap::new();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let Some((command, name)) = line.split_once(' ') else { break };
        let answer = if command == "end" { Ok(()) } else { carry_out(&mut events, command, name) };
        if command == "end" {
            for event in events.values() {
                let _ = SystemEvent::clear(event);
            }
        }
        let answer = answer.map_or_else(|refused| refused, |()| "done".to_owned());
        println!("{ANSWER}{answer}");
    }
}

fn carry_out(
    events: &mut BTreeMap<String, SystemEvent>,
    command: &str,
    name: &str,
) -> Result<(), String> {
    let refused = |status| format!("{name}: NTSTATUS 0x{status:08X}");
    if command == "create" {
        events.insert(name.to_owned(), SystemEvent::create(name).map_err(refused)?);
        return Ok(());
    }
    if !events.contains_key(name) {
        events.insert(name.to_owned(), SystemEvent::open(name).map_err(refused)?);
    }
    let event = &events[name];
    let done = match command {
        "set" => event.set(),
        "clear" => event.clear(),
        "pulse" => event.set().and_then(|()| event.clear()),
        unknown => return Err(format!("'{unknown}' is no command")),
    };
    done.map_err(|error| format!("{name}: {error}"))
}
