//! The book's experiments.

use super::column;
use crate::{Table, Unit, Value};
use memtide_sim::experiments::{self, Experiment, Finding, Outcome, Step};

/// An experiment that was made.
pub static EXPERIMENT: Table<Outcome> = Table {
    id: "experiment",
    help: "An experiment that was made.",
    columns: &[
        column!("name", "experiment", Unit::Text, "Its name.", |o| Value::text(o.name)),
        column!("question", "question", Unit::Text, "What it asks.", |o| Value::text(o.question)),
        column!(
            "steps",
            "steps",
            Unit::Records(&EXPERIMENT_STEP),
            "What was done, in order.",
            |o| { EXPERIMENT_STEP.records(&o.steps) }
        ),
        column!("findings", "findings", Unit::Records(&FINDING), "What it shows.", |o| {
            FINDING.records(&o.findings)
        }),
        column!("holds", "holds", Unit::Flag, "Whether every finding holds.", |o| {
            Value::Flag(o.holds())
        }),
    ],
};

/// Something that was done.
pub static EXPERIMENT_STEP: Table<Step> = Table {
    id: "experiment_step",
    help: "Something that was done in an experiment, and what was seen.",
    columns: &[
        column!("title", "step", Unit::Text, "What was done.", |s| Value::text(s.title.clone())),
        column!("lines", "seen", Unit::Texts, "What was seen, in words.", |s| {
            Value::Texts(s.lines.clone())
        }),
        column!("tables", "tables", Unit::Records(&SEEN), "What was seen, in tables.", |s| {
            SEEN.records(&s.tables)
        }),
    ],
};

/// A table of what was seen.
pub static SEEN: Table<experiments::Table> = Table {
    id: "seen",
    help: "A table of what was seen in an experiment.",
    columns: &[
        column!("columns", "columns", Unit::Texts, "The titles of its columns.", |t| {
            Value::Texts(t.columns.clone())
        }),
        column!("rows", "rows", Unit::Records(&SEEN_ROW), "Its rows.", |t| {
            SEEN_ROW.records(&t.rows)
        }),
    ],
};

/// A row of such a table.
pub static SEEN_ROW: Table<Vec<String>> = Table {
    id: "seen_row",
    help: "A row of a table of what was seen.",
    columns: &[column!("cells", "cells", Unit::Texts, "A text for each column.", |cells| {
        Value::Texts(cells.clone())
    })],
};

/// A statement that was checked.
pub static FINDING: Table<Finding> = Table {
    id: "finding",
    help: "A statement that an experiment checked.",
    columns: &[
        column!("statement", "statement", Unit::Text, "What is stated.", |f| {
            Value::text(f.statement.clone())
        }),
        column!("seen", "seen", Unit::Text, "What was seen that decides it.", |f| {
            Value::text(f.seen.clone())
        }),
        column!("holds", "holds", Unit::Flag, "Whether it holds.", |f| Value::Flag(f.holds)),
    ],
};

/// The list of experiments.
pub static EXPERIMENT_LIST: Table<Vec<Experiment>> = Table {
    id: "experiment_list",
    help: "The experiments that can be made.",
    columns: &[column!(
        "experiments",
        "experiments",
        Unit::Records(&EXPERIMENT_NAME),
        "Each of them.",
        |all| EXPERIMENT_NAME.records(all)
    )],
};

/// One of them.
pub static EXPERIMENT_NAME: Table<Experiment> = Table {
    id: "experiment_name",
    help: "An experiment that can be made.",
    columns: &[
        column!("name", "EXPERIMENT", Unit::Text, "Its name.", |e| Value::text(e.name)),
        column!("question", "QUESTION", Unit::Text, "What it asks.", |e| Value::text(e.question)),
    ],
};
