//! Lengths: files, functions, lines. Tests may be as long as they need.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::Finding;
use super::code::{Code, is_test_only};

/// More lines than a reader keeps in mind at once.
const FILE_LINES_MAX: usize = 800;

/// A function that still fits on one screen.
const FUNCTION_LINES_MAX: usize = 70;

/// What two windows side by side show; rustfmt keeps code within it but not strings and comments.
const LINE_CHARACTERS_MAX: usize = 100;

/// The findings on lengths in one file.
pub(super) fn check(code: &Code<'_>) -> Vec<Finding> {
    let mut findings = long_lines(code);
    if !code.file.is_test() {
        let mut lengths = Lengths { code, test_lines: 0, findings: Vec::new() };
        lengths.visit_file(&code.items);
        let lines = code.file.text.lines().count().saturating_sub(lengths.test_lines);
        findings.append(&mut lengths.findings);
        if lines > FILE_LINES_MAX {
            let what = format!(
                "the file has {lines} lines without its tests, {FILE_LINES_MAX} at most: \
                 split it by noun"
            );
            findings.push(Finding::new(code.file, 1, what));
        }
    }
    findings
}

fn long_lines(code: &Code<'_>) -> Vec<Finding> {
    let too_long = |(index, line): (usize, &str)| {
        let characters = line.chars().count();
        (characters > LINE_CHARACTERS_MAX).then(|| {
            let what = format!(
                "the line has {characters} characters, {LINE_CHARACTERS_MAX} at most: break it"
            );
            Finding::new(code.file, index + 1, what)
        })
    };
    code.file.text.lines().enumerate().filter_map(too_long).collect()
}

struct Lengths<'c> {
    code: &'c Code<'c>,
    test_lines: usize,
    findings: Vec<Finding>,
}

impl Lengths<'_> {
    /// The body and the signature count; documentation and attributes do not.
    fn function(&mut self, signature: &syn::Signature, end: Span) {
        let first = signature.span().start().line;
        let lines = end.end().line + 1 - first;
        if lines > FUNCTION_LINES_MAX {
            let what = format!(
                "function `{}` has {lines} lines, {FUNCTION_LINES_MAX} at most: split it",
                signature.ident
            );
            self.findings.push(Finding::new(self.code.file, first, what));
        }
    }
}

fn item_attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Const(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Lengths<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_test_only(item_attributes(item)) {
            self.test_lines += item.span().end().line + 1 - item.span().start().line;
        } else {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, item.block.span());
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, item.block.span());
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.function(&item.sig, body.span());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let file = file(path, text);
        let code = Code::parse(&file).expect("it parses");
        check(&code).iter().map(ToString::to_string).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_may_have_70_lines_and_not_71() {
        assert_eq!(found("a.rs", &function("fits", 70)), [""; 0]);
        let text = format!("/// Long.\n#[inline]\n{}", function("long", 71));
        assert_eq!(
            found("a.rs", &text),
            ["a.rs:3: function `long` has 71 lines, 70 at most: split it"]
        );
        let methods = format!("impl A {{ {} }} trait B {{ {} }}", &text, function("also", 90));
        assert_eq!(found("a.rs", &methods).len(), 2);
    }

    #[test]
    fn tests_may_be_long() {
        let long = function("long", 900);
        assert_eq!(found("a.rs", &format!("#[test]\n{long}")), [""; 0]);
        assert_eq!(found("a.rs", &format!("#[cfg(test)]\nmod tests {{\n{long}}}")), [""; 0]);
        assert_eq!(found("crates/a/tests/it.rs", &long), [""; 0]);
        assert_eq!(found("crates/a/src/b_tests.rs", &long), [""; 0]);
    }

    #[test]
    fn a_file_may_have_800_lines_without_its_tests_and_not_801() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("long", 100));
        let code = |lines| "const A: u8 = 1;\n".repeat(lines);
        assert_eq!(found("a.rs", &format!("{}{tests}", code(800))), [""; 0]);
        assert_eq!(
            found("a.rs", &format!("{}{tests}{}", code(800), code(1))),
            ["a.rs:1: the file has 801 lines without its tests, 800 at most: split it by noun"]
        );
    }

    #[test]
    fn a_line_may_have_100_characters_and_not_101() {
        let fits = format!("//{}\n", "é".repeat(98));
        assert_eq!(found("a.rs", &fits), [""; 0]);
        assert_eq!(
            found("tests/a.rs", &format!("\n//{}\n", "é".repeat(99))),
            ["tests/a.rs:2: the line has 101 characters, 100 at most: break it"]
        );
    }
}
