//! How a plot is drawn.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::Picture;
use super::axis::Fitted;
use super::canvas::{Canvas, FINE, Failure, Place, Words};
use super::colour::Colour;
use super::frame::{Frame, MARGIN, TICK, draw_head, draw_x_axis, draw_y_axis, widest};
use super::legend::Key;
use super::plot::{Band, Plot, Series};

const BAND: i32 = 17 * FINE;
const NOTE: Words = Words::new(13, Colour::BLACK).bold();

/// A plot whose axes fit its data.
struct Fit<'a> {
    plot: &'a Plot,
    stacked: Vec<Series>,
    x: Fitted,
    y: Fitted,
}

impl<'a> Fit<'a> {
    fn new(plot: &'a Plot) -> Self {
        let stacked = plot.stacked();
        let series = || stacked.iter().chain(&plot.lines).flat_map(|series| &series.points);
        let marks = || plot.marks.iter().flat_map(|marks| &marks.points);
        let notes = || plot.notes.iter().map(|note| (note.x, note.y));
        let points = || series().chain(marks()).copied().chain(notes());
        let spans = plot.bands.iter().flat_map(|band| &band.spans);
        let spans = spans.flat_map(|span| [span.0, span.1]);
        let levels = plot.levels.iter().map(|(_, level)| *level);
        let x = plot.x.fitted(points().map(|point| point.0).chain(spans), false);
        let y = plot.y.fitted(points().map(|point| point.1).chain(levels), true);
        Self { plot, stacked, x, y }
    }

    fn area_colour(&self, number: usize) -> Colour {
        self.plot.areas[number].colour.unwrap_or_else(|| Colour::of(number))
    }

    fn line_colour(&self, number: usize) -> Colour {
        let next = Colour::of(self.plot.areas.len() + number);
        self.plot.lines[number].colour.unwrap_or(next)
    }

    /// Areas from the top one down, as they lie.
    fn legend(&self) -> Vec<(Key, &'a str)> {
        let plot = self.plot;
        let areas = plot.areas.iter().enumerate().rev();
        let areas = areas.map(|(n, area)| (Key::Area(self.area_colour(n)), area.name.as_str()));
        let lines = plot.lines.iter().enumerate();
        let lines = lines.map(|(n, line)| (Key::Line(self.line_colour(n)), line.name.as_str()));
        let levels = plot.levels.iter().enumerate();
        let levels = levels.map(|(n, level)| (Key::Dashes(level_colour(n)), level.0.as_str()));
        let marks = plot.marks.iter();
        let marks = marks.map(|marks| (Key::Mark(marks.mark, marks.colour), marks.name.as_str()));
        areas.chain(lines).chain(levels).chain(marks).collect()
    }
}

const fn level_colour(number: usize) -> Colour {
    [Colour::VERMILLION, Colour::BLACK, Colour::PURPLE][number % 3]
}

pub(super) fn draw<B: DrawingBackend>(
    picture: &Picture,
    plot: &Plot,
    canvas: &Canvas<'_, B>,
) -> Result<(), Failure<B>> {
    let fit = Fit::new(plot);
    let (width, height) = canvas.size();
    let head = draw_head(canvas, picture, &fit.legend())? + 4 * FINE;
    let names = plot.bands.iter().map(|band| band.name.as_str());
    let texts = fit.y.ticks.iter().map(|(_, text)| text.as_str());
    let left = MARGIN + widest(canvas, texts.chain(names))? + 8 * FINE;
    let bands = BAND * i32::try_from(plot.bands.len()).unwrap_or(0);
    let x = (left, width - MARGIN);
    let frame = Frame { x, y: (head + bands + 30 * FINE, height - MARGIN - 32 * FINE) };
    for (number, band) in (0..).zip(&plot.bands) {
        draw_band(canvas, (&fit, &frame), head + number * BAND, band)?;
    }
    draw_y_axis(canvas, &frame, &fit.y, (MARGIN, frame.y.0 - 12 * FINE))?;
    draw_areas(canvas, &fit, &frame)?;
    for (number, (_, level)) in plot.levels.iter().enumerate() {
        let y = frame.up(&fit.y, *level);
        canvas.dashes(&[(frame.x.0, y), (frame.x.1, y)], level_colour(number), 5)?;
    }
    draw_lines(canvas, &fit, &frame)?;
    draw_x_axis(canvas, &frame, &fit.x)?;
    for marks in &plot.marks {
        for point in &marks.points {
            canvas.mark(marks.mark, frame.point((&fit.x, &fit.y), *point), marks.colour)?;
        }
    }
    draw_notes(canvas, &fit, &frame)
}

