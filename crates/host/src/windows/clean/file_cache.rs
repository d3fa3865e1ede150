//! `file-cache`: the working set of the system's file cache.
//!
//! The same as the documented SetSystemFileCacheSize with both sizes of all ones: the cache is
//! trimmed at once, and its limits stay as they are.

use super::{Outcome, Scene, call, enabled, missing, outcome, told};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins};
use crate::windows::memory_lists::{FileCacheInformation, file_cache};
use crate::windows::native::privilege::Privilege;
use crate::windows::native::system_information;

/// SystemFileCacheInformationEx, which sets its limits.
const FILE_CACHE_LIMITS: i32 = 81;

const NEEDS: &str = "SeIncreaseQuotaPrivilege, as an administrator's elevated process has";

fn mechanism() -> Mechanism {
    let name = "NtSetSystemInformation(SystemFileCacheInformationEx)".to_owned();
    Mechanism { name, evidence: Evidence::Blind }
}

pub(super) fn predict(_scene: &Scene) -> Prediction {
    let size = file_cache();
    Prediction {
        region: Region::FileCache,
        estimate: size.map_or(Estimate::Unknown, Estimate::AtMost),
        effect: Effect::MovedToStandby,
        basis: match size {
            Some(_) => "the file cache's working set; what it has to write leaves as modified",
            None => "the system doesn't tell how large the file cache's working set is",
        }
        .to_owned(),
        mechanism: Some(mechanism()),
        needs: missing(Privilege::IncreaseQuota).then(|| NEEDS.to_owned()),
    }
}

pub(super) fn carry_out(reins: &mut Reins<'_>) -> Outcome {
    reins.tell("the system is at it");
    outcome(call::make(reins, empty), mechanism(), NEEDS)
}

fn empty() -> Result<(), Error> {
    let _privilege = enabled(Privilege::IncreaseQuota)?;
    let mut limits = FileCacheInformation::default();
    limits.minimum = usize::MAX;
    limits.maximum = usize::MAX;
    told(system_information::set(FILE_CACHE_LIMITS, &mut limits))
}
