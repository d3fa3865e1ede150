//! The picture of a miss-ratio curve.

use memtide_core::units::Bytes;

use crate::picture::{Axis, Colour, Picture, Plot, Series};
use crate::sizing::MissRatioCurve;

/// As many sizes as can be told apart.
const SIZES: usize = 500;

/// The miss ratio by the size of memory, with its knee and other sizes marked by what they are,
/// in pages.
#[must_use]
pub fn miss_ratio(curve: &MissRatioCurve, marked: &[(&str, u64)]) -> Picture {
    let at = |pages: u64| (Bytes::from_pages(pages).0 as f64, curve.miss_ratio(pages));
    let points = curve.sizes(SIZES).into_iter().map(at).collect();
    let first = curve.pages() as f64 / curve.references().max(1) as f64;
    let plot = Plot::new(Axis::memory("memory").logarithmic(), Axis::share("miss ratio"))
        .line(Series::new("miss ratio under LRU", points).colour(Colour::BLUE))
        .level("first touches", first);
    let knee = curve.knee().map(|pages| ("knee", pages));
    let plot = knee.into_iter().chain(marked.iter().copied()).fold(plot, |plot, (name, pages)| {
        let (x, y) = at(pages);
        let (size, share) = (Bytes::from_pages(pages), y * 100.0);
        plot.note(x, y, format!("{name}: {size} ({} pages), {share:.2}%", grouped(pages)))
    });
    let (pages, references) = (grouped(curve.pages()), grouped(curve.references()));
    let all = Bytes::from_pages(curve.pages());
    Picture::new("Miss ratio by memory", plot)
        .subtitle(format!("{references} references to {pages} pages ({all})"))
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
