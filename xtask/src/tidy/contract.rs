//! Every promise of CONTRACT.md has a test that exists, or says that it is pending.
//!
//! Each table there ends in a column that names the proof, in one of three forms:
//! - `` `name` `` or `` `crate::module::name` `` (several, if need be): a function the test
//!   harness runs, anywhere in the workspace;
//! - `` doc test of `Name` ``: an item whose documentation holds a code block;
//! - `*pending: why*`: a promise that nothing holds yet.

use std::collections::BTreeSet;

use super::Finding;
use super::code::Code;
use super::documents::{code_spans, prose};
use crate::checkout::SourceFile;

/// Where the promises stand.
pub(super) const PATH: &str = "CONTRACT.md";

const DOC_TEST: &str = "doc test of ";

/// The findings on the rows of the contract.
pub(super) fn check(file: &SourceFile, codes: &[Code<'_>]) -> Vec<Finding> {
    let tests: BTreeSet<String> = codes.iter().flat_map(Code::tests).collect();
    let examples: BTreeSet<String> = codes.iter().flat_map(Code::documented_examples).collect();
    let mut findings = Vec::new();
    for (line, proof) in proofs(&file.text) {
        if proof.starts_with("*pending") {
            continue;
        }
        // Tests come first, doc tests after the words that say so.
        let (tested, shown) = proof.split_once(DOC_TEST).unwrap_or((&proof, ""));
        let mut names = 0;
        for (part, known, kind) in [(tested, &tests, "test"), (shown, &examples, "doc test")] {
            for name in code_spans(part) {
                let name = name.rsplit("::").next().unwrap_or(name);
                names += 1;
                if !known.contains(name) {
                    let what = format!(
                        "no {kind} is named `{name}`: name one that exists, or say *pending: why*"
                    );
                    findings.push(Finding::new(file, line, what));
                }
            }
        }
        if names == 0 {
            let what = format!(
                "the row ends in \"{proof}\": its last column must be `a_test`, doc test of \
                 `Name`, or *pending: why*"
            );
            findings.push(Finding::new(file, line, what));
        }
    }
    findings
}

/// The last cell of each row of each table, with its line; headings are not rows.
fn proofs(text: &str) -> Vec<(usize, String)> {
    let mut proofs = Vec::new();
    let mut rows_above = 0;
    for (line, text) in prose(text) {
        let row = text.trim();
        if !row.starts_with('|') {
            rows_above = 0;
            continue;
        }
        // The first row is the heading and the second the rule below it.
        if rows_above >= 2 {
            // An escaped bar belongs to its cell.
            let cells = row.trim_end_matches('|').replace("\\|", "\u{0}");
            let last = cells.rsplit('|').next().unwrap_or_default();
            proofs.push((line, last.replace('\u{0}', "|").trim().to_owned()));
        }
        rows_above += 1;
    }
    proofs
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const SOURCE: &str = "#[test] fn holds() {} fn helper() {} /// ```\n/// ```\nstruct Bytes;";

    fn found(rows: &str) -> Vec<String> {
        let source = file("a.rs", SOURCE);
        let code = Code::parse(&source).expect("it parses");
        let text = format!("# Contract\n\n| promise | proved by |\n|---|---|\n{rows}\n");
        check(&file(PATH, &text), &[code]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_ends_in_tests_that_exist_a_doc_test_or_pending() {
        assert_eq!(found("| a | `holds` |\n| b | `core::units::holds`, `holds` |"), [""; 0]);
        assert_eq!(found("| a \\| b | `holds`, doc test of `core::Bytes` |"), [""; 0]);
        assert_eq!(found("| `anything` | *pending: no Windows yet* |"), [""; 0]);
    }

    #[test]
    fn a_row_whose_test_is_gone_is_found() {
        let gone = "CONTRACT.md:5: no test is named `gone`: name one that exists, or say \
            *pending: why*";
        assert_eq!(found("| a | `x::gone` |"), [gone]);
        assert_eq!(found("| a | `helper` |").len(), 1, "a function that is no test");
        assert_eq!(found("| a | doc test of `Pages` |").len(), 1);
    }

    #[test]
    fn a_row_without_a_proof_is_found() {
        assert_eq!(found("| a | soon |").len(), 1);
        assert_eq!(found("| a | |").len(), 1);
        assert_eq!(found("| a | pending |").len(), 1);
    }
}
