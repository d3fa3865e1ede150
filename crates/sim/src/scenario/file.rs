//! A scenario as it is written: the tables of its file.

use serde::Deserialize;
use toml::Spanned;

use super::event::EventTable;
use super::machine::{
    CompressionTable, CostsTable, DiskTable, FaultsTable, MachineTable, PageFileTable,
};
use super::policy::PolicyTable;
use super::process::ProcessTable;
use super::section::SectionTable;
use super::thresholds::ThresholdsTable;
use super::value::{Placed, Span, Whole};

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) description: String,
    pub(super) seed: Placed<Whole>,
    pub(super) duration: Placed<Span>,
    pub(super) sample: Placed<Span>,
    pub(super) machine: Spanned<MachineTable>,
    #[serde(default)]
    pub(super) disk: Vec<Spanned<DiskTable>>,
    #[serde(default)]
    pub(super) page_file: Vec<Spanned<PageFileTable>>,
    pub(super) compression: Option<Spanned<CompressionTable>>,
    pub(super) thresholds: Option<Spanned<ThresholdsTable>>,
    pub(super) policy: Option<Spanned<PolicyTable>>,
    #[serde(default)]
    pub(super) costs: CostsTable,
    #[serde(default)]
    pub(super) faults: FaultsTable,
    #[serde(default)]
    pub(super) section: Vec<Spanned<SectionTable>>,
    #[serde(default)]
    pub(super) process: Vec<Spanned<ProcessTable>>,
    #[serde(default)]
    pub(super) event: Vec<Spanned<EventTable>>,
}
