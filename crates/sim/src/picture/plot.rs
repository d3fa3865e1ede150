//! A plot: lines, stacked areas, levels and marks over an axis.

use super::axis::Axis;
use super::colour::Colour;

/// Points in the units of the axes (seconds, bytes, shares of one), in the order of x.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) colour: Option<Colour>,
    pub(super) is_stepped: bool,
}

impl Series {
    /// A series of points.
    #[must_use]
    pub fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points, colour: None, is_stepped: false }
    }

    /// In a colour of its own instead of the next one.
    #[must_use]
    pub const fn colour(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }

    /// Each value holds until the next point.
    #[must_use]
    pub const fn stepped(mut self) -> Self {
        self.is_stepped = true;
        self
    }

    /// The points that the line goes through.
    pub(super) fn corners(&self) -> Vec<(f64, f64)> {
        if !self.is_stepped {
            return self.points.clone();
        }
        let next = self.points.iter().skip(1).map(|point| point.0);
        let ends = next.chain(self.points.last().map(|point| point.0));
        self.points.iter().zip(ends).flat_map(|((x, y), end)| [(*x, *y), (end, *y)]).collect()
    }
}

/// The shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A filled triangle that points down.
    Down,
    /// A filled triangle that points up.
    Up,
    /// A triangle that points down, empty.
    HollowDown,
    /// A triangle that points up, empty.
    HollowUp,
    /// A filled circle.
    Dot,
}

/// Points with a shape instead of a line.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Marks {
    pub(super) name: String,
    pub(super) mark: Mark,
    pub(super) colour: Colour,
    pub(super) points: Vec<(f64, f64)>,
}

/// A row above the plot that shows when something held.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Band {
    pub(super) name: String,
    pub(super) colour: Colour,
    pub(super) spans: Vec<(f64, f64)>,
}

/// A point with words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Note {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) text: String,
}

/// A plot.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) areas: Vec<Series>,
    pub(super) lines: Vec<Series>,
    pub(super) levels: Vec<(String, f64)>,
    pub(super) marks: Vec<Marks>,
    pub(super) bands: Vec<Band>,
    pub(super) notes: Vec<Note>,
}

impl Plot {
    /// An empty plot.
    #[must_use]
    pub const fn new(x: Axis, y: Axis) -> Self {
        Self {
            x,
            y,
            areas: Vec::new(),
            lines: Vec::new(),
            levels: Vec::new(),
            marks: Vec::new(),
            bands: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// An area on top of the areas so far; all have the same x.
    #[must_use]
    pub fn area(mut self, series: Series) -> Self {
        self.areas.push(series);
        self
    }

    /// A line.
    #[must_use]
    pub fn line(mut self, series: Series) -> Self {
        self.lines.push(series);
        self
    }

    /// A dashed line across the plot, such as a threshold.
    #[must_use]
    pub fn level(mut self, name: impl Into<String>, y: f64) -> Self {
        self.levels.push((name.into(), y));
        self
    }

    /// Marks at points; none are left out of the legend.
    #[must_use]
    pub fn marks(
        mut self,
        name: impl Into<String>,
        mark: Mark,
        colour: Colour,
        points: Vec<(f64, f64)>,
    ) -> Self {
        if !points.is_empty() {
            self.marks.push(Marks { name: name.into(), mark, colour, points });
        }
        self
    }

    /// A row above the plot that shows when something held: from each first x to each second.
    #[must_use]
    pub fn band(mut self, name: impl Into<String>, colour: Colour, spans: Vec<(f64, f64)>) -> Self {
        self.bands.push(Band { name: name.into(), colour, spans });
        self
    }

    /// A dot with words beside it, and a thin line down to its x.
    #[must_use]
    pub fn note(mut self, x: f64, y: f64, text: impl Into<String>) -> Self {
        self.notes.push(Note { x, y, text: text.into() });
        self
    }

    /// Every number in it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        let series = self.areas.iter().chain(&self.lines).flat_map(|series| &series.points);
        let marks = self.marks.iter().flat_map(|marks| &marks.points);
        let bands = self.bands.iter().flat_map(|band| &band.spans);
        let notes = self.notes.iter().flat_map(|note| [note.x, note.y]);
        let pairs = series.chain(marks).chain(bands).flat_map(|(x, y)| [*x, *y]);
        pairs.chain(notes).chain(self.levels.iter().map(|(_, level)| *level))
    }

    /// The areas as they lie on each other: each with the sum of those up to it.
    pub(super) fn stacked(&self) -> Vec<Series> {
        let mut below: Vec<f64> = Vec::new();
        let mut stacked = Vec::new();
        for area in &self.areas {
            below.resize(area.points.len().max(below.len()), 0.0);
            for (sum, point) in below.iter_mut().zip(&area.points) {
                *sum += point.1;
            }
            let points = area.points.iter().zip(&below).map(|(point, sum)| (point.0, *sum));
            stacked.push(Series { points: points.collect(), ..area.clone() });
        }
        stacked
    }
}
