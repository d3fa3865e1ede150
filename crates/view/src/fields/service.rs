//! What was done to the service.

use super::column;
use crate::{Table, Unit, Value};
use std::path::PathBuf;

/// What was done to the service.
pub struct ServiceChange {
    /// The name that the service manager knows it by.
    pub name: &'static str,
    /// What was done: `installed` or `uninstalled`.
    pub done: &'static str,
    /// Where its log is; `None` where that does not matter any more.
    pub log: Option<PathBuf>,
}

/// What was done to the service.
pub static SERVICE_CHANGE: Table<ServiceChange> = Table {
    id: "service_change",
    help: "What was done to the Windows service.",
    columns: &[
        column!("service", "service", Unit::Text, "The name the service manager knows.", |s| {
            Value::text(s.name)
        }),
        column!("done", "done", Unit::Text, "What was done: installed or uninstalled.", |s| {
            Value::text(s.done)
        }),
        column!("log", "log", Unit::Text, "Its log; null once it is uninstalled.", |s| {
            s.log.as_ref().map_or(Value::Nothing, |log| Value::text(log.to_string_lossy()))
        }),
    ],
};
