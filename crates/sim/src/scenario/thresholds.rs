//! `[thresholds]`: the marks of the conditions, by the names of Windows' registry.

use memtide_core::Config;
use memtide_core::conditions::{Overrides, Permille, Profile, Sizes, Thresholds};
use memtide_core::units::Bytes;
use serde::Deserialize;
use toml::Spanned;

use super::error::Problem;
use super::value::{Placed, Whole};

/// `[thresholds]`: memory in MB (2²⁰ bytes), commit in percent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdsTable {
    profile: Option<ProfileName>,
    #[serde(rename = "LowMemoryThreshold")]
    low_memory: Placed<Whole>,
    #[serde(rename = "HighMemoryThreshold")]
    high_memory: Placed<Whole>,
    #[serde(rename = "LowCommitThreshold")]
    low_commit: Placed<f64>,
    #[serde(rename = "HighCommitThreshold")]
    high_commit: Placed<f64>,
    #[serde(rename = "MaximumCommitThreshold")]
    maximum_commit: Placed<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProfileName {
    Windows,
    EarlyWarning,
}

/// The marks that a table sets on a machine; `None` where there is no table.
///
/// # Errors
/// [`Problem`] with the mark that makes no sense.
pub(super) fn read(
    table: Option<&Spanned<ThresholdsTable>>,
    config: &Config,
) -> Result<Option<Thresholds>, Problem> {
    let Some(placed) = table else { return Ok(None) };
    let table = placed.get_ref();
    in_order(&table.low_memory, &table.high_memory)?;
    let sizes = Sizes {
        physical: Bytes::from_pages(u64::from(config.frames)),
        paged_pool: Some(config.paged_pool),
        nonpaged_pool: Some(config.nonpaged_pool),
    };
    let overrides = Overrides {
        low_memory_mb: megabytes(&table.low_memory)?,
        high_memory_mb: megabytes(&table.high_memory)?,
        low_commit: share(&table.low_commit)?,
        high_commit: share(&table.high_commit)?,
        maximum_commit: share(&table.maximum_commit)?,
    };
    let profile = match table.profile {
        None | Some(ProfileName::Windows) => Profile::Windows,
        Some(ProfileName::EarlyWarning) => Profile::EarlyWarning,
    };
    let thresholds = Thresholds::new(profile, &sizes, &overrides);
    thresholds.map(Some).map_err(|error| Problem::new(placed.span(), error.to_string()))
}

/// Windows raises a high mark below the low one; in a scenario it is a slip.
fn in_order(low: &Placed<Whole>, high: &Placed<Whole>) -> Result<(), Problem> {
    let (Some(low), Some(high)) = (low, high) else { return Ok(()) };
    let (Whole(low), Whole(mark)) = (low.get_ref(), high.get_ref());
    if mark >= low {
        return Ok(());
    }
    let text = format!("{mark} MB: expected no less than LowMemoryThreshold, {low} MB");
    Err(Problem::new(high.span(), text))
}

fn megabytes(value: &Placed<Whole>) -> Result<Option<u32>, Problem> {
    let Some(placed) = value else { return Ok(None) };
    let Whole(number) = placed.get_ref();
    let most = u32::MAX;
    u32::try_from(*number)
        .map(Some)
        .map_err(|_| Problem::new(placed.span(), format!("{number} MB: expected 0 to {most}")))
}

fn share(value: &Placed<f64>) -> Result<Option<Permille>, Problem> {
    let Some(placed) = value else { return Ok(None) };
    let percent = *placed.get_ref();
    if !(0.0..=100.0).contains(&percent) {
        return Err(Problem::new(placed.span(), format!("{percent} percent: expected 0 to 100")));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
    Ok(Some(Permille((percent * 10.0).round() as u16)))
}
