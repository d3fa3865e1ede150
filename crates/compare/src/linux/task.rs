//! What a worker is told to do, and how a line of JSON goes from process to process.

use crate::{Content, Pattern, Run, System};
use memtide_core::units::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Task {
    pub(super) pattern: Pattern,
    pub(super) system: System,
    budget: u64,
    bytes: u64,
    pub(super) content: Content,
    pub(super) seed: u64,
    pub(super) directory: PathBuf,
    /// The memory cgroup to join.
    pub(super) cgroup: Option<PathBuf>,
}

/// What came of it, or why nothing did.
pub(super) type Answer = Result<Run, String>;

impl Task {
    pub(super) fn new(plan: &crate::Plan, pattern: Pattern, system: System, data: Bytes) -> Self {
        Self {
            pattern,
            system,
            budget: plan.budget.0,
            bytes: data.0,
            content: plan.content,
            seed: plan.seed,
            directory: plan.directory.clone(),
            cgroup: None,
        }
    }

    pub(super) const fn budget(&self) -> Bytes {
        Bytes(self.budget)
    }

    pub(super) const fn data(&self) -> Bytes {
        Bytes(self.bytes)
    }
}

/// Says something as a line.
pub(super) fn say(to: &mut impl Write, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(what)?;
    line.push('\n');
    to.write_all(line.as_bytes())?;
    to.flush()
}

/// Hears a line; `None` where there is none any more.
pub(super) fn hear<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Ok(None),
        _ => Ok(Some(serde_json::from_str(&line)?)),
    }
}
