//! A diagram: blocks with words, and arrows between them.

use super::colour::Colour;

/// A place below the title, in pixels from the left and from above.
pub type At = (i32, i32);

/// A rectangle with words in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub(super) at: At,
    pub(super) size: (i32, i32),
    pub(super) lines: Vec<String>,
    pub(super) fill: Colour,
}

impl Block {
    /// An empty rectangle.
    #[must_use]
    pub const fn new(at: At, size: (i32, i32)) -> Self {
        Self { at, size, lines: Vec::new(), fill: Colour::WHITE }
    }

    /// With lines of words in its middle, the first one bold where there are several.
    #[must_use]
    pub fn lines<L: Into<String>>(mut self, lines: impl IntoIterator<Item = L>) -> Self {
        self.lines.extend(lines.into_iter().map(Into::into));
        self
    }

    /// Filled with a colour; the words are black or white, whichever can be read.
    #[must_use]
    pub const fn fill(mut self, colour: Colour) -> Self {
        self.fill = colour;
        self
    }
}

/// An arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    pub(super) from: At,
    pub(super) to: At,
    pub(super) label: String,
    pub(super) colour: Colour,
}

/// Words by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caption {
    pub(super) at: At,
    pub(super) text: String,
    pub(super) is_bold: bool,
}

/// A diagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagram {
    pub(super) blocks: Vec<Block>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) captions: Vec<Caption>,
}

impl Diagram {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more rectangle.
    #[must_use]
    pub fn block(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    /// With more rectangles.
    #[must_use]
    pub fn blocks(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }

    /// With an arrow, and words above its middle.
    #[must_use]
    pub fn arrow(mut self, from: At, to: At, label: impl Into<String>, colour: Colour) -> Self {
        self.arrows.push(Arrow { from, to, label: label.into(), colour });
        self
    }

    /// With words that begin at a place.
    #[must_use]
    pub fn caption(mut self, at: At, text: impl Into<String>) -> Self {
        self.captions.push(Caption { at, text: text.into(), is_bold: false });
        self
    }

    /// With a heading that begins at a place.
    #[must_use]
    pub fn heading(mut self, at: At, text: impl Into<String>) -> Self {
        self.captions.push(Caption { at, text: text.into(), is_bold: true });
        self
    }
}
