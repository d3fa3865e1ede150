//! What is around every chart: title, legend, axes.

use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::Picture;
use super::axis::Fitted;
use super::canvas::{Canvas, FINE, Failure, Place, Words};
use super::colour::Colour;
use super::legend::{self, Key};

pub(super) const MARGIN: i32 = 24 * FINE;
/// The words at ticks.
pub(super) const TICK: Words = Words::new(13, Colour::BLACK);
const GRID: Colour = Colour(0xe4, 0xe7, 0xea);
const TITLE: Words = Words::new(20, Colour::BLACK).bold();
const SUBTITLE: Words = Words::new(13, Colour::GREY);

/// Draws background, title and legend; the place below them.
pub(super) fn draw_head<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    picture: &Picture,
    entries: &[(Key, &str)],
) -> Result<i32, Failure<B>> {
    canvas.fill(Colour::WHITE)?;
    let right = canvas.size().0 - MARGIN;
    let mut y = MARGIN + 16 * FINE;
    canvas.text(&picture.title, (MARGIN, y), HPos::Left, TITLE)?;
    if !picture.subtitle.is_empty() {
        y += 20 * FINE;
        canvas.text(&picture.subtitle, (MARGIN, y), HPos::Left, SUBTITLE)?;
    }
    y += 10 * FINE;
    Ok(y + legend::draw(canvas, (MARGIN, y), right, entries)? * legend::ROW)
}

/// The rectangle of the data, and how values become places.
pub(super) struct Frame {
    /// The left and the right end.
    pub(super) x: (i32, i32),
    /// The upper and the lower end.
    pub(super) y: (i32, i32),
}

impl Frame {
    /// Where a value on the x axis is, at an end for one beyond it.
    pub(super) fn across(&self, axis: &Fitted, value: f64) -> i32 {
        RangedCoordf64::from(axis.from..axis.to).map(&axis.place(value), self.x)
    }

    /// Where a value on the y axis is, at an end for one beyond it.
    pub(super) fn up(&self, axis: &Fitted, value: f64) -> i32 {
        let (top, bottom) = self.y;
        RangedCoordf64::from(axis.from..axis.to).map(&axis.place(value), (bottom, top))
    }

    /// Where a point is.
    pub(super) fn point(&self, axes: (&Fitted, &Fitted), point: (f64, f64)) -> Place {
        (self.across(axes.0, point.0), self.up(axes.1, point.1))
    }
}

/// Draws the lines at the y axis' ticks, what is written there, and its title above.
pub(super) fn draw_y_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame,
    axis: &Fitted,
    title: Place,
) -> Result<(), Failure<B>> {
    for (value, text) in &axis.ticks {
        let y = frame.up(axis, *value);
        canvas.line(&[(frame.x.0, y), (frame.x.1, y)], GRID, 3)?;
        canvas.text_beside(text, (frame.x.0 - 8 * FINE, y), HPos::Right, TICK)?;
    }
    canvas.text(&axis.title, title, HPos::Left, SUBTITLE)
}

/// Draws the x axis with its ticks, and its title below.
pub(super) fn draw_x_axis<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame,
    axis: &Fitted,
) -> Result<(), Failure<B>> {
    let bottom = frame.y.1;
    for (value, text) in &axis.ticks {
        let x = frame.across(axis, *value);
        canvas.line(&[(x, bottom), (x, bottom + 5 * FINE)], Colour::GREY, 3)?;
        canvas.text(text, (x, bottom + 19 * FINE), HPos::Center, TICK)?;
    }
    let middle = (frame.x.0 + frame.x.1) / 2;
    canvas.text(&axis.title, (middle, bottom + 38 * FINE), HPos::Center, SUBTITLE)?;
    draw_base(canvas, frame)
}

/// Draws the line that the chart stands on.
pub(super) fn draw_base<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    frame: &Frame,
) -> Result<(), Failure<B>> {
    let bottom = frame.y.1;
    canvas.line(&[(frame.x.0, bottom), (frame.x.1, bottom)], Colour::GREY, 4)
}

/// The widest of some words.
pub(super) fn widest<'w, B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    texts: impl Iterator<Item = &'w str>,
) -> Result<i32, Failure<B>> {
    let mut widest = 0;
    for text in texts {
        widest = widest.max(canvas.width(text, TICK)?);
    }
    Ok(widest)
}
