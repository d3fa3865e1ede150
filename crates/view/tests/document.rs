//! docs/JSON.md is what the tables say.

use memtide_view::fields::OUTPUTS;
use memtide_view::{Schema, Unit, markdown};
use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_document_of_the_json_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/JSON.md");
    if std::env::var_os("MEMTIDE_BLESS").is_some() {
        std::fs::write(&path, markdown::document()).expect("written");
    }
    let found = std::fs::read_to_string(&path).expect("docs/JSON.md");
    assert!(
        found == markdown::document(),
        "docs/JSON.md is not what the tables say: MEMTIDE_BLESS=1 cargo test -p memtide-view"
    );
}

fn every_table(table: &'static dyn Schema, found: &mut BTreeMap<&str, &'static dyn Schema>) {
    if found.insert(table.id(), table).is_none() {
        for field in table.fields() {
            if let Unit::Record(inner) | Unit::Records(inner) = field.unit {
                every_table(inner, found);
            }
        }
    }
}

#[test]
fn names_are_stable_words_and_every_field_is_explained() {
    let mut tables = BTreeMap::new();
    for output in &OUTPUTS {
        every_table(output.table, &mut tables);
    }
    assert!(tables.len() > OUTPUTS.len());
    for table in tables.values() {
        let mut ids: Vec<_> = table.fields().iter().map(|field| field.id).collect();
        for field in table.fields() {
            let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(field.id.chars().all(snake), "{}.{}", table.id(), field.id);
            assert!(field.help.ends_with('.'), "{}.{}: {}", table.id(), field.id, field.help);
            assert!(!field.title.is_empty(), "{}.{}", table.id(), field.id);
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), table.fields().len(), "{} names a field twice", table.id());
    }
}
