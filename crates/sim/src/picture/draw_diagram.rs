//! How a diagram is drawn.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::HPos;

use super::Picture;
use super::canvas::{Canvas, FINE, Failure, Place, Words};
use super::colour::Colour;
use super::diagram::{Arrow, At, Block, Diagram};
use super::frame::{MARGIN, draw_head};

const WORDS: Words = Words::new(13, Colour::BLACK);
const OUTLINE: Colour = Colour::GREY;
/// From one line of words to the next.
const LINE: i32 = 17 * FINE;

pub(super) fn draw<B: DrawingBackend>(
    picture: &Picture,
    diagram: &Diagram,
    canvas: &Canvas<'_, B>,
) -> Result<(), Failure<B>> {
    let top = draw_head(canvas, picture, &[])?;
    let place = |at: At| (MARGIN + at.0 * FINE, top + at.1 * FINE);
    for block in &diagram.blocks {
        draw_block(canvas, block, place(block.at))?;
    }
    for arrow in &diagram.arrows {
        draw_arrow(canvas, arrow, place(arrow.from), place(arrow.to))?;
    }
    for caption in &diagram.captions {
        let words = if caption.is_bold { WORDS.bold() } else { WORDS };
        canvas.text(&caption.text, place(caption.at), HPos::Left, words)?;
    }
    Ok(())
}

fn draw_block<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    block: &Block,
    at: Place,
) -> Result<(), Failure<B>> {
    let (right, bottom) = (at.0 + block.size.0 * FINE, at.1 + block.size.1 * FINE);
    canvas.rectangle([at, (right, bottom)], block.fill)?;
    let corners = [at, (right, at.1), (right, bottom), (at.0, bottom), at];
    canvas.line(&corners, OUTLINE, 3)?;
    let lines = i32::try_from(block.lines.len()).unwrap_or(0);
    let middle = ((at.0 + right) / 2, (at.1 + bottom) / 2);
    let mut y = middle.1 - LINE * (lines - 1) / 2;
    for (number, line) in block.lines.iter().enumerate() {
        let words = Words { colour: ink(block.fill), ..WORDS };
        let words = if number == 0 && lines > 1 { words.bold() } else { words };
        canvas.text_beside(line, (middle.0, y), HPos::Center, words)?;
        y += LINE;
    }
    Ok(())
}

/// The colour of words that can be read on a colour.
fn ink(fill: Colour) -> Colour {
    let Colour(red, green, blue) = fill;
    let light = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if light > 140_000 { Colour::BLACK } else { Colour::WHITE }
}

fn draw_arrow<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    arrow: &Arrow,
    from: Place,
    to: Place,
) -> Result<(), Failure<B>> {
    canvas.line(&[from, to], arrow.colour, 5)?;
    canvas.polygon(&head(from, to), arrow.colour)?;
    if arrow.label.is_empty() {
        return Ok(());
    }
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    match from.0 == to.0 {
        // Beside an upright arrow, above any other.
        true => {
            canvas.text_beside(&arrow.label, (middle.0 + 8 * FINE, middle.1), HPos::Left, WORDS)
        }
        false => canvas.text(&arrow.label, (middle.0, middle.1 - 7 * FINE), HPos::Center, WORDS),
    }
}

/// The head of an arrow: a triangle whose tip is at its end.
#[expect(clippy::cast_possible_truncation, reason = "places lie within a picture")]
fn head(from: Place, to: Place) -> [Place; 3] {
    let (x, y) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = x.hypot(y).max(1.0);
    let (x, y) = (x / length, y / length);
    let (long, half) = (f64::from(10 * FINE), f64::from(4 * FINE));
    let corner = |side: f64| {
        let right = f64::from(to.0) - long * x - side * half * y;
        let down = f64::from(to.1) - long * y + side * half * x;
        (right.round() as i32, down.round() as i32)
    };
    [to, corner(1.0), corner(-1.0)]
}
