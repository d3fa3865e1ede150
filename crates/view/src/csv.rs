//! Records as comma-separated values (RFC 4180, with LF at the ends of lines): a line of names,
//! then a line a record.
//!
//! Names are those of JSON with the unit behind them: `active_bytes`, `time_seconds`. Records
//! within records are columns named after both, `faults_soft`; lists of records are files of
//! their own. What is unknown, or is not, is empty.

use crate::field::{Row, Schema, Unit, Value};

/// Records, without the lists of records in them.
#[must_use]
pub fn table(schema: &dyn Schema, rows: &[Row]) -> String {
    let mut names = Vec::new();
    name_columns("", schema, &mut names);
    let lines = rows.iter().map(|row| {
        let mut cells = Vec::new();
        fill_cells(schema, Some(row), &mut cells);
        cells
    });
    written(&names, lines)
}

/// The records of a list in each record, with a field of the outer record before them.
///
/// # Panics
/// When the table has no list `list` or no field `key`: a mistake of the caller's source.
#[must_use]
pub fn nested(schema: &dyn Schema, rows: &[Row], list: &str, key: &str) -> String {
    let field_of = |id: &str| {
        let found = schema.fields().into_iter().find(|field| field.id == id);
        found.unwrap_or_else(|| panic!("the table {} has no field {id}", schema.id()))
    };
    let Unit::Records(inner) = field_of(list).unit else {
        panic!("the field {list} of the table {} is no list", schema.id())
    };
    let mut names = vec![name("", key, field_of(key).unit)];
    name_columns("", inner, &mut names);
    let value_of = |row: &Row, id: &str| {
        row.iter().find(|(field, _)| field.id == id).map(|(_, value)| value.clone())
    };
    let mut lines = Vec::new();
    for row in rows {
        let begins = value_of(row, key).as_ref().map(cell).unwrap_or_default();
        let Some(Value::Records(records)) = value_of(row, list) else { continue };
        for record in &records {
            let mut cells = vec![begins.clone()];
            fill_cells(inner, Some(record), &mut cells);
            lines.push(cells);
        }
    }
    written(&names, lines.into_iter())
}

fn written(names: &[String], lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let is_written = |result: csv::Result<()>| result.expect("memory takes what is written");
    is_written(writer.write_record(names));
    lines.for_each(|line| is_written(writer.write_record(line)));
    let bytes = writer.into_inner().expect("memory takes what is written");
    String::from_utf8(bytes).expect("texts are texts")
}

fn name_columns(prefix: &str, schema: &dyn Schema, names: &mut Vec<String>) {
    for field in schema.fields() {
        match field.unit {
            Unit::Record(inner) => name_columns(&format!("{prefix}{}_", field.id), inner, names),
            Unit::Records(_) => {}
            unit => names.push(name(prefix, field.id, unit)),
        }
    }
}

fn name(prefix: &str, id: &str, unit: Unit) -> String {
    let unit = match unit {
        Unit::Bytes | Unit::SignedBytes => "_bytes",
        Unit::Percent => "_percent",
        Unit::Seconds => "_seconds",
        Unit::Nanoseconds if !id.starts_with("ns_") => "_ns",
        Unit::PerSecond if !id.ends_with("_per_second") => "_per_second",
        _ => "",
    };
    format!("{prefix}{id}{unit}")
}

fn fill_cells(schema: &dyn Schema, row: Option<&Row>, cells: &mut Vec<String>) {
    for field in schema.fields() {
        let value = row.and_then(|row| {
            row.iter().find(|(found, _)| found.id == field.id).map(|(_, value)| value)
        });
        match (field.unit, value) {
            (Unit::Record(inner), Some(Value::Record(row))) => fill_cells(inner, Some(row), cells),
            (Unit::Record(inner), _) => fill_cells(inner, None, cells),
            (Unit::Records(_), _) => {}
            (_, value) => cells.push(value.map(cell).unwrap_or_default()),
        }
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Unknown | Value::Nothing | Value::Record(_) | Value::Records(_) => String::new(),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => flag.to_string(),
        Value::Count(count) => count.to_string(),
        Value::Bytes(bytes) => bytes.0.to_string(),
        Value::SignedBytes(delta) => delta.0.to_string(),
        Value::Percent(share) => (f64::from(share.0) / 10.0).to_string(),
        Value::Seconds(number)
        | Value::Nanoseconds(number)
        | Value::PerSecond(number)
        | Value::Factor(number)
        | Value::Ratio(number) => number.to_string(),
        Value::Texts(texts) => texts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, Field, Table};
    use memtide_core::units::Bytes;

    struct Inner(u64);
    struct Outer(&'static str, Option<u64>, Inner, Vec<Inner>);

    static INNER: Table<Inner> = Table {
        id: "inner",
        help: "Inner.",
        columns: &[Column {
            field: Field { id: "time", title: "TIME", unit: Unit::Seconds, help: "Time." },
            get: |inner| Value::Seconds(inner.0 as f64),
        }],
    };

    static OUTER: Table<Outer> = Table {
        id: "outer",
        help: "Outer.",
        columns: &[
            Column {
                field: Field { id: "name", title: "NAME", unit: Unit::Text, help: "Name." },
                get: |outer| Value::text(outer.0),
            },
            Column {
                field: Field { id: "size", title: "SIZE", unit: Unit::Bytes, help: "Size." },
                get: |outer| Value::bytes(outer.1.map(Bytes)),
            },
            Column {
                field: Field { id: "one", title: "ONE", unit: Unit::Record(&INNER), help: "One." },
                get: |outer| INNER.record(&outer.2),
            },
            Column {
                field: Field { id: "all", title: "ALL", unit: Unit::Records(&INNER), help: "All." },
                get: |outer| INNER.records(&outer.3),
            },
        ],
    };

    fn rows() -> Vec<Row> {
        OUTER.rows(&[
            Outer("a, \"b\"", Some(4_096), Inner(1), vec![Inner(2), Inner(3)]),
            Outer("c", None, Inner(4), Vec::new()),
        ])
    }

    #[test]
    fn names_carry_units_and_what_is_unknown_is_empty() {
        let expected = "name,size_bytes,one_time_seconds\n\"a, \"\"b\"\"\",4096,1\nc,,4\n";
        assert_eq!(table(&OUTER, &rows()), expected);
    }

    #[test]
    fn a_list_within_records_is_a_table_with_the_key_before_each() {
        let expected = "name,time_seconds\n\"a, \"\"b\"\"\",2\n\"a, \"\"b\"\"\",3\n";
        assert_eq!(nested(&OUTER, &rows(), "all", "name"), expected);
    }
}
