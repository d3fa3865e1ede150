//! How bars are drawn.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::Picture;
use super::axis::Fitted;
use super::bars::Bars;
use super::canvas::{Canvas, FINE, Failure, Words};
use super::colour::Colour;
use super::frame::{Frame, MARGIN, TICK, draw_base, draw_head, draw_y_axis, widest};
use super::legend::Key;

const VALUE: Words = Words::new(12, Colour::BLACK);
/// Bars are no wider, however few there are.
const BAR_MAX: i32 = 120 * FINE;

pub(super) fn draw<B: DrawingBackend>(
    picture: &Picture,
    bars: &Bars,
    canvas: &Canvas<'_, B>,
) -> Result<(), Failure<B>> {
    let (width, height) = canvas.size();
    let entries: Vec<_> = match bars.groups.as_slice() {
        // One group is named by the axis.
        [_] => Vec::new(),
        groups => {
            let keys = groups.iter().enumerate();
            keys.map(|(n, group)| (Key::Area(bars.colour(n)), group.name.as_str())).collect()
        }
    };
    let top = draw_head(canvas, picture, &entries)? + 38 * FINE;
    let axis = bars.y.fitted(tops(bars).into_iter(), true);
    let texts = axis.ticks.iter().map(|(_, text)| text.as_str());
    let left = MARGIN + widest(canvas, texts)? + 8 * FINE;
    let frame = Frame { x: (left, width - MARGIN), y: (top, height - MARGIN - 20 * FINE) };
    draw_y_axis(canvas, &frame, &axis, (MARGIN, top - 20 * FINE))?;
    let count = i32::try_from(bars.names.len()).unwrap_or(1).max(1);
    let pitch = (frame.x.1 - frame.x.0) / count;
    for (number, name) in bars.names.iter().enumerate() {
        let place = i32::try_from(number).unwrap_or(0);
        let middle = frame.x.0 + pitch * place + pitch / 2;
        draw_one(canvas, bars, (&frame, &axis), number, (middle, pitch * 7 / 10))?;
        let name = shortened(canvas, name, pitch - 6 * FINE)?;
        canvas.text(&name, (middle, frame.y.1 + 20 * FINE), HPos::Center, TICK)?;
    }
    draw_base(canvas, &frame)
}

/// The heights that must fit.
fn tops(bars: &Bars) -> Vec<f64> {
    let values = |number: usize| bars.groups.iter().filter_map(move |g| g.values.get(number));
    match bars.is_stacked {
        true => (0..bars.names.len()).map(|number| values(number).sum()).collect(),
        false => bars.groups.iter().flat_map(|group| group.values.iter().copied()).collect(),
    }
}

/// Draws the parts of one bar.
fn draw_one<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    bars: &Bars,
    (frame, axis): (&Frame, &Fitted),
    number: usize,
    (middle, room): (i32, i32),
) -> Result<(), Failure<B>> {
    let parts = if bars.is_stacked { 1 } else { bars.groups.len().max(1) };
    let parts = i32::try_from(parts).unwrap_or(1);
    let width = (room / parts).min(BAR_MAX);
    let mut left = middle - width * parts / 2;
    let mut below = 0.0;
    for (group, values) in bars.groups.iter().enumerate() {
        let value = values.values.get(number).copied().unwrap_or(0.0);
        let base = if bars.is_stacked { below } else { 0.0 };
        below += value;
        let (top, bottom) = (frame.up(axis, base + value), frame.up(axis, base));
        // A thin gap keeps neighbours apart.
        let right = left + width - if bars.is_stacked { 0 } else { 2 * FINE };
        canvas.rectangle([(left, top), (right, bottom)], bars.colour(group))?;
        if !bars.is_stacked {
            let at = ((left + right) / 2, top - 6 * FINE);
            canvas.text(&axis.words(value), at, HPos::Center, VALUE)?;
            left += width;
        }
    }
    if bars.is_stacked {
        let at = (middle, frame.up(axis, below) - 6 * FINE);
        canvas.text(&axis.words(below), at, HPos::Center, VALUE)?;
    }
    Ok(())
}

/// A name that fits into a width, if need be without its end.
fn shortened<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    name: &str,
    width: i32,
) -> Result<String, Failure<B>> {
    let mut shown = name.to_owned();
    let mut left = name.chars().count();
    while canvas.width(&shown, TICK)? > width && left > 1 {
        left -= 1;
        shown = name.chars().take(left).chain(['…']).collect();
    }
    Ok(shown)
}
