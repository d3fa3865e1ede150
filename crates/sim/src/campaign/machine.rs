//! The machine of a run, as data.

use memtide_core::{Config, ConfigError, DirtyTracking, Policy};
use serde::{Deserialize, Serialize};

use crate::disk::DiskKind;
use crate::machine::Machine;

/// A page file of a run's machine, in pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PageFile {
    /// Its size at first.
    pub initial: u32,
    /// The size it may grow to.
    pub maximum: u32,
    /// The kind of its disk.
    pub disk: String,
}

/// The choices of the manager's policy that a run makes; the others are the defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each is a field of Policy, and is documented there")]
pub struct Choices {
    pub demand_zero_max: u32,
    pub read_cluster_max: u32,
    #[serde(default = "one")]
    pub map_ahead_max: u32,
    #[serde(default)]
    pub read_ahead_min: u32,
    pub write_cluster: u32,
    pub modified_high: u32,
    pub writes_max: u32,
    pub age_batch: u32,
    pub working_set_minimum: u32,
}

const fn one() -> u32 {
    1
}

impl Default for Choices {
    /// One page at a time.
    fn default() -> Self {
        Self {
            demand_zero_max: 1,
            read_cluster_max: 1,
            map_ahead_max: 1,
            read_ahead_min: 0,
            write_cluster: 1,
            modified_high: 16,
            writes_max: 1,
            age_batch: 64,
            working_set_minimum: 0,
        }
    }
}

impl Choices {
    fn put_into(&self, policy: &mut Policy) -> Result<(), HardwareError> {
        let choices = [
            ("demand-zero-max", self.demand_zero_max, &mut policy.demand_zero_max),
            ("read-cluster-max", self.read_cluster_max, &mut policy.read_cluster_max),
            ("map-ahead-max", self.map_ahead_max, &mut policy.map_ahead_max),
            ("write-cluster", self.write_cluster, &mut policy.write_cluster),
            ("modified-high", self.modified_high, &mut policy.modified_high),
            ("writes-max", self.writes_max, &mut policy.writes_max),
            ("age-batch", self.age_batch, &mut policy.age_batch),
        ];
        for (name, wanted, field) in choices {
            if wanted == 0 {
                return Err(HardwareError::Choice(name));
            }
            *field = wanted;
        }
        policy.read_ahead_min = self.read_ahead_min;
        policy.working_set_minimum = self.working_set_minimum;
        Ok(())
    }
}

/// The machine of a run: small, so that every step can be proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hardware {
    /// Physical pages.
    pub frames: u32,
    /// The most frames of the compression store; 0 where there is none.
    pub store: u32,
    /// Whether the first write to a clean page faults, for want of a dirty bit.
    pub dirty_by_fault: bool,
    /// The kind of the disk that the files of sections lie on.
    pub file_disk: String,
    /// The page files.
    pub page_files: Vec<PageFile>,
    /// The policy.
    pub policy: Choices,
}

/// Why a description is that of no machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HardwareError {
    /// No disk has that name.
    #[error("{0:?} is no kind of disk: expected hdd, sata-ssd, nvme or network")]
    Disk(String),
    /// More frames than a run can prove at every step.
    #[error("{0} frames: expected 1 to {FRAMES_MOST}, for every step is proved")]
    Frames(u32),
    /// A page file of more pages than a run can prove at every step.
    #[error("a page file of {0} pages: expected at most {SLOTS_MOST}, for every step is proved")]
    PageFile(u32),
    /// A choice with which nothing would ever happen.
    #[error("{0} is 0: expected at least 1")]
    Choice(&'static str),
    /// What the manager refuses.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The most frames of a run's machine.
pub const FRAMES_MOST: u32 = 65_536;

/// The most pages of a page file of a run's machine.
const SLOTS_MOST: u32 = 65_536;

impl Hardware {
    /// The machine that it describes.
    ///
    /// # Errors
    /// [`HardwareError`] with what is no machine.
    pub fn machine(&self) -> Result<Machine, HardwareError> {
        if self.frames == 0 || self.frames > FRAMES_MOST {
            return Err(HardwareError::Frames(self.frames));
        }
        let mut config = Config::new(self.frames);
        for file in &self.page_files {
            if file.maximum > SLOTS_MOST {
                return Err(HardwareError::PageFile(file.maximum));
            }
            config = config.with_page_file(file.initial, file.maximum);
        }
        if self.store > 0 {
            config = config.with_store(self.store);
        }
        if self.dirty_by_fault {
            config.dirty_tracking = DirtyTracking::Fault;
        }
        self.policy.put_into(&mut config.policy)?;
        config.check()?;
        let mut machine = Machine::new(config);
        let disk =
            |name: &str| DiskKind::named(name).ok_or_else(|| HardwareError::Disk(name.to_owned()));
        let mut disks = vec![disk(&self.file_disk)?];
        for file in &self.page_files {
            machine.page_file_disks.push(disks.len());
            disks.push(disk(&file.disk)?);
        }
        machine.disks = disks;
        machine.file_disk = 0;
        machine.has_contents = true;
        Ok(machine)
    }
}
