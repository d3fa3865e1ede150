//! Records as JSON, and tables as JSON Schema.

use crate::field::{Field, Row, Schema, Unit, Value};
use serde_json::{Map, Number, Value as Json, json};

/// A record as a JSON object: field ids to values, amounts in bytes, what is unknown as `null`.
#[must_use]
pub fn record(row: &Row) -> Json {
    row.iter().map(|(field, value)| (field.id.to_owned(), of(value))).collect::<Map<_, _>>().into()
}

fn of(value: &Value) -> Json {
    match value {
        Value::Unknown | Value::Nothing => Json::Null,
        Value::Text(text) => text.as_str().into(),
        Value::Flag(flag) => (*flag).into(),
        Value::Count(count) => (*count).into(),
        Value::Bytes(bytes) => bytes.0.into(),
        Value::SignedBytes(delta) => delta.0.into(),
        Value::Percent(share) => number(f64::from(share.0) / 10.0),
        Value::Seconds(number_of)
        | Value::Nanoseconds(number_of)
        | Value::PerSecond(number_of)
        | Value::Factor(number_of)
        | Value::Ratio(number_of) => number(*number_of),
        Value::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Value::Record(row) => record(row),
        Value::Records(rows) => rows.iter().map(record).collect(),
    }
}

fn number(value: f64) -> Json {
    Number::from_f64(value).map_or(Json::Null, Json::Number)
}

/// The JSON Schema (draft 2020-12) of the records of a table.
#[must_use]
pub fn schema(title: &str, table: &dyn Schema) -> Json {
    let mut definitions = Map::new();
    define(table, &mut definitions);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$ref": reference(table),
        "$defs": definitions,
    })
}

fn reference(table: &dyn Schema) -> String {
    format!("#/$defs/{}", table.id())
}

fn define(table: &dyn Schema, definitions: &mut Map<String, Json>) {
    if definitions.contains_key(table.id()) {
        return;
    }
    definitions.insert(table.id().to_owned(), Json::Null);
    let fields = table.fields();
    let mut properties = Map::new();
    for field in &fields {
        properties.insert(field.id.to_owned(), property(field));
        if let Unit::Record(inner) | Unit::Records(inner) = field.unit {
            define(inner, definitions);
        }
    }
    let required: Vec<&str> = fields.iter().map(|field| field.id).collect();
    let definition = json!({
        "type": "object",
        "description": table.help(),
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    definitions.insert(table.id().to_owned(), definition);
}

fn property(field: &Field) -> Json {
    let mut property = match field.unit {
        Unit::Text => json!({ "type": ["string", "null"] }),
        Unit::Flag | Unit::State => json!({ "type": ["boolean", "null"] }),
        Unit::Count | Unit::Bytes => json!({ "type": ["integer", "null"], "minimum": 0 }),
        Unit::SignedBytes => json!({ "type": ["integer", "null"] }),
        Unit::Percent => json!({ "type": ["number", "null"], "minimum": 0 }),
        Unit::Seconds | Unit::Nanoseconds | Unit::PerSecond | Unit::Factor => {
            json!({ "type": ["number", "null"], "minimum": 0 })
        }
        Unit::Ratio => json!({ "type": ["number", "null"], "minimum": 0, "maximum": 1 }),
        Unit::Texts => json!({ "type": ["array", "null"], "items": { "type": "string" } }),
        Unit::Record(inner) => {
            json!({ "anyOf": [{ "$ref": reference(inner) }, { "type": "null" }] })
        }
        Unit::Records(inner) => {
            json!({ "type": ["array", "null"], "items": { "$ref": reference(inner) } })
        }
    };
    property["description"] = field.help.into();
    property
}
