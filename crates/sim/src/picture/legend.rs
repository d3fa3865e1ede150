//! The legend: what each colour and shape stands for, in rows above the plot.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::canvas::{Canvas, FINE, Failure, Place, Words};
use super::colour::Colour;
use super::plot::Mark;

/// What stands before a name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Key {
    /// An area.
    Area(Colour),
    /// A line.
    Line(Colour),
    /// A dashed line.
    Dashes(Colour),
    /// A mark.
    Mark(Mark, Colour),
}

/// The size of the words.
const WORDS: Words = Words::new(13, Colour::BLACK);
const KEY_WIDTH: i32 = 22 * FINE;
const GAP: i32 = 20 * FINE;
/// The height of a row.
pub(super) const ROW: i32 = 21 * FINE;

/// Draws the legend from a place to the right edge, in as many rows as it needs; how many.
pub(super) fn draw<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    at: Place,
    right: i32,
    entries: &[(Key, &str)],
) -> Result<i32, Failure<B>> {
    let (mut x, mut row) = (at.0, 0);
    for (key, name) in entries {
        let width = KEY_WIDTH + 6 * FINE + canvas.width(name, WORDS)?;
        if x > at.0 && x + width > right {
            (x, row) = (at.0, row + 1);
        }
        let middle = at.1 + row * ROW + ROW / 2;
        draw_key(canvas, *key, (x, middle))?;
        canvas.text_beside(name, (x + KEY_WIDTH + 6 * FINE, middle), HPos::Left, WORDS)?;
        x += width + GAP;
    }
    Ok(if entries.is_empty() { 0 } else { row + 1 })
}

fn draw_key<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    key: Key,
    at: Place,
) -> Result<(), Failure<B>> {
    let (left, middle) = at;
    let ends = [(left, middle), (left + KEY_WIDTH, middle)];
    match key {
        Key::Area(colour) => {
            let half = 6 * FINE;
            canvas.rectangle([(left, middle - half), (left + KEY_WIDTH, middle + half)], colour)
        }
        Key::Line(colour) => canvas.line(&ends, colour, 7),
        Key::Dashes(colour) => canvas.dashes(&ends, colour, 5),
        Key::Mark(mark, colour) => {
            let tip = match mark {
                Mark::Down | Mark::HollowDown => 5,
                Mark::Up | Mark::HollowUp => -5,
                Mark::Dot => 0,
            };
            canvas.mark(mark, (left + KEY_WIDTH / 2, middle + tip * FINE), colour)
        }
    }
}
