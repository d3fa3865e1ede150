//! Words that tie the repository to one machine.

use super::Finding;
use crate::checkout::SourceFile;

/// What must not stand in any file, and what to write instead. Each is written in two parts, so
/// that this file does not break its own rule.
const BANNED: [(&str, &str); 11] = [
    (concat!("/wo", "rk/"), MACHINE_PATH),
    (concat!("/ro", "ot/"), MACHINE_PATH),
    (concat!("/tm", "p/wt"), MACHINE_PATH),
    (concat!("index", ".crates.io"), REGISTRY),
    (concat!("static", ".crates.io"), REGISTRY),
    (concat!("deb", ".debian.org"), REGISTRY),
    (concat!("security", ".debian.org"), REGISTRY),
    (concat!("snapshot", ".debian.org"), REGISTRY),
    (concat!("artifac", "tory"), REGISTRY),
    (concat!("registry", ".npmjs.org"), REGISTRY),
    (concat!("pypi", ".org"), REGISTRY),
];

const MACHINE_PATH: &str = "is a path of one machine: write it from the root of the checkout";
const REGISTRY: &str = "is the host of a registry: name the package; docs.rs and crates.io pages \
    may be linked";

/// The findings on banned words in one file.
pub(super) fn check(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for (word, instead) in BANNED {
            if line.contains(word) {
                findings.push(Finding::new(file, index + 1, format!("`{word}` {instead}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn machine_paths_and_registry_hosts_are_found_and_pages_of_crates_are_not() {
        let text = format!(
            "see https://docs.rs/syn and https://crates.io/crates/syn\ncd {}main\nGET {}/x\n",
            BANNED[0].0, BANNED[3].0
        );
        let findings = check(&file("README.md", &text));
        let lines: Vec<usize> = findings.iter().map(|finding| finding.line).collect();
        assert_eq!(lines, [2, 3]);
        assert!(findings[0].what.contains(MACHINE_PATH), "{}", findings[0]);
        assert!(findings[1].what.contains(REGISTRY), "{}", findings[1]);
    }
}
