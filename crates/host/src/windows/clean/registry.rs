//! `registry`: changed pages of the registry are written, and its cache is given up.

use super::{Outcome, Scene, call, outcome, told};
use crate::Error;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins};
use crate::windows::native::system_information;
use crate::windows::native::version::Version;

/// SystemRegistryReconciliationInformation.
const RECONCILIATION: i32 = 155;

const NEEDS: &str = "an administrator's elevated process";

fn mechanism() -> Mechanism {
    let name = "NtSetSystemInformation(SystemRegistryReconciliationInformation)".to_owned();
    Mechanism { name, evidence: Evidence::TakesNothing }
}

/// Why this Windows has no such call.
fn missing(version: Version) -> Option<String> {
    let since = Version::WINDOWS_8_1;
    (version < since).then(|| format!("it needs Windows 8.1 ({since}), and this is {version}"))
}

pub(super) fn predict(scene: &Scene) -> Prediction {
    let missing = missing(scene.version);
    Prediction {
        region: Region::Registry,
        estimate: Estimate::Unknown,
        effect: Effect::MovedToStandby,
        basis: "the system doesn't tell how much of the registry is in memory".to_owned(),
        mechanism: missing.is_none().then(mechanism),
        needs: missing.or_else(|| Some(NEEDS.to_owned()).filter(|_| !scene.elevated)),
    }
}

pub(super) fn carry_out(scene: &Scene, reins: &mut Reins<'_>) -> Outcome {
    if let Some(why) = missing(scene.version) {
        return Outcome::skipped(why);
    }
    reins.tell("the system is at it");
    outcome(call::make(reins, reconcile), mechanism(), NEEDS)
}

fn reconcile() -> Result<(), Error> {
    told(system_information::set_nothing(RECONCILIATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_before_8_1_is_told_what_it_would_need() {
        let why = missing(Version::new(6, 1, 7601)).expect("it is too old");
        assert_eq!(why, "it needs Windows 8.1 (6.3.9600), and this is 6.1.7601");
        assert_eq!(missing(Version::WINDOWS_8_1), None);
    }
}
