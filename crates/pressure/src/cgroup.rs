//! A memory cgroup of one's own.

use std::fs;
use std::path::{Path, PathBuf};

/// A memory cgroup with a limit; it is removed when it is dropped, and must be empty by then.
#[derive(Debug)]
pub struct Cgroup {
    directory: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup with this limit in bytes, below the top of the tree.
    ///
    /// # Panics
    /// Where no memory cgroup can be made: it takes root and a memory controller.
    #[must_use]
    pub fn new(name: &str, limit: u64) -> Self {
        let (top, limit_file) = memory_controller();
        let directory = top.join(format!("memtide-{name}-{}", std::process::id()));
        fs::create_dir(&directory)
            .unwrap_or_else(|error| panic!("making {}: {error}", directory.display()));
        let group = Self { directory };
        group.write(limit_file, &limit.to_string());
        group
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Writes one of its files.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.directory.join(file);
        fs::write(&path, text).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
    }

    /// Moves a process into it.
    ///
    /// # Panics
    /// Where the process cannot be moved.
    pub fn take(&self, process: u32) {
        self.write("cgroup.procs", &process.to_string());
    }

    /// Moves this process into it until what is returned is dropped.
    ///
    /// # Panics
    /// Where this process cannot be moved.
    #[must_use]
    pub fn join(self) -> Joined {
        let home = home();
        self.take(std::process::id());
        Joined { home, group: self }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // The kernel lets go of a process some time after its parent has heard of its end.
        for _ in 0..200 {
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                _ => return,
            }
        }
    }
}

/// This process in a [`Cgroup`]; dropped, it goes back to where it was.
#[derive(Debug)]
pub struct Joined {
    home: PathBuf,
    group: Cgroup,
}

impl Joined {
    /// The cgroup's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.group.path()
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let _ = fs::write(self.home.join("cgroup.procs"), std::process::id().to_string());
    }
}

/// The top of the tree with the memory controller, and its file for a limit.
fn memory_controller() -> (PathBuf, &'static str) {
    let v1 = Path::new("/sys/fs/cgroup/memory");
    if v1.join("memory.usage_in_bytes").exists() {
        return (v1.to_path_buf(), "memory.limit_in_bytes");
    }
    (PathBuf::from("/sys/fs/cgroup"), "memory.max")
}

/// The directory of the memory cgroup this process is in.
fn home() -> PathBuf {
    let (top, _) = memory_controller();
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let line = text.lines().find(|line| line.contains(":memory:"));
    let line = line.or_else(|| text.lines().find(|line| line.starts_with("0::")));
    let path = line.and_then(|line| line.splitn(3, ':').nth(2)).unwrap_or("/");
    top.join(path.trim_start_matches('/'))
}
