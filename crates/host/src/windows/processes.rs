//! The processes of this machine. Nothing of it is carried out yet; every call says so.

use crate::Error;
use crate::processes::{Options, Process, Processes};
use std::path::{Path, PathBuf};

pub(crate) fn list(_options: &Options) -> Result<Processes, Error> {
    let why = "listing processes on Windows is pending".to_owned();
    Err(Error::Unsupported { what: "the list of processes", why })
}

pub(crate) fn largest(_count: usize) -> Result<Processes, Error> {
    list(&Options::default())
}

pub(crate) fn cgroup_path(directory: &Path) -> Result<PathBuf, Error> {
    Err(Error::NotACgroup { path: directory.to_path_buf(), needs: "Linux" })
}

/// Without a list there is nothing to measure.
pub(crate) fn measure_shares(_processes: &mut [Process]) {}
