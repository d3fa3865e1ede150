//! A field, its unit and its values; records of fields, and what fields a record has.

use memtide_core::conditions::Permille;
use memtide_core::units::{ByteDelta, Bytes};

/// What a field counts in, which decides how it looks in JSON and on a terminal.
#[derive(Clone, Copy)]
pub enum Unit {
    /// A text.
    Text,
    /// Yes or no.
    Flag,
    /// Whether a condition is set: `true` or `false` in JSON, set or clear on a terminal.
    State,
    /// A number of things.
    Count,
    /// An amount of memory: bytes in JSON.
    Bytes,
    /// A change in memory: signed bytes in JSON.
    SignedBytes,
    /// A share of the whole: percent in JSON.
    Percent,
    /// A length of time: seconds in JSON.
    Seconds,
    /// A length of time, in nanoseconds.
    Nanoseconds,
    /// Events a second.
    PerSecond,
    /// How many times as much.
    Factor,
    /// A share of one.
    Ratio,
    /// A list of texts.
    Texts,
    /// One record, or nothing.
    Record(&'static dyn Schema),
    /// Many records.
    Records(&'static dyn Schema),
}

/// One field: named once, and laid out by every front.
#[derive(Clone, Copy)]
pub struct Field {
    /// Its name in JSON: stable, in snake case.
    pub id: &'static str,
    /// Its name on a terminal.
    pub title: &'static str,
    /// What it counts in.
    pub unit: Unit,
    /// What it means, in one sentence.
    pub help: &'static str,
}

/// The value of a field.
#[derive(Clone)]
pub enum Value {
    /// It cannot be known: `null` in JSON.
    Unknown,
    /// There is no such record, which is known: `null` in JSON.
    Nothing,
    /// A text.
    Text(String),
    /// A flag or a state.
    Flag(bool),
    /// A number of things.
    Count(u64),
    /// An amount of memory.
    Bytes(Bytes),
    /// A change in memory.
    SignedBytes(ByteDelta),
    /// A share of the whole.
    Percent(Permille),
    /// A length of time, in seconds.
    Seconds(f64),
    /// A length of time, in nanoseconds.
    Nanoseconds(f64),
    /// Events a second.
    PerSecond(f64),
    /// How many times as much.
    Factor(f64),
    /// A share of one.
    Ratio(f64),
    /// A list of texts.
    Texts(Vec<String>),
    /// One record.
    Record(Row),
    /// Many records.
    Records(Vec<Row>),
}

impl Value {
    /// A value that may be unknown.
    pub fn known<T>(value: Option<T>, kind: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Unknown, kind)
    }

    /// An amount of memory that may be unknown.
    #[must_use]
    pub fn bytes(value: Option<Bytes>) -> Self {
        Self::known(value, Self::Bytes)
    }

    /// A text from anything that reads as one.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }
}

/// A record laid out: each field with its value.
pub type Row = Vec<(&'static Field, Value)>;

/// A table without its record: what the fields are.
pub trait Schema: Sync {
    /// The table's name.
    fn id(&self) -> &'static str;
    /// What one record is.
    fn help(&self) -> &'static str;
    /// The fields, in order.
    fn fields(&self) -> Vec<&'static Field>;
}
