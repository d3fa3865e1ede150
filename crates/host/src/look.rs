//! One look at a machine with its nine conditions judged.

use crate::system;
use crate::{Error, Machine, Sample, Scope};
use memtide_core::conditions::{Condition, Overrides, Profile, Reading};

/// Whose memory is judged, and by which marks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose memory.
    pub scope: Scope,
    /// The formula of the marks.
    pub profile: Profile,
    /// Marks in place of the formula's.
    pub overrides: Overrides,
}

/// One look at a machine.
#[derive(Clone, Debug)]
pub struct Look {
    /// What was seen.
    pub sample: Sample,
    /// The nine conditions.
    pub readings: [Reading; Condition::COUNT],
}

/// Looks once, with no past to compare with: stalls are judged by the system's own average over
/// ten seconds.
///
/// # Errors
/// Where the machine cannot be read, or the overrides cannot be used.
pub fn look(options: &Options) -> Result<Look, Error> {
    let sample = Machine::open(&options.scope)?.sample()?;
    let readings = system::judge(options, &sample.levels, &sample.sizes)?;
    Ok(Look { sample, readings })
}
