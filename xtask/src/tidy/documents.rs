//! Paths named in documents exist: a document that names a file long gone misleads.
//!
//! A path is what stands alone between backticks and begins with a folder of the repository
//! (`crates/core`, `docs/*.md`), or the target of a link. Blocks of code are left alone.

use super::Finding;
use crate::checkout::SourceFile;

/// Documents that speak of the tree as it is. CHANGELOG.md may name what is gone.
const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRACT.md", "CONTRIBUTING.md"];

/// How a path of the repository begins.
const FOLDERS: [&str; 8] =
    ["crates/", "docs/", "xtask/", "benches/", "fuzz/", "examples/", ".ci/", ".cargo/"];

/// The findings on paths in one file; `exists` tells whether a path from the root does.
pub(super) fn check(file: &SourceFile, exists: &dyn Fn(&str) -> bool) -> Vec<Finding> {
    let in_docs = file.path.starts_with("docs/") && file.path.ends_with(".md");
    if !in_docs && !DOCUMENTS.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (line, text) in prose(&file.text) {
        let spans = code_spans(text).into_iter().filter_map(path_in_span);
        let links = link_targets(text).into_iter().filter_map(|to| path_in_link(&file.path, to));
        for path in spans.map(str::to_owned).chain(links) {
            if !exists(&path) {
                let what = format!("`{path}` does not exist: name what does, or drop the mention");
                findings.push(Finding::new(file, line, what));
            }
        }
    }
    findings
}

/// The lines outside blocks of code, with their numbers from one.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_block = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        in_block ^= fence;
        (!in_block && !fence).then_some((index + 1, line))
    })
}

/// What stands between single backticks in a line.
pub(super) fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// What stands in the parentheses of `[…](…)` in a line.
fn link_targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)).collect()
}

/// The path from the root that a code span names, if it names one.
fn path_in_span(span: &str) -> Option<&str> {
    let path = span.split(['#', ':']).next()?;
    let pattern = path.contains(|c: char| c.is_whitespace() || "*<>{}…$".contains(c));
    let from_root = FOLDERS.iter().any(|folder| path.starts_with(folder));
    (from_root && !pattern).then_some(path)
}

/// The path from the root that a link leads to, unless it leads out or stays on the page.
fn path_in_link(document: &str, target: &str) -> Option<String> {
    let path = target.split(['#', ' ']).next().filter(|path| !path.is_empty())?;
    if path.contains("://") || path.starts_with("mailto:") {
        return None;
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn missing(path: &str, text: &str) -> Vec<String> {
        let exists = |path: &str| ["crates/core", "docs/JSON.md", "README.md"].contains(&path);
        check(&file(path, text), &exists).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_path_in_backticks_must_exist() {
        assert_eq!(missing("README.md", "see `crates/core` and `docs/JSON.md#fields`"), [""; 0]);
        assert_eq!(
            missing("ARCHITECTURE.md", "a\nsee `crates/gone.rs:12` and `crates/core`"),
            ["ARCHITECTURE.md:2: `crates/gone.rs` does not exist: name what does, or drop the \
              mention"]
        );
    }

    #[test]
    fn the_target_of_a_link_must_exist_seen_from_its_document() {
        let text = "[a](../README.md) [b](JSON.md#x) [c](https://docs.rs/x) [d](#here)";
        assert_eq!(missing("docs/life.md", text), [""; 0]);
        assert_eq!(missing("docs/life.md", "[a](README.md)").len(), 1);
        assert_eq!(missing("CONTRACT.md", "[a](./docs/JSON.md \"title\")"), [""; 0]);
    }

    #[test]
    fn commands_patterns_blocks_and_other_files_are_left_alone() {
        assert_eq!(missing("README.md", "`crates/*/tests` `cargo run -p x` `/proc/x`"), [""; 0]);
        assert_eq!(missing("README.md", "```\n`crates/gone`\n```\n"), [""; 0]);
        assert_eq!(missing("CHANGELOG.md", "`crates/gone`"), [""; 0]);
        assert_eq!(missing("notes.md", "`crates/gone`"), [""; 0]);
    }
}
