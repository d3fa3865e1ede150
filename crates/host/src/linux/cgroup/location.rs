//! Where a process' memory cgroup is.

use crate::Error;
use crate::linux::mounts::{self, Mount};
use crate::linux::proc_file::lines;
use std::path::{Component, Path, PathBuf};

/// The version of the cgroup interface that controls memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A hierarchy of the memory controller alone.
    V1,
    /// The unified hierarchy.
    V2,
}

impl Version {
    pub(crate) const fn usage_file(self) -> &'static str {
        match self {
            Self::V1 => "memory.usage_in_bytes",
            Self::V2 => "memory.current",
        }
    }

    /// The files that limit memory; the least of them holds.
    pub(super) const fn limit_files(self) -> &'static [&'static str] {
        match self {
            Self::V1 => &["memory.limit_in_bytes"],
            // Above memory.high the kernel stalls a program until it is back below.
            Self::V2 => &["memory.max", "memory.high"],
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// A memory cgroup: its directory, and the topmost directory of its tree that can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The version of the interface.
    pub version: Version,
    /// The cgroup's directory.
    pub directory: PathBuf,
    /// Where its tree is mounted.
    pub top: PathBuf,
}

/// The paths in the text of /proc/PID/cgroup: of the memory controller's own tree (version 1),
/// and of the unified tree (version 2).
///
/// Source: cgroups(7).
#[must_use]
pub fn parse_proc_cgroup(text: &[u8]) -> (Option<PathBuf>, Option<PathBuf>) {
    let (mut v1, mut v2) = (None, None);
    for line in lines(text) {
        let mut fields = line.splitn(3, ':');
        let (Some(id), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if controllers.split(',').any(|c| c == "memory") {
            v1 = Some(PathBuf::from(path));
        } else if id == "0" && controllers.is_empty() {
            v2 = Some(PathBuf::from(path));
        }
    }
    (v1, v2)
}

impl Location {
    /// The memory cgroup of this process; `None` where there is none or it cannot be seen.
    ///
    /// `root` is `/`, or the root of a tree that stands for it.
    #[must_use]
    pub fn of_this_process(root: &Path) -> Option<Self> {
        let read = |name: &str| std::fs::read(root.join("proc/self").join(name)).ok();
        let (v1, v2) = parse_proc_cgroup(&read("cgroup")?);
        let mounts = mounts::parse(&read("mountinfo")?);
        let find = |version, path: &Path| {
            let mount = mounts.iter().rfind(|m| is_memory(m, version))?;
            Self::within(root, mount, version, path)
        };
        // The memory controller is in one tree at a time: its own where it is listed there.
        let own = v1.and_then(|path| find(Version::V1, &path));
        own.or_else(|| v2.and_then(|path| find(Version::V2, &path)))
    }

    /// The memory cgroup in a directory that the user names.
    ///
    /// # Errors
    /// [`Error::NotACgroup`] where the directory has no memory controller.
    pub fn at(directory: &Path) -> Result<Self, Error> {
        let needs = "memory.current (version 2) or memory.usage_in_bytes (version 1)";
        let directory = match directory.canonicalize() {
            Ok(directory) => directory,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotACgroup { path: directory.to_path_buf(), needs });
            }
            Err(error) => return Err(Error::file("looking up the cgroup", directory, error)),
        };
        let has = |directory: &Path, version: Version| {
            directory.join(version.usage_file()).exists() || directory.join("memory.stat").exists()
        };
        let version = [Version::V1, Version::V2]
            .into_iter()
            .find(|version| directory.join(version.usage_file()).exists())
            .ok_or_else(|| Error::NotACgroup { path: directory.clone(), needs })?;
        let top = directory.ancestors().take_while(|d| has(d, version)).last();
        Ok(Self { version, top: top.unwrap_or(&directory).to_path_buf(), directory })
    }

    fn within(root: &Path, mount: &Mount, version: Version, path: &Path) -> Option<Self> {
        // In a container the tree may be mounted from the container's own cgroup downwards.
        let below = path.strip_prefix(&mount.root).ok().or_else(|| path.strip_prefix("/").ok())?;
        if below.components().any(|c| !matches!(c, Component::Normal(_))) {
            return None;
        }
        let top = root.join(mount.point.strip_prefix("/").ok()?);
        let directory = top.join(below);
        // The path may be named from outside a container that shows only its own part.
        let directory = if directory.is_dir() { directory } else { top.clone() };
        directory.is_dir().then_some(Self { version, directory, top })
    }
}

fn is_memory(mount: &Mount, version: Version) -> bool {
    match version {
        Version::V1 => mount.kind == "cgroup" && mount.has_option("memory"),
        Version::V2 => mount.kind == "cgroup2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_trees_read_from_proc_cgroup() {
        let text = b"5:cpu,memory:/a\n1:name=systemd:/\n0::/user.slice/x:y\n";
        let (v1, v2) = parse_proc_cgroup(text);
        assert_eq!(v1, Some(PathBuf::from("/a")));
        assert_eq!(v2, Some(PathBuf::from("/user.slice/x:y")));
        assert_eq!(parse_proc_cgroup(b"memory\n::\n"), (None, None));
    }

    #[test]
    fn a_directory_without_the_controller_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let error = Location::at(directory.path()).expect_err("no cgroup");
        assert!(error.to_string().contains("memory.current"), "{error}");
        let gone = Location::at(&directory.path().join("gone")).expect_err("no directory");
        assert!(gone.to_string().contains("gone"), "{gone}");
    }
}
