//! Cleaning on Windows: one file a region or mechanism.
//!
//! What the memory manager is told goes through NtSetSystemInformation: one call a region, which
//! takes as long as it takes. A privilege is enabled for just that call. Under Wine such calls
//! answer success and do nothing, so nothing is tried there.

mod call;
mod combine;
mod file_cache;
mod gauges;
pub(crate) mod lists;
mod memory_list;
mod performance;
mod registry;
mod selection;
mod volumes;
mod working_sets;

use super::native::privilege::{EnabledPrivilege, Privilege, PrivilegeError, enable};
use super::native::status::NtStatus;
use super::native::token::{self, Held};
use super::native::version::{self, Version};
use crate::Error;
use crate::clean::{
    Counters, Gauge, Mechanism, Outcome, Prediction, Region, Reins, Request, Status, Stop, System,
};
use gauges::Gauges;
use memtide_core::ListCommand;
use std::io;

/// What is told of Wine instead of trying.
const HOLLOW: &str = "this is Wine, whose memory manager answers success and does nothing: \
                      a clean proves nothing here";

/// Prepares a clean of this machine.
///
/// # Errors
/// Where the request names a cgroup, or this machine cannot be read.
pub(crate) fn open(request: &Request) -> Result<Box<dyn System + Send>, Error> {
    if let Some(directory) = &request.cgroup {
        return Err(Error::NotACgroup { path: directory.clone(), needs: "Linux" });
    }
    Ok(Box::new(Windows(Scene {
        version: Version::here(),
        wine: version::is_wine(),
        elevated: token::is_elevated().unwrap_or(false),
        exclude: request.exclude.clone(),
        pids: request.pids.clone(),
        gauges: Gauges::default(),
    })))
}

/// What the regions need to know of the machine and of the request.
struct Scene {
    version: Version,
    wine: bool,
    elevated: bool,
    exclude: Vec<String>,
    pids: Vec<u32>,
    gauges: Gauges,
}

impl Scene {
    /// Whether the request means some processes only.
    fn names_processes(&self) -> bool {
        !self.exclude.is_empty() || !self.pids.is_empty()
    }
}

/// This machine, for a clean.
struct Windows(Scene);

impl System for Windows {
    fn gauge(&mut self, _region: Region) -> Gauge {
        self.0.gauges.gauge()
    }

    fn predict(&mut self, region: Region) -> Prediction {
        let scene = &mut self.0;
        let prediction = match region {
            Region::WorkingSets => working_sets::predict(scene),
            Region::FileCache => file_cache::predict(scene),
            Region::ModifiedFiles => volumes::predict(scene),
            Region::Modified => memory_list::predict(region, ListCommand::FlushModifiedList),
            Region::Standby => memory_list::predict(region, ListCommand::PurgeStandbyList),
            Region::StandbyLow => {
                memory_list::predict(region, ListCommand::PurgeLowPriorityStandbyList)
            }
            Region::Registry => registry::predict(scene),
            Region::Combine => combine::predict(scene),
            Region::Slab | Region::Compact => not_here(region),
        };
        match scene.wine {
            true => Prediction { needs: Some(format!("Windows: {HOLLOW}")), ..prediction },
            false => prediction,
        }
    }

    fn carry_out(&mut self, region: Region, reins: &mut Reins<'_>) -> Outcome {
        let scene = &mut self.0;
        if scene.wine {
            return Outcome::skipped(HOLLOW);
        }
        let limited = reins.limit.is_some();
        let one_by_one = region == Region::WorkingSets && scene.names_processes();
        let outcome = match region {
            Region::WorkingSets => working_sets::carry_out(scene, reins),
            Region::FileCache => file_cache::carry_out(reins),
            Region::ModifiedFiles => volumes::carry_out(reins),
            Region::Modified => memory_list::carry_out(ListCommand::FlushModifiedList, reins),
            Region::Standby => memory_list::carry_out(ListCommand::PurgeStandbyList, reins),
            Region::StandbyLow => {
                memory_list::carry_out(ListCommand::PurgeLowPriorityStandbyList, reins)
            }
            Region::Registry => registry::carry_out(scene, reins),
            Region::Combine => combine::carry_out(scene, reins),
            Region::Slab | Region::Compact => not_here(region),
        };
        match limited && !one_by_one && outcome.mechanism.is_some() {
            true => outcome.note("the system cleans it whole: the limit holds between regions"),
            false => outcome,
        }
    }

    fn counters(&mut self, _settled: bool) -> Counters {
        self.0.gauges.counters()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            "Windows counts no refaults: what came back is at most what was read for faults"
                .to_owned(),
            "what left a working set and was used again is a transition fault, without I/O"
                .to_owned(),
        ];
        remarks.extend(self.0.wine.then(|| HOLLOW.to_owned()));
        remarks
    }
}

/// A request refuses the regions of other systems, so none of them gets here.
fn not_here(region: Region) -> ! {
    unreachable!("'{region}' is a region of Linux")
}

/// Whether the token of this process is known not to hold a privilege.
fn missing(privilege: Privilege) -> bool {
    token::held(privilege).is_ok_and(|held| held == Held::Absent)
}

/// Enables a privilege for as long as what is returned lives.
fn enabled(privilege: Privilege) -> Result<EnabledPrivilege, Error> {
    enable(privilege).map_err(not_enabled)
}

/// The call says that it succeeded when it granted nothing: error 1300 is what told.
fn not_enabled(error: PrivilegeError) -> Error {
    match error {
        PrivilegeError::NotHeld(_) => {
            let why = format!("{error} (ERROR_NOT_ALL_ASSIGNED, 1300)");
            let denied = io::Error::new(io::ErrorKind::PermissionDenied, why);
            Error::call("AdjustTokenPrivileges", denied)
        }
        PrivilegeError::Call(call, source) => Error::call(call, source),
    }
}

/// What the system said to a command.
fn told(answer: Result<Result<(), NtStatus>, Error>) -> Result<(), Error> {
    answer?.map_err(|status| Error::call("NtSetSystemInformation", status))
}

/// How a call to the memory manager ended; it may still be at work when it was stopped.
fn outcome(
    ended: Result<Result<(), Error>, Stop>,
    mechanism: Mechanism,
    needs: &'static str,
) -> Outcome {
    match ended {
        Ok(Ok(())) => Outcome::ended(Status::Done, mechanism),
        Ok(Err(error)) => Outcome::refused(error, needs),
        Err(stop) => {
            let left = "the system cannot be stopped midway and is still at it";
            Outcome::ended(Status::stopped(stop, left), mechanism).note(left)
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
