//! `file-cache`: the working set of the system's file cache.
//!
//! The same as the documented SetSystemFileCacheSize with both sizes of all ones: the cache is
//! trimmed at once, and its limits stay as they are.

use super::{Outcome, Scene, call, enabled, missing, outcome, told};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins};
use crate::windows::native::privilege::Privilege;
use crate::windows::native::system_information;
use bytemuck::AnyBitPattern;
use memtide_core::units::Bytes;
use std::mem::offset_of;

/// SystemFileCacheInformation, which tells of the file cache alone.
const FILE_CACHE: i32 = 21;
/// SystemFileCacheInformationEx, which sets it.
const FILE_CACHE_LIMITS: i32 = 81;

const NEEDS: &str = "SeIncreaseQuotaPrivilege, as an administrator's elevated process has";

/// SYSTEM_FILECACHE_INFORMATION.
#[derive(Clone, Copy, Default, AnyBitPattern)]
#[repr(C)]
struct Layout {
    current: usize,
    peak: usize,
    faults: u32,
    minimum: usize,
    maximum: usize,
    pages_with_transition: usize,
    peak_pages_with_transition: usize,
    repurposed: u32,
    flags: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Layout>() == 64);
    assert!(offset_of!(Layout, minimum) == 24);
    assert!(offset_of!(Layout, flags) == 60);
};
#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<Layout>() == 36);
    assert!(offset_of!(Layout, minimum) == 12);
    assert!(offset_of!(Layout, flags) == 32);
};

fn mechanism() -> Mechanism {
    let name = "NtSetSystemInformation(SystemFileCacheInformationEx)".to_owned();
    Mechanism { name, evidence: Evidence::Blind }
}

/// How large the working set of the cache is; `None` where the system doesn't tell.
pub(super) fn size() -> Option<Bytes> {
    let cache = system_information::query::<Layout>(FILE_CACHE).ok()?;
    // A cache of nothing is an answer that was never given.
    (cache.current > 0).then_some(Bytes(cache.current as u64))
}

pub(super) fn predict(_scene: &Scene) -> Prediction {
    let size = size();
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
    let mut limits = Layout { minimum: usize::MAX, maximum: usize::MAX, ..Layout::default() };
    told(system_information::set(FILE_CACHE_LIMITS, &mut limits))
}
