//! From a file to what is debugged: what it is, its content says.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use memtide_core::page::Tick;
use memtide_recording::{Kind, RecordingError, Replay, load};

use super::target::{Plan, Target};
use crate::disk::DiskKind;
use crate::scenario::{Scenario, ScenarioError, StartError};
use crate::simulation::Simulation;
use crate::trace::{Trace, TraceError, TraceRun, TraceRunError};

/// As much of a file as is looked at to recognise it.
const FIRST: usize = 1 << 12;

/// A scenario is written by hand: a larger file is none.
const SCENARIO_MAX: u64 = 1 << 24;

/// 64 MiB.
const TRACE_FRAMES: u32 = 16_384;

/// The time of one reference of a trace.
const REFERENCE: Tick = Tick(100);

/// Why a file cannot be debugged.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("{0}: {1}")]
    Io(PathBuf, io::Error),
    /// It is nothing else that can be debugged, and no trace either.
    #[error("{0}: neither a scenario, a recorded run nor a snapshot, and as a trace: {1}")]
    Trace(PathBuf, Box<TraceError>),
    /// A trace that cannot be begun.
    #[error("{0}: {1}")]
    Run(PathBuf, Box<TraceRunError>),
    /// A recorded run or a snapshot that cannot be used.
    #[error("{0}: {1}")]
    Recording(PathBuf, RecordingError),
    /// A scenario that makes no sense.
    #[error("{0}: {1}")]
    Scenario(PathBuf, ScenarioError),
    /// A scenario that cannot be begun.
    #[error("{0}: {1}")]
    Start(PathBuf, Box<StartError>),
}

/// What the command line says besides the file.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Another seed than the scenario's.
    pub seed: Option<u64>,
    /// The physical pages of the machine that runs a trace; without it 64 MiB.
    pub frames: Option<u32>,
    /// Whether the pages of a scenario's machine hold something, to be dumped.
    pub contents: bool,
}

impl Target {
    /// Opens a file.
    ///
    /// # Errors
    /// [`OpenError`] with the file and what is wrong with it.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io(path.to_owned(), error);
        let mut first = Vec::new();
        let file = File::open(path).map_err(failed)?;
        let bytes = u64::try_from(FIRST).unwrap_or(u64::MAX);
        file.take(bytes).read_to_end(&mut first).map_err(failed)?;
        let title = path.display().to_string();
        let wrong = |error| OpenError::Recording(path.to_owned(), error);
        let opened = || Ok(BufReader::new(File::open(path).map_err(failed)?));
        match Kind::of(&first) {
            Some(Kind::Log) => {
                let source: Box<dyn Read + Send> = Box::new(opened()?);
                return Ok(Self::replay(&title, Replay::new(source).map_err(wrong)?));
            }
            Some(Kind::Snapshot) => {
                return Ok(Self::saved(&title, load(opened()?).map_err(wrong)?));
            }
            None => {}
        }
        let is_named = path.extension().is_some_and(|extension| extension == "toml");
        if is_named || is_toml(path).map_err(failed)? {
            let (simulation, plan) = scenario(path, options)?;
            return Ok(Self::simulation(&title, simulation, plan));
        }
        let trace = Trace::open(path, None)
            .map_err(|error| OpenError::Trace(path.to_owned(), Box::new(error)))?;
        let failed = |error| OpenError::Run(path.to_owned(), Box::new(error));
        let (simulation, plan) = run_of(trace, options).map_err(failed)?;
        Ok(Self::simulation(&title, simulation, plan))
    }
}

fn is_toml(path: &Path) -> io::Result<bool> {
    if std::fs::metadata(path)?.len() > SCENARIO_MAX {
        return Ok(false);
    }
    let text = String::from_utf8(std::fs::read(path)?);
    Ok(text.is_ok_and(|text| toml::from_str::<toml::Table>(&text).is_ok_and(|t| !t.is_empty())))
}

fn scenario(path: &Path, options: Options) -> Result<(Simulation, Plan), OpenError> {
    let text = std::fs::read_to_string(path).map_err(|e| OpenError::Io(path.to_owned(), e))?;
    let scenario =
        Scenario::parse(&text).map_err(|error| OpenError::Scenario(path.to_owned(), error))?;
    let failed = |error| OpenError::Start(path.to_owned(), Box::new(error));
    let seed = options.seed.unwrap_or(scenario.seed);
    let mut machine = scenario.machine.clone();
    machine.has_contents |= options.contents;
    let mut simulation = Simulation::new(&machine, seed).map_err(|error| failed(error.into()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let started = scenario.begin(&mut simulation, seed, folder).map_err(failed)?;
    Ok((simulation, Plan { end: scenario.duration, traces: started.traces }))
}

/// A machine that runs the program of a trace.
fn run_of(trace: Trace, options: Options) -> Result<(Simulation, Plan), TraceRunError> {
    let frames = options.frames.unwrap_or(TRACE_FRAMES);
    let (disk, reference_time) = (DiskKind::nvme(), REFERENCE);
    let run = TraceRun { frames: Some(frames), disk, reference_time };
    let (simulation, outcome) = run.begin(trace)?;
    Ok((simulation, Plan { end: None, traces: vec![("trace".to_owned(), outcome)] }))
}
