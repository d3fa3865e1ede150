//! The programs of a scenario: what its processes do, phase by phase.

mod ends;
mod growing;
mod memory;
mod plan;
mod referencing;
mod script;

pub use plan::{
    Activity, Cache, Growth, OnRefusal, Phase, Place, Plan, ViewPlan, WorkingSetLimits,
};
pub use script::Script;
