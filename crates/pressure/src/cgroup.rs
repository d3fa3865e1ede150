//! A memory cgroup of one's own.

use std::fs;
use std::io;
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
        Self::make(name, limit).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same for those who can do without one.
    ///
    /// # Errors
    /// Which file could not be made or written, and why.
    pub fn make(name: &str, limit: u64) -> io::Result<Self> {
        let (top, limit_file) = memory_controller();
        let directory = top.join(format!("memtide-{name}-{}", std::process::id()));
        let told = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        fs::create_dir(&directory).map_err(|error| told(&directory, error))?;
        let group = Self { directory };
        let path = group.directory.join(limit_file);
        fs::write(&path, limit.to_string()).map_err(|error| told(&path, error))?;
        Ok(group)
    }

    /// The processes in it.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.directory.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Removes it, once its last process has gone.
    ///
    /// # Errors
    /// What the kernel says; `ResourceBusy` where processes are still in it after two seconds.
    pub fn remove(&self) -> io::Result<()> {
        const TRIES: u32 = 200;
        // The kernel lets go of a process some time after its parent has heard of its end.
        for _ in 1..TRIES {
            match fs::remove_dir(&self.directory) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                removed => return removed,
            }
        }
        fs::remove_dir(&self.directory)
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
        // Whoever minds calls `remove`.
        let _ = self.remove();
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
