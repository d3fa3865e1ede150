//! `cargo xtask emulate`: tests in a small machine of their own.
//!
//! Memory pressure on a whole machine cannot be made where other people work. So Debian's own
//! kernel boots under qemu's software emulation (no KVM, no privileges), with a few hundred MB of
//! memory, cgroup v2, an ext4 disk and swap or none, and runs the workspace's test executables
//! named `emulated_*`. What it needs is installed or unpacked below target/emulate/.

mod guest;
mod initramfs;
mod kernel;
mod machine;
mod programs;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::checkout::Checkout;
use crate::debian;
use guest::Guest;
use kernel::Kernel;
use machine::Machine;
use programs::Programs;

/// The emulated machines to boot and what to run in them.
#[derive(Args)]
pub(crate) struct Options {
    /// The kernel to boot
    #[arg(long, value_enum, default_value = "6.12")]
    kernel: Version,
    /// With 256 MB of swap
    #[arg(long, overrides_with = "no_swap")]
    swap: bool,
    /// Without swap, which is the default
    #[arg(long, overrides_with = "swap")]
    no_swap: bool,
    /// All four machines one after the other: each kernel, with swap and without
    #[arg(long, conflicts_with_all = ["kernel", "swap", "no_swap"])]
    all: bool,
    /// The machine's memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    memory: u32,
    /// The machine's processors
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    cpus: u32,
    /// Run only the tests whose name contains this
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Run this shell script instead of the tests; its exit status is the result
    #[arg(long, value_name = "FILE", conflicts_with = "filter")]
    shell_script: Option<PathBuf>,
    /// Build the tests and the command with the release profile
    #[arg(long)]
    release: bool,
    /// Stop a machine that has run this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u32,
}

/// The kernels of Debian 12: its own, and the newest one offered for it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    #[value(name = "6.1")]
    V6_1,
    #[value(name = "6.12")]
    V6_12,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }
}

impl Options {
    /// The kernels to boot, each with swap or without.
    fn variants(&self) -> Vec<(Version, bool)> {
        if self.all {
            let kernels = [Version::V6_1, Version::V6_12];
            return kernels.into_iter().flat_map(|v| [(v, false), (v, true)]).collect();
        }
        vec![(self.kernel, self.swap)]
    }
}

/// Boots each machine asked for; all are booted, and one that fails is an error.
pub(crate) fn run(checkout: &Checkout, options: &Options) -> Result<()> {
    let folder = checkout.target().join("emulate");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    debian::install(&[("qemu-system-x86_64", "qemu-system-x86"), ("mkfs.ext4", "e2fsprogs")])?;
    let busybox = debian::unpack(&folder, "busybox", "busybox-static")?.join("bin/busybox");
    let programs = Programs::build(checkout, options.release)?;

    let mut failed = Vec::new();
    for (version, swap) in options.variants() {
        let name = format!("kernel {}, {} swap", version.name(), if swap { "with" } else { "no" });
        println!("emulate: {name}, {} MiB", options.memory);
        let guest = Guest {
            kernel: Kernel::get(&folder, version.name(), &busybox)?,
            busybox: &busybox,
            programs: &programs,
            swap,
            filter: options.filter.as_deref(),
            script: options.shell_script.as_deref(),
        };
        let machine = Machine {
            memory_mib: options.memory,
            cpus: options.cpus,
            seconds_max: options.timeout,
        };
        let start = Instant::now();
        match machine.run(&guest, &folder) {
            Ok(()) => println!("emulate: {name}: passed in {:.1} s", start.elapsed().as_secs_f64()),
            Err(error) => {
                println!("emulate: {name}: FAILED: {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("failed in an emulated machine: {}", failed.join("; "));
    }
    Ok(())
}
