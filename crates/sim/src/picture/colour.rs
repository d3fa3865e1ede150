//! Colours that the colour-blind tell apart.
//!
//! Source: Okabe and Ito, *Color Universal Design*, 2008.

/// A colour: red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

impl Colour {
    /// Black, of text and lines.
    pub const BLACK: Self = Self(0x22, 0x22, 0x22);
    /// Grey, of what stands behind.
    pub const GREY: Self = Self(0x70, 0x70, 0x70);
    /// A light grey, of what is empty.
    pub const LIGHT: Self = Self(0xd8, 0xdc, 0xe0);
    /// White.
    pub const WHITE: Self = Self(0xff, 0xff, 0xff);
    /// Blue.
    pub const BLUE: Self = Self(0x00, 0x72, 0xb2);
    /// Vermillion: what asks for attention.
    pub const VERMILLION: Self = Self(0xd5, 0x5e, 0x00);
    /// Bluish green.
    pub const GREEN: Self = Self(0x00, 0x9e, 0x73);
    /// Orange.
    pub const ORANGE: Self = Self(0xe6, 0x9f, 0x00);
    /// Sky blue.
    pub const SKY: Self = Self(0x56, 0xb4, 0xe9);
    /// Reddish purple.
    pub const PURPLE: Self = Self(0xcc, 0x79, 0xa7);
    /// Yellow.
    pub const YELLOW: Self = Self(0xf0, 0xe4, 0x42);

    /// The colours that series get in turn.
    pub const ALL: [Self; 7] = [
        Self::BLUE,
        Self::VERMILLION,
        Self::GREEN,
        Self::ORANGE,
        Self::PURPLE,
        Self::SKY,
        Self::GREY,
    ];

    /// The colour of the series of a number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        Self::ALL[number % Self::ALL.len()]
    }
}
