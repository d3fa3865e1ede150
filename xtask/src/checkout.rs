//! The checkout that a task works on: its root, its build folder, its files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold what tools made or found, not what people wrote.
const GENERATED: [&str; 4] = ["target", ".git", "corpus", "artifacts"];

/// The root of the workspace.
pub(crate) struct Checkout {
    root: PathBuf,
}

impl Checkout {
    /// The checkout that holds this crate.
    pub(crate) fn find() -> Result<Self> {
        // Cargo names the folder at run time; the one of the build is for a run without cargo.
        let package = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package.parent().context("the folder of xtask has no parent")?;
        Ok(Self { root: root.to_path_buf() })
    }

    /// The folder that holds the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's build folder; whatever tasks keep lies below it.
    pub(crate) fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.root.join(folder),
            None => self.root.join("target"),
        }
    }

    /// Every file that people wrote, as text, by path; what is not UTF-8 is left out.
    pub(crate) fn files(&self) -> Result<Vec<SourceFile>> {
        let mut files = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder)
                .with_context(|| format!("cannot list {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let kind = entry.file_type()?;
                let generated = GENERATED.iter().any(|name| entry.file_name() == *name);
                if kind.is_dir() && !generated {
                    folders.push(entry.path());
                } else if kind.is_file() && !generated {
                    files.extend(self.read(&entry.path())?);
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn read(&self, path: &Path) -> Result<Option<SourceFile>> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
        let relative = path.strip_prefix(&self.root)?;
        Ok(Some(SourceFile { path: relative.to_string_lossy().into_owned(), text }))
    }
}

/// A text file of the checkout.
pub(crate) struct SourceFile {
    /// Its path from the root, with `/` between folders.
    pub(crate) path: String,
    /// Its whole text.
    pub(crate) text: String,
}

impl SourceFile {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it holds nothing but tests: in a folder `tests`, or `…_tests.rs`.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("_tests.rs") || self.path.split('/').any(|part| part == "tests")
    }
}
