//! Every field of Memtide once: its name, unit, help and format.
//!
//! A [`Table`] lists the columns of one kind of record; each [`Column`] is a [`Field`] and how it
//! is had from the record. The terminal, JSON and the JSON Schema are laid out from the tables and
//! know no field by name:
//!
//! - [`fields`]: the tables;
//! - [`json`]: records as JSON, tables as JSON Schema;
//! - [`csv`]: records as comma-separated values;
//! - [`run`]: a simulated run as text;
//! - [`text`]: records as text for a terminal;
//! - [`markdown`]: the tables as a document.

pub mod csv;
mod field;
pub mod fields;
pub mod json;
pub mod markdown;
pub mod run;
mod table;
pub mod text;

pub use field::{Field, Row, Schema, Unit, Value};
pub use table::{Column, Table};
