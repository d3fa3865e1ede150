//! The picture of a miss-ratio curve.

use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;

use super::curve::MissRatioCurve;
use super::fit::{Fit, SizePoint};
use crate::picture::{Axis, Picture, Plot, Series};

/// More points than this are closer together than pixels.
const POINTS_MAX: usize = 1200;

/// Draws a curve with the memory that is needed, and its knee.
#[must_use]
pub fn picture(curve: &MissRatioCurve, fit: &Fit) -> Picture {
    let at = |pages: u64| (bytes(pages), curve.miss_ratio(pages));
    let points = curve.sizes(POINTS_MAX).into_iter().map(at).collect();
    let note = |plot: Plot, point: &SizePoint, words: &str| {
        let (x, y) = at(point.pages);
        let memory = Bytes::from_pages(point.pages);
        plot.note(x, y, format!("{words}: {memory}, {:.2} times the time", point.slow_down))
    };
    let mut plot = Plot::new(Axis::memory("memory"), Axis::share("misses"))
        .line(Series::new("miss ratio", points).stepped())
        .level("first touches", curve.miss_ratio(curve.pages()));
    if let Some(knee) = &fit.knee {
        plot = note(plot, knee, "knee");
    }
    plot = note(plot, &fit.needed, &format!("needed for {} times", fit.bound));
    Picture::new("Misses by memory", plot).subtitle(format!(
        "LRU; {} references to {} pages; {}, {} ns a reference",
        fit.references, fit.pages, fit.disk, fit.model.reference_time.0
    ))
}

fn bytes(pages: u64) -> f64 {
    pages as f64 * PAGE_SIZE as f64
}
