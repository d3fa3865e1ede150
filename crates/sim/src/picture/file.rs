//! A picture as a file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea, DrawingBackend, IntoDrawingArea, SVGBackend};
use plotters::style::{FontStyle, register_font};

use super::canvas::{Canvas, FINE, FONT, Failure, FontMeasure};
use super::{Chart, Picture, draw_bars, draw_diagram, draw_plot};

/// What a picture is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
}

impl Format {
    /// What the name of a file asks for.
    ///
    /// # Errors
    /// [`PictureError::Format`] where it ends in neither `.svg` nor `.png`.
    pub fn of(path: &Path) -> Result<Self, PictureError> {
        let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
        match extension.as_ref().and_then(|extension| extension.to_str()) {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PictureError::Format { path: path.to_owned() }),
        }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The name of the file does not say what to write.
    #[error("'{}' is no name of a picture: expected one that ends in .svg or .png", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The picture would be too small to read or too large to hold.
    #[error(
        "a picture of {width} x {height} pixels: expected a width and a height from {} to {}",
        Picture::SIZES.0,
        Picture::SIZES.1
    )]
    Size {
        /// The width asked for.
        width: u32,
        /// The height asked for.
        height: u32,
    },
    /// A value is infinite or no number.
    #[error("the picture '{title}' shows a value of {value}: expected a finite number")]
    Value {
        /// The picture's title.
        title: String,
        /// The value.
        value: f64,
    },
    /// It could not be drawn.
    #[error("the picture could not be drawn: {0}")]
    Drawing(String),
    /// The file could not be written.
    #[error("{} could not be written: {error}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

/// plotters writes a font's size into an SVG divided by 1.24, and the baseline 0.76 below the top.
const SVG_FONT: FontMeasure = FontMeasure { size: 1.24, baseline: 0.76 };

/// From the top of its ascent to the bottom of its descent the font measures 1.164 of its size,
/// which is what the rasterizer takes; it puts the baseline at half of that.
const PNG_FONT: FontMeasure = FontMeasure { size: 1.164, baseline: 0.582 };

fn register_fonts() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        for (style, bytes) in
            [(FontStyle::Normal, dejavu::sans::regular()), (FontStyle::Bold, dejavu::sans::bold())]
        {
            let is_read = register_font(FONT, style, bytes).is_ok();
            assert!(is_read, "the font in the program is one");
        }
    });
}

/// The size in places, of a picture that can be drawn.
fn fine(picture: &Picture) -> Result<(u32, u32), PictureError> {
    let (width, height) = picture.size;
    let sizes = Picture::SIZES.0..=Picture::SIZES.1;
    if !sizes.contains(&width) || !sizes.contains(&height) {
        return Err(PictureError::Size { width, height });
    }
    let bad = match &picture.chart {
        Chart::Plot(plot) => plot.numbers().find(|value| !value.is_finite()),
        Chart::Bars(bars) => bars.numbers().find(|value| !value.is_finite()),
        Chart::Diagram(_) => None,
    };
    if let Some(value) = bad {
        return Err(PictureError::Value { title: picture.title.clone(), value });
    }
    let fine = FINE.unsigned_abs();
    Ok((width * fine, height * fine))
}

fn draw<B: DrawingBackend>(
    picture: &Picture,
    area: &DrawingArea<B, Shift>,
    font: FontMeasure,
) -> Result<(), Failure<B>> {
    let canvas = Canvas::new(area, font);
    match &picture.chart {
        Chart::Plot(plot) => draw_plot::draw(picture, plot, &canvas)?,
        Chart::Bars(bars) => draw_bars::draw(picture, bars, &canvas)?,
        Chart::Diagram(diagram) => draw_diagram::draw(picture, diagram, &canvas)?,
    }
    area.present()
}

pub(super) fn svg(picture: &Picture) -> Result<String, PictureError> {
    let (width, height) = fine(picture)?;
    register_fonts();
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
    let drawn = draw(picture, &area, SVG_FONT);
    drop(area);
    drawn.map_err(|error| PictureError::Drawing(error.to_string()))?;
    // Shown at the size asked for, from finer places.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    let shown = format!("width=\"{}\" height=\"{}\"", picture.size.0, picture.size.1);
    Ok(text.replacen(&fine, &shown, 1))
}

pub(super) fn png(picture: &Picture) -> Result<Vec<u8>, PictureError> {
    let (width, height) = fine(picture)?;
    register_fonts();
    let pixels = u64::from(width) * u64::from(height) * 3;
    let mut pixels = vec![0; usize::try_from(pixels).unwrap_or(0)];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    let drawn = draw(picture, &area, PNG_FONT);
    drop(area);
    drawn.map_err(|error| PictureError::Drawing(error.to_string()))?;
    encode(&averaged(&pixels, width), picture.size)
}

/// Each pixel is the average of the places in it.
fn averaged(places: &[u8], width: u32) -> Vec<u8> {
    let fine = usize::try_from(FINE).unwrap_or(1);
    let row = usize::try_from(width).unwrap_or(0) * 3;
    let in_pixel = fine * fine;
    let mut averaged = Vec::with_capacity(places.len() / in_pixel);
    for rows in places.chunks_exact(row * fine) {
        for left in (0..row).step_by(3 * fine) {
            for colour in 0..3 {
                let places = (0..in_pixel).map(|place| {
                    let (x, y) = (place % fine, place / fine);
                    usize::from(rows[y * row + left + 3 * x + colour])
                });
                let average = (places.sum::<usize>() + in_pixel / 2) / in_pixel;
                averaged.push(u8::try_from(average).unwrap_or(u8::MAX));
            }
        }
    }
    averaged
}

fn encode(pixels: &[u8], (width, height): (u32, u32)) -> Result<Vec<u8>, PictureError> {
    let failed = |error: png::EncodingError| PictureError::Drawing(error.to_string());
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(bytes)
}
