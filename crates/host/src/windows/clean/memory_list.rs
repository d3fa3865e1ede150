//! `working-sets` of all, `modified`, `standby`, `standby-low`: commands to the memory lists.

use super::lists;
use super::{Outcome, call, enabled, missing, outcome, told};
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins};
use crate::windows::native::privilege::Privilege;
use crate::windows::native::system_information;
use memtide_core::ListCommand;
use memtide_core::lists::MemoryLists;
use memtide_core::units::Bytes;

/// SystemMemoryListInformation.
const MEMORY_LIST: i32 = 80;

const NEEDS: &str = "SeProfileSingleProcessPrivilege, as an administrator's elevated process has";

pub(super) fn mechanism(command: ListCommand) -> Mechanism {
    let (name, evidence) = match command {
        ListCommand::CaptureAccessedBits => ("MemoryCaptureAccessedBits", Evidence::TakesNothing),
        ListCommand::CaptureAndResetAccessedBits => {
            ("MemoryCaptureAndResetAccessedBits", Evidence::TakesNothing)
        }
        ListCommand::EmptyWorkingSets => ("MemoryEmptyWorkingSets", Evidence::Blind),
        ListCommand::FlushModifiedList => ("MemoryFlushModifiedList", Evidence::TakesNothing),
        ListCommand::PurgeStandbyList => ("MemoryPurgeStandbyList", Evidence::Blind),
        ListCommand::PurgeLowPriorityStandbyList => {
            ("MemoryPurgeLowPriorityStandbyList", Evidence::Blind)
        }
    };
    let name = format!("NtSetSystemInformation(SystemMemoryListInformation, {name})");
    Mechanism { name, evidence }
}

/// What is missing to give commands to the lists.
pub(super) fn needs() -> Option<String> {
    missing(Privilege::ProfileSingleProcess).then(|| NEEDS.to_owned())
}

pub(super) fn predict(region: Region, command: ListCommand) -> Prediction {
    let read = lists::read();
    let told = |amount: fn(&MemoryLists) -> Option<Bytes>| {
        read.as_ref().ok().and_then(amount).map_or(Estimate::Unknown, Estimate::About)
    };
    let (estimate, effect, of) = match region {
        Region::Modified => (
            told(|lists| lists.modified),
            Effect::MovedToStandby,
            "the modified list, once written",
        ),
        Region::StandbyLow => (
            told(|lists| lists.standby_by_priority.map(|standby| standby[0])),
            Effect::MadeFree,
            "standby pages of priority 0",
        ),
        _ => (told(|lists| lists.standby), Effect::MadeFree, "the standby list of every priority"),
    };
    let basis = read.as_ref().map_or_else(ToString::to_string, |_| of.to_owned());
    let mechanism = Some(mechanism(command));
    Prediction { region, estimate, effect, basis, mechanism, needs: needs() }
}

/// Gives a command; once it has begun, only waiting for it can be given up.
pub(super) fn carry_out(command: ListCommand, reins: &mut Reins<'_>) -> Outcome {
    reins.tell("the system is at it");
    let ended = call::make(reins, move || send(command));
    outcome(ended, mechanism(command), NEEDS)
}

/// Sends a command with the privilege enabled for just so long.
pub(super) fn send(command: ListCommand) -> Result<(), crate::Error> {
    let _privilege = enabled(Privilege::ProfileSingleProcess)?;
    let mut number = u32::from(command as u8);
    told(system_information::set(MEMORY_LIST, &mut number))
}
