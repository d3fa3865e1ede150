//! `combine`: equal pages of one security domain, kept once until one of them is written to.

use super::{Outcome, Scene, call, enabled, outcome, told};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins};
use crate::windows::native::privilege::Privilege;
use crate::windows::native::system_information;
use crate::windows::native::version::Version;
use memtide_core::units::Bytes;
use std::mem::offset_of;

/// SystemCombinePhysicalMemoryInformation.
const COMBINE: i32 = 130;

const NEEDS: &str = "SeProfileSingleProcessPrivilege, as an administrator's elevated process has";

/// MEMORY_COMBINE_INFORMATION_EX.
#[derive(Clone, Copy, Default)]
#[repr(C)]
struct Layout {
    /// An event that ends it early; none is given.
    event: usize,
    combined: usize,
    flags: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Layout>() == 24 && offset_of!(Layout, combined) == 8);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Layout>() == 12 && offset_of!(Layout, combined) == 4);

fn mechanism() -> Mechanism {
    let name = "NtSetSystemInformation(SystemCombinePhysicalMemoryInformation)".to_owned();
    Mechanism { name, evidence: Evidence::TakesNothing }
}

/// Why this Windows has no such call.
fn missing(version: Version) -> Option<String> {
    let since = Version::WINDOWS_10;
    (version < since).then(|| format!("it needs Windows 10 ({since}), and this is {version}"))
}

pub(super) fn predict(scene: &Scene) -> Prediction {
    let missing = missing(scene.version);
    Prediction {
        region: Region::Combine,
        estimate: Estimate::Unknown,
        effect: Effect::MadeFree,
        basis: "equal pages show only when they are compared".to_owned(),
        mechanism: missing.is_none().then(mechanism),
        needs: missing
            .or_else(|| super::missing(Privilege::ProfileSingleProcess).then(|| NEEDS.to_owned())),
    }
}

pub(super) fn carry_out(scene: &Scene, reins: &mut Reins<'_>) -> Outcome {
    if let Some(why) = missing(scene.version) {
        return Outcome::skipped(why);
    }
    reins.tell("the system compares pages");
    match call::make(reins, combine) {
        Ok(Ok(pages)) => outcome(Ok(Ok(())), mechanism(), NEEDS)
            .note(format!("{pages} pages combined ({})", Bytes::from_pages(pages))),
        ended => outcome(ended.map(|ended| ended.map(drop)), mechanism(), NEEDS),
    }
}

/// How many pages were combined.
fn combine() -> Result<u64, Error> {
    let _privilege = enabled(Privilege::ProfileSingleProcess)?;
    let mut request = Layout::default();
    told(system_information::set(COMBINE, &mut request))?;
    Ok(request.combined as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_before_10_is_told_what_it_would_need() {
        let why = missing(Version::WINDOWS_8_1).expect("it is too old");
        assert_eq!(why, "it needs Windows 10 (10.0.10240), and this is 6.3.9600");
        assert_eq!(missing(Version::new(10, 0, 26100)), None);
    }
}
