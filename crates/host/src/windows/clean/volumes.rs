//! `modified-files`: the file cache writes its changed pages, volume by volume.

use super::{Outcome, Scene, call};
use crate::Error;
use crate::clean::{
    Effect, Estimate, Evidence, Mechanism, Prediction, Region, Reins, Status, Stop,
};
use crate::windows::native::drive;
use memtide_core::units::Bytes;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

const NEEDS: &str = "an administrator's elevated process, for write access to a volume";

fn mechanism() -> Mechanism {
    Mechanism { name: "FlushFileBuffers".to_owned(), evidence: Evidence::TakesNothing }
}

/// The volumes that have a letter, as they are opened.
fn volumes() -> Vec<PathBuf> {
    drive::letters().map(|letter| PathBuf::from(format!(r"\\.\{letter}:"))).collect()
}

fn list(volumes: &[PathBuf]) -> String {
    let names: Vec<_> = volumes.iter().map(|volume| volume.display().to_string()).collect();
    names.join(", ")
}

pub(super) fn predict(scene: &mut Scene) -> Prediction {
    let dirty = scene.gauges.performance().cache_pages_dirty;
    let volumes = volumes();
    Prediction {
        region: Region::ModifiedFiles,
        estimate: dirty
            .map_or(Estimate::Unknown, |pages| Estimate::AtMost(Bytes::from_pages(pages))),
        effect: Effect::MovedToStandby,
        basis: format!("what the file cache has to write, to {}", list(&volumes)),
        mechanism: Some(mechanism()),
        needs: (!scene.elevated).then(|| NEEDS.to_owned()),
    }
}

pub(super) fn carry_out(reins: &mut Reins<'_>) -> Outcome {
    let volumes = volumes();
    let (mut flushed, mut refused, mut stopped) = (0, Vec::new(), None);
    for volume in &volumes {
        stopped = reins.stop();
        if stopped.is_some() {
            break;
        }
        reins.tell(&volume.display().to_string());
        let path = volume.clone();
        match call::make(reins, move || flush(&path)) {
            Ok(Ok(())) => flushed += 1,
            Ok(Err(error)) => refused.push(error),
            Err(stop) => stopped = Some(stop),
        }
        if stopped.is_some() {
            break;
        }
    }
    let left = volumes.len() - flushed - refused.len();
    ended(volumes.len(), left, refused, stopped)
}

fn flush(volume: &Path) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).open(volume);
    let file = file.map_err(|error| Error::file("opening", volume, error))?;
    file.sync_all().map_err(|error| Error::file("flushing", volume, error))
}

fn ended(of: usize, left: usize, mut refused: Vec<Error>, stopped: Option<Stop>) -> Outcome {
    if let Some(stop) = stopped {
        let status = Status::stopped(stop, format!("{left} of {of} volumes are left"));
        return Outcome::ended(status, mechanism());
    }
    if of == 0 {
        return Outcome::skipped("no volume has a letter");
    }
    if refused.len() == of {
        return Outcome::refused(refused.swap_remove(0), NEEDS);
    }
    let status = match refused.is_empty() {
        true => Status::Done,
        false => {
            let why: Vec<_> = refused.iter().map(ToString::to_string).collect();
            Status::Partial { why: why.join("; ") }
        }
    };
    Outcome::ended(status, mechanism())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn a_volume_that_is_not_there_is_refused_with_its_name() {
        let error = flush(Path::new(r"\\.\memtide-nowhere:")).expect_err("there is none");
        assert!(error.to_string().starts_with(r"opening \\.\memtide-nowhere:: "), "{error}");
    }

    #[test]
    fn one_volume_refused_is_partial_and_all_are_a_refusal() {
        let error = || {
            let source = io::Error::from_raw_os_error(5);
            Error::file("opening", Path::new(r"\\.\D:"), source)
        };
        let partial = ended(2, 0, vec![error()], None);
        assert!(matches!(&partial.status, Status::Partial { why } if why.contains(r"\\.\D:")));
        let refused = ended(1, 0, vec![error()], None);
        assert!(refused.status.reason().is_some_and(|reason| reason.contains("elevated")));
        let late = ended(3, 2, Vec::new(), Some(Stop::TimedOut));
        assert_eq!(late.status.reason().as_deref(), Some("2 of 3 volumes are left"));
        assert!(matches!(ended(0, 0, Vec::new(), None).status, Status::Skipped { .. }));
    }

    #[test]
    fn the_drive_we_run_from_is_among_the_volumes() {
        let here = std::env::current_exe().expect("a file");
        let letter = here.to_string_lossy().chars().next().expect("a letter");
        let volume = PathBuf::from(format!(r"\\.\{}:", letter.to_ascii_uppercase()));
        assert!(volumes().contains(&volume), "{volume:?} of {:?}", volumes());
    }
}
