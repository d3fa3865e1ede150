//! Debian's cloud kernels, and those of their modules that the machine needs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::debian;
use crate::process;

/// The modules to carry, with what they depend on: the disks, and compressed swap for tests that
/// ask for it. One that a kernel lacks is built in there.
const MODULES: [&str; 6] = ["virtio_pci", "virtio_blk", "zram", "lz4", "lzo_rle", "zstd"];

/// An unpacked kernel.
pub(super) struct Kernel {
    /// The file to boot.
    pub(super) image: PathBuf,
    /// The modules to carry, and the indexes that modprobe reads: path in the machine, path here.
    pub(super) files: Vec<(String, PathBuf)>,
}

impl Kernel {
    /// The newest kernel of a version that Debian offers; downloaded once.
    pub(super) fn get(folder: &Path, version: &str, busybox: &Path) -> Result<Self> {
        let name = format!("kernel-{version}");
        let unpacked = folder.join(&name);
        if !unpacked.is_dir() {
            debian::unpack(folder, &name, &newest_package(version)?)?;
        }
        let modules = unpacked.join("lib/modules");
        let release = fs::read_dir(&modules)
            .with_context(|| format!("cannot list {}", modules.display()))?
            .next()
            .with_context(|| format!("{} is empty", modules.display()))??
            .file_name();
        let release = release.to_string_lossy().into_owned();
        let modules = modules.join(&release);
        let index = modules.join("modules.dep");
        if !index.is_file() {
            // The package leaves this to its installation script.
            let mut depmod = Command::new(busybox);
            process::run(depmod.args(["depmod", "-b"]).arg(&unpacked).arg(&release))?;
        }
        let dependencies = fs::read_to_string(&index)
            .with_context(|| format!("cannot read {}", index.display()))?;
        let mut carried = with_dependencies(&dependencies, &MODULES);
        carried.extend(["modules.dep", "modules.alias", "modules.symbols"].map(str::to_owned));
        let in_machine = |file: String| {
            let here = modules.join(&file);
            (format!("/lib/modules/{release}/{file}"), here)
        };
        Ok(Self {
            image: unpacked.join(format!("boot/vmlinuz-{release}")),
            files: carried.into_iter().map(in_machine).collect(),
        })
    }
}

/// The package that holds the newest kernel of a version. Debian names it in a package without
/// content, whose own name says the version only where the kernel is not the release's own.
fn newest_package(version: &str) -> Result<String> {
    let wanted = format!("linux-image-{version}.");
    let of_version = format!("linux-image-{version}-cloud-amd64");
    for package in ["linux-image-cloud-amd64", &of_version] {
        let dependencies = debian::dependencies(package).unwrap_or_default();
        if let Some(found) = dependencies.into_iter().find(|name| name.starts_with(&wanted)) {
            return Ok(found);
        }
    }
    bail!("this Debian offers no kernel {version} for amd64 clouds (6.1 and 6.12 are Debian 12's)")
}

/// The files of modules and of what they depend on, from the text of modules.dep.
fn with_dependencies(index: &str, names: &[&str]) -> Vec<String> {
    let lines = index.lines().filter_map(|line| line.split_once(':'));
    let by_name: BTreeMap<String, (&str, &str)> =
        lines.map(|(file, needs)| (module_name(file), (file, needs))).collect();
    let mut files = Vec::new();
    let mut waiting: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    while let Some(name) = waiting.pop() {
        let Some((file, needs)) = by_name.get(&name) else { continue };
        if !files.iter().any(|known| known == file) {
            files.push((*file).to_owned());
            waiting.extend(needs.split_whitespace().map(module_name));
        }
    }
    files
}

/// The name of the module in a file: `kernel/crypto/lzo-rle.ko.xz` holds `lzo_rle`.
fn module_name(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_with_all_they_depend_on_and_once() {
        let index = "k/zram.ko.xz: k/zsmalloc.ko.xz k/lz4-hc.ko.xz\nk/zsmalloc.ko.xz:\n\
            k/lz4-hc.ko.xz: k/lz4.ko.xz\nk/lz4.ko.xz:\nk/other.ko.xz: k/lz4.ko.xz\n";
        let mut files = with_dependencies(index, &["zram", "lz4_hc", "built_in"]);
        files.sort();
        assert_eq!(files, ["k/lz4-hc.ko.xz", "k/lz4.ko.xz", "k/zram.ko.xz", "k/zsmalloc.ko.xz"]);
    }
}
