//! The processes of this machine. Nothing of it is carried out yet; every call says so.

use crate::Error;
use crate::processes::{Options, Process, Processes};

pub(crate) fn list(_options: &Options) -> Result<Processes, Error> {
    let why = "listing processes on Windows is pending".to_owned();
    Err(Error::Unsupported { what: "the list of processes", why })
}

/// Without a list there is nothing to measure.
pub(crate) fn measure_shares(_processes: &mut [Process]) {}
