//! What is in force: the arguments, over the configuration file, over the defaults.

use crate::args::{Cli, Global, ProfileName};
use crate::output::Output;
use memtide_core::conditions::{Overrides, Permille, Profile};
use memtide_host::{Options, Scope};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Where the configuration is looked for when nobody names a file.
const DEFAULT_PATH: &str = "/etc/memtide.toml";

/// An argument or a configuration that cannot be used.
#[derive(Debug)]
pub(crate) struct BadConfig(String);

impl BadConfig {
    /// What is wrong, and what was expected.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for BadConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadConfig {}

/// What every command works with.
pub(crate) struct Context {
    /// Whose memory, and by which marks.
    pub(crate) options: Options,
    /// How to print.
    pub(crate) output: Output,
}

/// The configuration file: the names of the Windows registry, and the profile.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: Option<FileProfile>,
    #[serde(rename = "LowMemoryThreshold")]
    low_memory: Option<u32>,
    #[serde(rename = "HighMemoryThreshold")]
    high_memory: Option<u32>,
    #[serde(rename = "LowCommitThreshold")]
    low_commit: Option<f64>,
    #[serde(rename = "HighCommitThreshold")]
    high_commit: Option<f64>,
    #[serde(rename = "MaximumCommitThreshold")]
    maximum_commit: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileProfile {
    Windows,
    EarlyWarning,
}

/// Puts together what is in force.
///
/// # Errors
/// [`BadConfig`] where a file or an argument cannot be used.
pub(crate) fn context(cli: &Cli) -> Result<Context, BadConfig> {
    let global = &cli.global;
    let file = read_file(global.config.as_deref())?;
    let mut overrides = from_file(&file)?;
    for assignment in &global.threshold {
        assign(&mut overrides, assignment)?;
    }
    let profile = match (global.profile, file.profile) {
        (Some(ProfileName::EarlyWarning), _) | (None, Some(FileProfile::EarlyWarning)) => {
            Profile::EarlyWarning
        }
        (Some(ProfileName::Windows), _) | (None, _) => Profile::Windows,
    };
    let options = Options { scope: scope(global), profile, overrides };
    Ok(Context { options, output: Output::new(global.json, global.color) })
}

fn scope(global: &Global) -> Scope {
    match (&global.cgroup, global.machine) {
        (Some(directory), _) => Scope::Cgroup(directory.clone()),
        (None, true) => Scope::Machine,
        (None, false) => Scope::Auto,
    }
}

fn read_file(named: Option<&Path>) -> Result<File, BadConfig> {
    let path = named.map_or_else(|| PathBuf::from(DEFAULT_PATH), Path::to_path_buf);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(_) if named.is_none() && !path.exists() => return Ok(File::default()),
        Err(error) => return Err(BadConfig(format!("reading {}: {error}", path.display()))),
    };
    toml::from_str(&text).map_err(|e| BadConfig(format!("{}: {e}", path.display())))
}

fn from_file(file: &File) -> Result<Overrides, BadConfig> {
    let share = |name, value: Option<f64>| value.map(|v| percent(name, v)).transpose();
    Ok(Overrides {
        low_memory_mb: file.low_memory,
        high_memory_mb: file.high_memory,
        low_commit: share("LowCommitThreshold", file.low_commit)?,
        high_commit: share("HighCommitThreshold", file.high_commit)?,
        maximum_commit: share("MaximumCommitThreshold", file.maximum_commit)?,
    })
}

fn assign(overrides: &mut Overrides, assignment: &str) -> Result<(), BadConfig> {
    let names = "LowMemoryThreshold or HighMemoryThreshold in MB, or LowCommitThreshold, \
        HighCommitThreshold or MaximumCommitThreshold in percent";
    let bad = || BadConfig(format!("--threshold {assignment}: expected NAME=VALUE, with {names}"));
    let (name, value) = assignment.split_once('=').ok_or_else(bad)?;
    let megabytes = || {
        value.trim().parse::<u32>().map_err(|_| {
            BadConfig(format!("--threshold {name}: '{value}' is not a whole number of MB"))
        })
    };
    let share = || {
        let number = value.trim().trim_end_matches('%').parse::<f64>();
        let number = number.map_err(|_| {
            BadConfig(format!("--threshold {name}: '{value}' is not a number of percent"))
        })?;
        percent(name, number)
    };
    match name.trim() {
        "LowMemoryThreshold" => overrides.low_memory_mb = Some(megabytes()?),
        "HighMemoryThreshold" => overrides.high_memory_mb = Some(megabytes()?),
        "LowCommitThreshold" => overrides.low_commit = Some(share()?),
        "HighCommitThreshold" => overrides.high_commit = Some(share()?),
        "MaximumCommitThreshold" => overrides.maximum_commit = Some(share()?),
        _ => return Err(bad()),
    }
    Ok(())
}

fn percent(name: &str, value: f64) -> Result<Permille, BadConfig> {
    if !(0.0..=100.0).contains(&value) {
        return Err(BadConfig(format!("{name} is {value}: expected 0 to 100 percent")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    Ok(Permille((value * 10.0).round() as u16))
}
