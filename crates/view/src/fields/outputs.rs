//! What each command prints with --json.

use super::{
    BENCH, CAMPAIGN, CHANGE, CLEANED, DEMO, DOCTOR, EXPERIMENT, EXPERIMENT_LIST, FIT, LISTS,
    OBJECTS, POLICIES, PROCESSES, REPLAYED, RUN, SERVICE_CHANGE, STATUS, TRACE, WAITED, WRITTEN,
};
use crate::Schema;

/// The output of one command.
pub struct Output {
    /// The command.
    pub command: &'static str,
    /// What is printed: the record of this table, whole or once a line.
    pub table: &'static dyn Schema,
}

/// Every command with --json.
pub static OUTPUTS: [Output; 22] = [
    Output { command: "status", table: &STATUS },
    Output { command: "lists", table: &LISTS },
    Output { command: "ps", table: &PROCESSES },
    Output { command: "objects", table: &OBJECTS },
    Output { command: "watch", table: &CHANGE },
    Output { command: "wait", table: &WAITED },
    Output { command: "clean", table: &CLEANED },
    Output { command: "doctor", table: &DOCTOR },
    Output { command: "service", table: &SERVICE_CHANGE },
    Output { command: "sim run", table: &RUN },
    Output { command: "sim experiment", table: &EXPERIMENT },
    Output { command: "sim experiment list", table: &EXPERIMENT_LIST },
    Output { command: "sim campaign", table: &CAMPAIGN },
    Output { command: "sim replay", table: &REPLAYED },
    Output { command: "sim fit", table: &FIT },
    Output { command: "sim policies", table: &POLICIES },
    Output { command: "sim trace", table: &TRACE },
    Output { command: "sim record", table: &WRITTEN },
    Output { command: "sim convert", table: &WRITTEN },
    Output { command: "sim generate", table: &WRITTEN },
    Output { command: "live bench", table: &BENCH },
    Output { command: "live demo", table: &DEMO },
];
