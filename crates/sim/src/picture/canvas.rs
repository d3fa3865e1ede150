//! What pictures are drawn on: lines, shapes and words at places, on any backend.
//!
//! Places are in fractions of a pixel, [`FINE`] to a pixel: SVG shows them as they are, and a
//! bitmap is averaged down, which makes its edges smooth.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::element::DashedPathElement;
use plotters::prelude::{
    Circle, DrawingArea, DrawingBackend, PathElement, Polygon, RGBColor, Rectangle, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle};

use super::colour::Colour;
use super::plot::Mark;

/// How many places there are to a pixel.
pub(super) const FINE: i32 = 3;

/// The name of the font: what stands in an SVG for viewers that have another one.
pub(super) const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// Why something could not be drawn.
pub(super) type Failure<B> = DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>;

/// A place.
pub(super) type Place = (i32, i32);

/// How a backend takes a font.
#[derive(Clone, Copy, Debug)]
pub(super) struct FontMeasure {
    /// What it takes as the size of a font of one pixel.
    pub(super) size: f64,
    /// How far below the top it puts the baseline, in sizes of the font.
    pub(super) baseline: f64,
}

/// How words look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// Their size, in pixels.
    pub(super) size: i32,
    /// Whether they are bold.
    pub(super) is_bold: bool,
    /// Their colour.
    pub(super) colour: Colour,
}

impl Words {
    pub(super) const fn new(size: i32, colour: Colour) -> Self {
        Self { size, is_bold: false, colour }
    }

    pub(super) const fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }
}

/// A canvas.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    font: FontMeasure,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) const fn new(area: &'a DrawingArea<B, Shift>, font: FontMeasure) -> Self {
        Self { area, font }
    }

    /// Width and height.
    pub(super) fn size(&self) -> Place {
        let (width, height) = self.area.dim_in_pixel();
        (i32::try_from(width).unwrap_or(i32::MAX), i32::try_from(height).unwrap_or(i32::MAX))
    }

    pub(super) fn fill(&self, colour: Colour) -> Result<(), Failure<B>> {
        self.area.fill(&rgb(colour))
    }

    pub(super) fn rectangle(&self, corners: [Place; 2], colour: Colour) -> Result<(), Failure<B>> {
        self.area.draw(&Rectangle::new(corners, rgb(colour).filled()))
    }

    pub(super) fn polygon(&self, points: &[Place], colour: Colour) -> Result<(), Failure<B>> {
        self.area.draw(&Polygon::new(points, rgb(colour).filled()))
    }

    /// A line through points, so many thirds of a pixel wide.
    pub(super) fn line(
        &self,
        points: &[Place],
        colour: Colour,
        width: u32,
    ) -> Result<(), Failure<B>> {
        self.area.draw(&PathElement::new(points, stroke(colour, width)))
    }

    pub(super) fn dashes(
        &self,
        points: &[Place],
        colour: Colour,
        width: u32,
    ) -> Result<(), Failure<B>> {
        let points = points.to_vec();
        self.area.draw(&DashedPathElement::new(points, 7 * FINE, 4 * FINE, stroke(colour, width)))
    }

    pub(super) fn dot(&self, at: Place, colour: Colour, radius: i32) -> Result<(), Failure<B>> {
        self.area.draw(&Circle::new(at, radius * FINE, rgb(colour).filled()))
    }

    /// A mark whose tip is at a place.
    pub(super) fn mark(&self, mark: Mark, at: Place, colour: Colour) -> Result<(), Failure<B>> {
        let (half, height) = (6 * FINE, 10 * FINE);
        let triangle =
            |height: i32| [at, (at.0 - half, at.1 - height), (at.0 + half, at.1 - height)];
        let (points, is_hollow) = match mark {
            Mark::Dot => return self.dot(at, colour, 5),
            Mark::Down => (triangle(height), false),
            Mark::HollowDown => (triangle(height), true),
            Mark::Up => (triangle(-height), false),
            Mark::HollowUp => (triangle(-height), true),
        };
        self.polygon(&points, if is_hollow { Colour::WHITE } else { colour })?;
        let [first, second, third] = points;
        let outline = if is_hollow { colour } else { Colour::WHITE };
        let sides = [[first, second], [second, third], [third, first]];
        sides.iter().try_for_each(|side| self.line(side, outline, if is_hollow { 5 } else { 2 }))
    }

    /// Words whose baseline is at a place.
    pub(super) fn text(
        &self,
        text: &str,
        at: Place,
        side: HPos,
        words: Words,
    ) -> Result<(), Failure<B>> {
        let em = f64::from(words.size * FINE);
        let top = at.1 - whole(em * self.font.baseline);
        let style = self.style(words, side);
        self.area.draw(&Text::new(text, (at.0, top), style))
    }

    /// Words in the middle of a height.
    pub(super) fn text_beside(
        &self,
        text: &str,
        at: Place,
        side: HPos,
        words: Words,
    ) -> Result<(), Failure<B>> {
        // Half the height of a capital letter.
        let below = words.size * FINE * 36 / 100;
        self.text(text, (at.0, at.1 + below), side, words)
    }

    /// How wide words are.
    pub(super) fn width(&self, text: &str, words: Words) -> Result<i32, Failure<B>> {
        let (width, _) = self.area.estimate_text_size(text, &self.style(words, HPos::Left))?;
        Ok(i32::try_from(width).unwrap_or(i32::MAX))
    }

    fn style(&self, words: Words, side: HPos) -> TextStyle<'static> {
        let style = if words.is_bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = f64::from(words.size * FINE) * self.font.size;
        TextStyle {
            font: FontDesc::new(FontFamily::Name(FONT), size, style),
            color: rgb(words.colour).to_backend_color(),
            pos: Pos::new(side, VPos::Top),
        }
    }
}

/// A length that is a fraction of a font's size, in whole places.
#[expect(clippy::cast_possible_truncation, reason = "fonts are no larger than a picture")]
fn whole(length: f64) -> i32 {
    length.round() as i32
}

const fn rgb(colour: Colour) -> RGBColor {
    RGBColor(colour.0, colour.1, colour.2)
}

fn stroke(colour: Colour, width: u32) -> ShapeStyle {
    rgb(colour).stroke_width(width)
}
