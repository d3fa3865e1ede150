//! `cargo xtask tidy`: the habits that no compiler checks.
//!
//! Each rule is a file of its own that takes sources and leaves [`Finding`]s; a finding is a
//! line that says where, what, and what to do.

mod code;
mod contract;
mod documents;
mod sizes;
mod unsafety;
mod words;

use std::fmt;

use anyhow::{Context, Result, bail};

use crate::checkout::{Checkout, SourceFile};
use code::Code;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &SourceFile, line: usize, what: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Checks the whole checkout; every finding is printed, any of them is an error.
pub(crate) fn run(checkout: &Checkout) -> Result<()> {
    let files = checkout.files()?;
    let mut codes = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        codes.push(Code::parse(file).with_context(|| format!("{} is not Rust", file.path))?);
    }
    let mut findings = Vec::new();
    for code in &codes {
        findings.extend(sizes::check(code));
        findings.extend(unsafety::check(code));
    }
    for file in &files {
        findings.extend(words::check(file));
        findings.extend(documents::check(file, &|path| checkout.root().join(path).exists()));
    }
    if let Some(file) = files.iter().find(|file| file.path == contract::PATH) {
        findings.extend(contract::check(file, &codes));
    }
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("tidy found one thing to mend"),
        count => bail!("tidy found {count} things to mend"),
    }
}

#[cfg(test)]
fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.to_owned(), text: text.to_owned() }
}
