//! The nine, judged once.

use crate::{Error, Options};
use memtide_core::conditions::{Condition, Levels, Reading, Sizes, Thresholds, Tracker};

/// Compares levels with the marks that the options ask for, with no past.
///
/// # Errors
/// Where the overrides cannot be used.
pub(crate) fn judge(
    options: &Options,
    levels: &Levels,
    sizes: &Sizes,
) -> Result<[Reading; Condition::COUNT], Error> {
    let thresholds = Thresholds::new(options.profile, sizes, &options.overrides)?;
    let mut tracker = Tracker::new(thresholds);
    tracker.update(levels);
    Ok(*tracker.readings())
}
