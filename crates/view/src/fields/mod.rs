//! The tables: one file a kind of record.

mod bench;
mod campaign;
mod capability;
mod change;
mod clean;
mod commit;
mod condition;
mod container;
mod demo;
mod experiment;
mod fit;
mod lists;
mod object;
mod observation;
mod outputs;
mod policies;
mod pools;
mod process;
mod replayed;
mod run;
mod service;
mod stall;
mod status;
mod trace;
mod waited;

pub use bench::{BENCH, BENCH_ROW, BenchRow};
pub use campaign::{CAMPAIGN, Campaign, FAILURE, FoundFailure, HAPPENED};
pub use capability::{CAPABILITY, DOCTOR};
pub use change::CHANGE;
pub use clean::{CLEANED, Cleaned, PREDICTION, STEP};
pub use commit::COMMIT;
pub use condition::CONDITION;
pub use container::CONTAINER;
pub use demo::{DEMO, DEMO_RESULT, DemoRecent, DemoResult, DemoStep};
pub use experiment::{
    EXPERIMENT, EXPERIMENT_LIST, EXPERIMENT_NAME, EXPERIMENT_STEP, FINDING, SEEN, SEEN_ROW,
};
pub use fit::{FIT, FIT_SIZE, FitReport};
pub use lists::{IN_USE, LISTS};
pub use object::{LISTENER, OBJECT, OBJECTS};
pub use observation::OBSERVATION;
pub use outputs::{OUTPUTS, Output};
pub use policies::{POLICIES, POLICY, PoliciesReport, PolicyOutcome};
pub use pools::{POOL, POOLS};
pub use process::{PROCESS, PROCESSES};
pub use replayed::{REPLAYED, REPLAYED_LISTS, Replayed};
pub use run::{
    FAULTS, PAGING, RUN, RUN_CHANGE, RUN_COMMAND, RUN_CONDITION, RUN_DISK, RUN_FILES, RUN_PROCESS,
    RUN_SAMPLE, RUN_SAMPLE_PROCESS, run_file,
};
pub use service::{SERVICE_CHANGE, ServiceChange};
pub use stall::STALL;
pub use status::{STATUS, Status};
pub use trace::{TRACE, TRACE_FAULTS, WRITTEN};
pub use waited::{WAITED, Waited};

/// A column: id, title, unit, help, and how its value is had.
macro_rules! column {
    ($id:literal, $title:literal, $unit:expr, $help:literal, $get:expr) => {
        crate::Column {
            field: crate::Field { id: $id, title: $title, unit: $unit, help: $help },
            get: $get,
        }
    };
}
pub(crate) use column;