fn draw_areas<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    fit: &Fit<'_>,
    frame: &Frame,
) -> Result<(), Failure<B>> {
    // The sums overlap, so that there is no gap between two of them.
    for (number, area) in fit.stacked.iter().enumerate().rev() {
        let mut corners: Vec<_> =
            area.corners().into_iter().map(|point| frame.point((&fit.x, &fit.y), point)).collect();
        let (Some(first), Some(last)) = (corners.first().copied(), corners.last().copied()) else {
            continue;
        };
        corners.extend([(last.0, frame.y.1), (first.0, frame.y.1)]);
        canvas.polygon(&corners, fit.area_colour(number))?;
    }
    Ok(())
}

fn draw_lines<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    fit: &Fit<'_>,
    frame: &Frame,
) -> Result<(), Failure<B>> {
    for (number, line) in fit.plot.lines.iter().enumerate() {
        let mut corners: Vec<_> =
            line.corners().into_iter().map(|point| frame.point((&fit.x, &fit.y), point)).collect();
        corners.dedup();
        canvas.line(&corners, fit.line_colour(number), 7)?;
    }
    Ok(())
}

fn draw_band<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    (fit, frame): (&Fit<'_>, &Frame),
    top: i32,
    band: &Band,
) -> Result<(), Failure<B>> {
    let (upper, lower) = (top + 3 * FINE, top + BAND - 3 * FINE);
    canvas.rectangle([(frame.x.0, upper), (frame.x.1, lower)], Colour(0xf1, 0xf3, 0xf5))?;
    for span in &band.spans {
        let from = frame.across(&fit.x, span.0);
        // What holds for a moment only is seen all the same.
        let to = frame.across(&fit.x, span.1).max(from + 2 * FINE);
        canvas.rectangle([(from, upper), (to, lower)], band.colour)?;
    }
    let name = (frame.x.0 - 8 * FINE, top + BAND / 2);
    canvas.text_beside(&band.name, name, HPos::Right, TICK)
}

/// Draws the dots, and the words of each where there is room.
fn draw_notes<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    fit: &Fit<'_>,
    frame: &Frame,
) -> Result<(), Failure<B>> {
    let (pad, half) = (4 * FINE, 9 * FINE);
    let mut taken: Vec<[Place; 2]> = Vec::new();
    for note in &fit.plot.notes {
        let at = frame.point((&fit.x, &fit.y), (note.x, note.y));
        let length = canvas.width(&note.text, NOTE)?;
        // On white to be read on any colour; on the right above the dot where there is room, as
        // most curves fall, else on the left below it.
        let goes_right = at.0 + 12 * FINE + length < frame.x.1;
        let (left, step) = match goes_right {
            true => (at.0 + 12 * FINE, -half),
            false => ((at.0 - 12 * FINE - length).max(frame.x.0 + pad), half),
        };
        let room = frame.y.0 + half..=frame.y.1 - half;
        let mut middle = (at.1 + step).clamp(*room.start(), *room.end());
        let corners =
            |middle: i32| [(left - pad, middle - half), (left + length + pad, middle + half)];
        let is_taken = |middle| taken.iter().any(|one| overlap(*one, corners(middle)));
        while is_taken(middle) && room.contains(&(middle + step)) {
            middle += step;
        }
        taken.push(corners(middle));
        canvas.rectangle(corners(middle), Colour::WHITE)?;
        canvas.text_beside(&note.text, (left, middle), HPos::Left, NOTE)?;
        canvas.dashes(&[at, (at.0, frame.y.1)], Colour::GREY, 3)?;
        canvas.dot(at, Colour::BLACK, 5)?;
    }
    Ok(())
}

fn overlap(one: [Place; 2], other: [Place; 2]) -> bool {
    let apart = |low: (i32, i32), high: (i32, i32)| low.1 <= high.0 || high.1 <= low.0;
    let across = |corners: [Place; 2]| (corners[0].0, corners[1].0);
    let down = |corners: [Place; 2]| (corners[0].1, corners[1].1);
    !apart(across(one), across(other)) && !apart(down(one), down(other))
}
