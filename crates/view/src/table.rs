//! The columns of one kind of record.

use crate::field::{Field, Row, Schema, Value};

/// One field of a record, and how it is had from it.
pub struct Column<T: 'static> {
    /// The field.
    pub field: Field,
    /// Its value in a record.
    pub get: fn(&T) -> Value,
}

/// All fields of one kind of record, in the order they are shown.
pub struct Table<T: 'static> {
    /// Its name: a definition of this name stands in the JSON Schema.
    pub id: &'static str,
    /// What one record is, in one sentence.
    pub help: &'static str,
    /// The columns.
    pub columns: &'static [Column<T>],
}

impl<T> Table<T> {
    /// Lays out one record.
    pub fn row(&'static self, record: &T) -> Row {
        self.columns.iter().map(|column| (&column.field, (column.get)(record))).collect()
    }

    /// Lays out many records.
    pub fn rows<'a>(&'static self, records: impl IntoIterator<Item = &'a T>) -> Vec<Row> {
        records.into_iter().map(|record| self.row(record)).collect()
    }

    /// One record as the value of a field of another.
    pub fn record(&'static self, record: &T) -> Value {
        Value::Record(self.row(record))
    }

    /// Many records as the value of a field of another.
    pub fn records<'a>(&'static self, records: impl IntoIterator<Item = &'a T>) -> Value {
        Value::Records(self.rows(records))
    }
}

impl<T> Schema for Table<T> {
    fn id(&self) -> &'static str {
        self.id
    }

    fn help(&self) -> &'static str {
        self.help
    }

    fn fields(&self) -> Vec<&'static Field> {
        self.columns.iter().map(|column| &column.field).collect()
    }
}
