//! A setting of the kernel that holds for the time of a step.

use std::io;
use std::path::{Path, PathBuf};

/// A setting that has been changed, and is put back when this is dropped.
pub(super) struct Setting {
    path: PathBuf,
    ours: &'static str,
    before: String,
}

impl Setting {
    /// Changes a setting for the time being; `None` where it stands so already, which may be
    /// another clean's doing and is for that one to put back.
    ///
    /// # Errors
    /// The system's own, where it cannot be read or written.
    pub(super) fn hold(path: &Path, value: &'static str) -> io::Result<Option<Self>> {
        let before = std::fs::read_to_string(path)?;
        if before.trim() == value {
            return Ok(None);
        }
        std::fs::write(path, value)?;
        Ok(Some(Self { path: path.to_path_buf(), ours: value, before }))
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        let now = std::fs::read_to_string(&self.path);
        // What somebody else has set meanwhile is not ours to change.
        if now.is_ok_and(|now| now.trim() == self.ours) {
            // Nobody is left to tell of a failure here.
            let _ = std::fs::write(&self.path, &self.before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_put_back_unless_somebody_else_changed_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("setting");
        let read = || std::fs::read_to_string(&path).expect("a file");
        std::fs::write(&path, "100\n").expect("a file");
        let held = Setting::hold(&path, "1").expect("a file").expect("a change");
        assert_eq!(read(), "1");
        assert!(Setting::hold(&path, "1").expect("a file").is_none(), "it is another's");
        drop(held);
        assert_eq!(read(), "100\n");

        let held = Setting::hold(&path, "1").expect("a file");
        std::fs::write(&path, "50").expect("a file");
        drop(held);
        assert_eq!(read(), "50");
        assert!(Setting::hold(&directory.path().join("none"), "1").is_err());
    }
}
