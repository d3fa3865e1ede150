//! Bars: a bar a thing, from parts that lie on each other or stand side by side.

use super::axis::Axis;
use super::colour::Colour;

/// One part of every bar: a name, and a value a bar, in the unit of the axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub(super) name: String,
    pub(super) values: Vec<f64>,
    pub(super) colour: Option<Colour>,
}

impl Group {
    /// A part of every bar.
    #[must_use]
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self { name: name.into(), values, colour: None }
    }

    /// In a colour of its own instead of the next one.
    #[must_use]
    pub const fn colour(mut self, colour: Colour) -> Self {
        self.colour = Some(colour);
        self
    }
}

/// Bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Bars {
    pub(super) y: Axis,
    pub(super) names: Vec<String>,
    pub(super) groups: Vec<Group>,
    pub(super) is_stacked: bool,
}

impl Bars {
    /// A bar a name, from nothing yet.
    #[must_use]
    pub fn new<N: Into<String>>(y: Axis, names: impl IntoIterator<Item = N>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        Self { y, names, groups: Vec::new(), is_stacked: false }
    }

    /// A part of every bar.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// The parts lie on each other instead of standing side by side.
    #[must_use]
    pub const fn stacked(mut self) -> Self {
        self.is_stacked = true;
        self
    }

    /// Every number in it.
    pub(super) fn numbers(&self) -> impl Iterator<Item = f64> {
        self.groups.iter().flat_map(|group| group.values.iter().copied())
    }

    pub(super) fn colour(&self, group: usize) -> Colour {
        self.groups[group].colour.unwrap_or_else(|| Colour::of(group))
    }
}
