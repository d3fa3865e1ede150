//! The mappings of this process, as the kernel counts them.

use std::ops::Range;

/// A mapping, its sizes in bytes.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    pub(crate) is_of_file: bool,
    pub(crate) resident: u64,
    pub(crate) anonymous: u64,
    pub(crate) huge: u64,
    flags: String,
}

impl Mapping {
    /// Whether it has a flag of two letters, as proc(5) lists them.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.split_whitespace().any(|found| found == flag)
    }
}

/// All mappings.
pub(crate) fn mappings() -> Vec<Mapping> {
    let text = std::fs::read_to_string("/proc/self/smaps").expect("the mappings");
    let mut all: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        if let Some((start, end)) = name.split_once('-') {
            let [start, end] =
                [start, end].map(|text| u64::from_str_radix(text, 16).expect("an address"));
            let (addresses, is_of_file) = (start..end, rest.contains('/'));
            all.push(Mapping { addresses, is_of_file, ..Mapping::default() });
            continue;
        }
        let Some(mapping) = all.last_mut() else { panic!("{line:?} is of no mapping") };
        let size = match name {
            "Rss:" => &mut mapping.resident,
            "Anonymous:" => &mut mapping.anonymous,
            "AnonHugePages:" => &mut mapping.huge,
            "VmFlags:" => {
                mapping.flags = rest.to_owned();
                continue;
            }
            _ => continue,
        };
        let kib = rest.trim().strip_suffix(" kB").and_then(|kib| kib.parse::<u64>().ok());
        *size = kib.expect("a number of KiB") * 1024;
    }
    all
}
