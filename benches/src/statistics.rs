//! Medians and tails.

/// The value below which this share (0 to 1) of the values lies, by the nearest rank.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "ranks of a few thousand values"
)]
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The median and the 99th percentile, as two cells of a table.
pub(crate) fn cells(mut values: Vec<f64>) -> String {
    if values.is_empty() {
        return "– | –".to_owned();
    }
    let (p50, p99) = (quantile(&mut values, 0.5), quantile(&mut values, 0.99));
    format!("{p50:.1} | {p99:.1}")
}
