//! `cargo xtask fuzz`: any bytes into every parser, for a while each.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::checkout::Checkout;
use crate::nightly;
use crate::tool::Tool;

/// The targets were written for this version.
const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// Which compiler builds the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Toolchain {
    /// With the address sanitizer.
    Nightly,
    /// Without one: the instrumentation that finds new paths works all the same.
    Stable,
}

/// Runs the targets named, or all, for so many seconds each.
///
/// # Errors
/// Where a tool cannot be had, a name is no target, or a target crashed.
pub(crate) fn run(checkout: &Checkout, targets: &[String], seconds: u32) -> Result<()> {
    let fuzz = Fuzz::prepare(checkout)?;
    let all = fuzz.targets()?;
    if let Some(unknown) = targets.iter().find(|target| !all.contains(target)) {
        bail!("{unknown} is no target: expected {}", all.join(", "));
    }
    fuzz.build()?;
    let chosen = if targets.is_empty() { &all } else { targets };
    let crashed: Vec<_> = chosen.iter().filter_map(|t| fuzz.run(t, seconds).transpose()).collect();
    let crashed = crashed.into_iter().collect::<Result<Vec<_>>>()?;
    ensure!(crashed.is_empty(), "{} crashed:\n{}", crashed.len(), crashed.join("\n"));
    Ok(())
}

/// What every call of cargo-fuzz needs.
struct Fuzz<'a> {
    checkout: &'a Checkout,
    toolchain: Toolchain,
    /// PATH with our own tools first.
    path: OsString,
}

impl<'a> Fuzz<'a> {
    fn prepare(checkout: &'a Checkout) -> Result<Self> {
        CARGO_FUZZ.program(checkout)?;
        let tools = checkout.target().join("tools");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(tools.join("bin")).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(paths).context("PATH")?;
        let toolchain = match nightly::is_here(&[]) {
            true => Toolchain::Nightly,
            false => Toolchain::Stable,
        };
        Ok(Self { checkout, toolchain, path })
    }

    /// The targets there are, by name.
    fn targets(&self) -> Result<Vec<String>> {
        let folder = self.checkout.root().join("fuzz/fuzz_targets");
        let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        let mut names = Vec::new();
        for entry in entries {
            let path = entry?.path();
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
        names.sort();
        Ok(names)
    }

    fn build(&self) -> Result<()> {
        let status = self.command("build").status().context("cargo fuzz build")?;
        ensure!(status.success(), "the targets could not be built: {status}");
        Ok(())
    }

    /// Runs one target; returns the command that repeats its crash, if it crashed.
    fn run(&self, target: &str, seconds: u32) -> Result<Option<String>> {
        let fuzz = self.checkout.root().join("fuzz");
        let (corpus, seeds) = (fuzz.join("corpus").join(target), fuzz.join("seeds").join(target));
        fs::create_dir_all(&corpus).with_context(|| corpus.display().to_string())?;
        let mut run = self.command("run");
        // What is found goes into the first folder; the seeds are kept as they are.
        run.arg(target).arg(&corpus);
        // Some inputs are bytes that steer a program: any of them is as good as a seed.
        if seeds.is_dir() {
            run.arg(&seeds);
        }
        run.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10"]);
        let output = run.output().with_context(|| format!("cargo fuzz run {target}"))?;
        let log = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let done = log.lines().find(|line| line.starts_with("Done ")).unwrap_or("no report");
            println!("{target}: {done}");
            return Ok(None);
        }
        eprint!("{log}");
        Ok(Some(self.repeat(target, newest(&fuzz.join("artifacts").join(target)))))
    }

    fn repeat(&self, target: &str, input: Option<PathBuf>) -> String {
        let input = input.map(|path| {
            let short = path.strip_prefix(self.checkout.root()).map(Path::to_path_buf);
            short.unwrap_or(path).display().to_string()
        });
        let input = input.unwrap_or_else(|| format!("fuzz/seeds/{target}"));
        let folder = self.checkout.target();
        let folder = folder.strip_prefix(self.checkout.root()).unwrap_or(&folder).display();
        let (before, flags) = match self.toolchain {
            Toolchain::Nightly => ("cargo +nightly", ""),
            Toolchain::Stable => ("RUSTC_BOOTSTRAP=1 cargo", " --sanitizer none"),
        };
        format!(
            "PATH={folder}/tools/bin:$PATH {before} fuzz run{flags} --target-dir {folder}/fuzz \
             {target} {input}"
        )
    }

    fn command(&self, what: &str) -> Command {
        let mut command = Command::new("cargo");
        match self.toolchain {
            Toolchain::Nightly => command.args(["+nightly", "fuzz", what]),
            Toolchain::Stable => command
                .args(["fuzz", what, "--sanitizer", "none"])
                // cargo-fuzz passes flags that a stable compiler takes only so.
                .env("RUSTC_BOOTSTRAP", "1"),
        };
        command.arg("--target-dir").arg(self.checkout.target().join("fuzz"));
        command.current_dir(self.checkout.root()).env("PATH", &self.path);
        command
    }
}

/// The file that was written last.
fn newest(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let files = entries.filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())));
    files.max().map(|(_, path)| path)
}
