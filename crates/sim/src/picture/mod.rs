//! Pictures of numbers and of structures, as SVG or PNG.
//!
//! A [`Picture`] is a title and a [`Plot`], [`Bars`] or a [`Diagram`], described without a pixel;
//! the file's extension decides what it becomes. The font is part of the program, so a picture is
//! the same on every machine.
//!
//! ```
//! use memtide_sim::picture::{Axis, Picture, Plot, Series};
//!
//! let available = Series::new("available", vec![(0.0, 64e6), (1.0, 32e6), (2.0, 48e6)]);
//! let plot = Plot::new(Axis::time("time"), Axis::memory("memory"))
//!     .line(available)
//!     .level("low memory", 33_554_432.0);
//! let svg = Picture::new("Available memory", plot).svg()?;
//! assert!(svg.contains("Available memory"));
//! # Ok::<(), memtide_sim::picture::PictureError>(())
//! ```

mod axis;
mod bars;
mod canvas;
mod colour;
mod diagram;
mod draw_bars;
mod draw_diagram;
mod draw_plot;
mod file;
mod frame;
mod legend;
mod plot;

pub use axis::Axis;
pub use bars::{Bars, Group};
pub use colour::Colour;
pub use diagram::{At, Block, Diagram};
pub use file::{Format, PictureError};
pub use plot::{Mark, Plot, Series};

use std::path::Path;

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Lines, areas and marks over an axis.
    Plot(Plot),
    /// A bar a thing.
    Bars(Bars),
    /// Blocks and arrows.
    Diagram(Diagram),
}

impl From<Plot> for Chart {
    fn from(plot: Plot) -> Self {
        Self::Plot(plot)
    }
}

impl From<Diagram> for Chart {
    fn from(diagram: Diagram) -> Self {
        Self::Diagram(diagram)
    }
}

impl From<Bars> for Chart {
    fn from(bars: Bars) -> Self {
        Self::Bars(bars)
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    title: String,
    subtitle: String,
    chart: Chart,
    size: (u32, u32),
}

impl Picture {
    /// The least and the largest width and height, in pixels.
    pub const SIZES: (u32, u32) = (320, 8_192);

    /// A picture of 1200 by 675 pixels.
    #[must_use]
    pub fn new(title: impl Into<String>, chart: impl Into<Chart>) -> Self {
        let (title, subtitle, chart) = (title.into(), String::new(), chart.into());
        Self { title, subtitle, chart, size: (1_200, 675) }
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// With a line below the title.
    #[must_use]
    pub fn subtitle(mut self, text: impl Into<String>) -> Self {
        self.subtitle = text.into();
        self
    }

    /// Of another size, in pixels.
    #[must_use]
    pub const fn size(mut self, width: u32, height: u32) -> Self {
        self.size = (width, height);
        self
    }

    /// The picture as SVG.
    ///
    /// # Errors
    /// [`PictureError::Size`], [`PictureError::Value`]; [`PictureError::Drawing`] where it fails.
    pub fn svg(&self) -> Result<String, PictureError> {
        file::svg(self)
    }

    /// The picture as PNG.
    ///
    /// # Errors
    /// As for [`svg`](Picture::svg).
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        file::png(self)
    }

    /// Writes the picture to a file whose name ends in `.svg` or `.png`.
    ///
    /// # Errors
    /// [`PictureError::Format`] for another ending, [`PictureError::Write`] where the file cannot
    /// be written, and as for [`svg`](Picture::svg).
    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        let bytes = match Format::of(path)? {
            Format::Svg => self.svg()?.into_bytes(),
            Format::Png => self.png()?,
        };
        let failed = |error| PictureError::Write { path: path.to_owned(), error };
        std::fs::write(path, bytes).map_err(failed)
    }
}
