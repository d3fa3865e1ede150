//! What is to be cleaned, and within which bounds.

use super::{Region, Weight};
use memtide_core::units::Bytes;
use std::path::PathBuf;
use std::time::Duration;

/// What is to be cleaned, and within which bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The regions, in any order.
    pub regions: Vec<Region>,
    /// Stop once so much has been made free.
    pub limit: Option<Bytes>,
    /// The longest time a region may take.
    pub timeout: Option<Duration>,
    /// Programs whose working sets are left alone: the name of the process, or of its file.
    pub exclude: Vec<String>,
    /// The only processes whose working sets are taken; empty is all of them.
    pub pids: Vec<u32>,
    /// The directory of a memory cgroup: only its processes and its page cache.
    pub cgroup: Option<PathBuf>,
}

impl Default for Request {
    /// The light regions of this system, without bounds.
    fn default() -> Self {
        let light = |region: &Region| region.weight() == Weight::Light;
        Self {
            regions: Region::here().filter(light).collect(),
            limit: None,
            timeout: None,
            exclude: Vec::new(),
            pids: Vec::new(),
            cgroup: None,
        }
    }
}

/// Why a request makes no sense on this system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A region of another system.
    #[error("region '{region}' exists on {} only; here there are {}", only_on(*region), here())]
    NotHere {
        /// The region.
        region: Region,
    },
    /// No region at all.
    #[error("no region is named; here there are {}", here())]
    Nothing,
    /// Processes are named, and nothing is to be done to them.
    #[error("processes are named, but 'working-sets', the only region they matter to, is not")]
    PidsWithoutWorkingSets,
    /// Programs are excluded, and nothing is to be done to any.
    #[error("programs are excluded, but 'working-sets', the only region that looks, is not named")]
    ExcludeWithoutWorkingSets,
}

fn only_on(region: Region) -> &'static str {
    region.only_on().unwrap_or("another system")
}

fn here() -> String {
    let names: Vec<_> = Region::here().map(Region::name).collect();
    names.join(", ")
}

impl Request {
    /// The steps that carry it out, in the order that works and each once.
    ///
    /// `standby` covers `standby-low`, which is left out when both are named.
    ///
    /// # Errors
    /// Where the request makes no sense on this system.
    pub fn steps(&self) -> Result<Vec<Region>, RequestError> {
        if let Some(&region) = self.regions.iter().find(|region| !region.is_here()) {
            return Err(RequestError::NotHere { region });
        }
        let has = |region| self.regions.contains(&region);
        if self.regions.is_empty() {
            return Err(RequestError::Nothing);
        }
        if !has(Region::WorkingSets) && !self.pids.is_empty() {
            return Err(RequestError::PidsWithoutWorkingSets);
        }
        if !has(Region::WorkingSets) && !self.exclude.is_empty() {
            return Err(RequestError::ExcludeWithoutWorkingSets);
        }
        let covered = |region| region == Region::StandbyLow && has(Region::Standby);
        Ok(Region::here().filter(|region| has(*region) && !covered(*region)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(regions: &[Region]) -> Request {
        Request { regions: regions.to_vec(), ..Request::default() }
    }

    #[test]
    fn nothing_heavy_is_done_unasked() {
        let steps = Request::default().steps().expect("the default makes sense");
        assert_eq!(steps, [Region::StandbyLow, Region::Combine]);
    }

    #[test]
    fn steps_come_once_and_in_the_order_that_works() {
        use Region::{Combine, Modified, Standby, StandbyLow, WorkingSets};
        let asked = [Combine, Standby, StandbyLow, Modified, WorkingSets, Standby];
        let steps = request(&asked).steps().expect("all exist");
        assert_eq!(steps, [WorkingSets, Modified, Standby, Combine]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_region_of_another_system_is_refused_with_what_exists() {
        let error = request(&[Region::Registry]).steps().expect_err("not on Linux");
        let text = error.to_string();
        assert!(text.contains("Windows only") && text.contains("working-sets, modified"), "{text}");
    }

    #[test]
    fn bounds_that_would_do_nothing_are_refused() {
        let pids = Request { pids: vec![1], ..Request::default() };
        assert_eq!(pids.steps(), Err(RequestError::PidsWithoutWorkingSets));
        let exclude = Request { exclude: vec!["x".into()], ..Request::default() };
        assert_eq!(exclude.steps(), Err(RequestError::ExcludeWithoutWorkingSets));
        assert_eq!(request(&[]).steps(), Err(RequestError::Nothing));
    }
}
