//! Page files, compressed or not, and the promises beyond them.

use super::probe::Probe;
use crate::CommitRule;
use crate::doctor::{Capability, Finding};
use crate::linux::commit::{parse_overcommit, parse_swaps};
use std::path::{Path, PathBuf};

const NO_SWAP: &str = "add a page file (mkswap and swapon), or zram";
const ZSWAP: &str = "sys/module/zswap/parameters/enabled";

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let swaps = probe.read("proc/swaps").map(|text| parse_swaps(&text));
    let in_use = swaps.as_deref().unwrap_or_default();
    let swap = match &swaps {
        Ok(swaps) if swaps.is_empty() => {
            Finding::fails("no page file is in use: anonymous memory cannot leave", NO_SWAP)
        }
        Ok(swaps) => Finding::works(listed(swaps)),
        Err(error) => {
            Probe::refused("reading", &probe.path("proc/swaps"), error, "a kernel with CONFIG_SWAP")
        }
    };
    vec![
        swap.of("swap", "where private memory can go"),
        zram(probe, in_use).of("zram", "a page file compressed in memory"),
        zswap(probe).of("zswap", "a compressed cache before a page file"),
        overcommit(probe).of("overcommit", "what the commit limit means"),
    ]
}

fn listed(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    names.join(", ")
}

fn is_zram(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("zram"))
}

fn zram(probe: &Probe, in_use: &[PathBuf]) -> Finding {
    let used: Vec<_> = in_use.iter().filter(|path| is_zram(path)).cloned().collect();
    if !used.is_empty() {
        return Finding::works(format!("{} is a page file", listed(&used)));
    }
    if probe.path("sys/block/zram0").exists() {
        let remedy = "zramctl, mkswap and swapon on it (as root)";
        return Finding::fails("zram0 is there, and is no page file", remedy);
    }
    Finding::fails("no zram device", "modprobe zram (as root), then mkswap and swapon")
}

fn zswap(probe: &Probe) -> Finding {
    let path = probe.path(ZSWAP);
    match probe.read(ZSWAP).as_deref().map(<[u8]>::trim_ascii) {
        Ok(b"Y") => Finding::works(format!("{} is Y", path.display())),
        Ok(other) => {
            let value = String::from_utf8_lossy(other);
            let remedy = format!("write Y to {} (as root)", path.display());
            Finding::fails(format!("{} is {value}", path.display()), remedy)
        }
        Err(error) => Probe::refused("reading", &path, error, "a kernel with CONFIG_ZSWAP"),
    }
}

fn overcommit(probe: &Probe) -> Finding {
    let path = "proc/sys/vm/overcommit_memory";
    match probe.read(path) {
        Ok(text) => match parse_overcommit(&text) {
            Some(CommitRule::Strict) => {
                Finding::works("mode 2: promises beyond the commit limit are refused")
            }
            Some(CommitRule::Heuristic) => {
                Finding::works("mode 0: the commit limit is what could be backed, not enforced")
                    .with_remedy("vm.overcommit_memory = 2, for a limit that is enforced")
            }
            Some(CommitRule::Always) => {
                Finding::works("mode 1: nothing is refused; the limit is what could be backed")
                    .with_remedy("vm.overcommit_memory = 2, for a limit that is enforced")
            }
            None => Finding::unknown(format!(
                "mode {} is unknown to us",
                String::from_utf8_lossy(text.trim_ascii())
            )),
        },
        Err(error) => {
            Probe::refused("reading", &probe.path(path), &error, "a /proc/sys that is not masked")
        }
    }
}
