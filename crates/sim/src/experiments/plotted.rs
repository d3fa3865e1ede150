//! Amounts and moments as the numbers of a plot.

use memtide_core::page::Tick;
use memtide_core::units::Bytes;

/// An amount, in bytes.
#[expect(clippy::cast_precision_loss, reason = "a picture shows three digits")]
pub(super) const fn plotted(bytes: Bytes) -> f64 {
    bytes.0 as f64
}

/// A moment, in seconds.
#[expect(clippy::cast_precision_loss, reason = "a picture shows three digits")]
pub(super) const fn seconds(at: Tick) -> f64 {
    at.0 as f64 / 1e9
}

/// From when to when something held that held at some points.
pub(super) fn spans(points: &[(f64, bool)]) -> Vec<(f64, f64)> {
    let mut spans: Vec<(f64, f64)> = Vec::new();
    let mut begun = None;
    for (x, holds) in points {
        match (begun, holds) {
            (None, true) => begun = Some(*x),
            (Some(from), false) => {
                spans.push((from, *x));
                begun = None;
            }
            _ => {}
        }
    }
    spans.extend(begun.zip(points.last().map(|(x, _)| *x)));
    spans
}
