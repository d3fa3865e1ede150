//! A Rust file, parsed once for every rule.

use anyhow::Result;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Meta};

use crate::checkout::SourceFile;

/// A Rust file in the forms that rules ask for.
pub(super) struct Code<'a> {
    /// The text and where it stands.
    pub(super) file: &'a SourceFile,
    /// The parsed items.
    pub(super) items: syn::File,
    /// The tokens, for what hides inside macros.
    pub(super) tokens: TokenStream,
}

impl<'a> Code<'a> {
    /// Parses a file; the error names the line.
    pub(super) fn parse(file: &'a SourceFile) -> Result<Self> {
        let tokens: TokenStream = file.text.parse().map_err(syn::Error::from)?;
        Ok(Self { file, items: syn::parse_file(&file.text)?, tokens })
    }

    /// The names of the functions that the test harness runs, those in macros included.
    pub(super) fn tests(&self) -> Vec<String> {
        let mut names = Vec::new();
        collect_tests(self.tokens.clone(), &mut names);
        names
    }

    /// The names of items whose documentation holds a code block, which is a doc test.
    pub(super) fn documented_examples(&self) -> Vec<String> {
        let mut examples = Examples(Vec::new());
        if has_code_block(&self.items.attrs) {
            examples.0.extend(module_name(&self.file.path));
        }
        examples.visit_file(&self.items);
        examples.0
    }
}

/// Whether an item is compiled for tests alone.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        meta => is_test_path(meta.path()),
    })
}

/// `test`, and the likes of `tokio::test`.
fn is_test_path(path: &syn::Path) -> bool {
    path.segments.last().is_some_and(|segment| segment.ident == "test")
}

fn collect_tests(tokens: TokenStream, names: &mut Vec<String>) {
    let mut marked = false;
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if let Some(TokenTree::Group(group)) = tokens.peek() {
                    marked |= is_test_attribute(group.stream());
                    tokens.next();
                }
            }
            TokenTree::Ident(word) if word == "fn" => {
                if let (true, Some(TokenTree::Ident(name))) = (marked, tokens.peek()) {
                    names.push(name.to_string());
                }
                marked = false;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                marked = false;
                collect_tests(group.stream(), names);
            }
            _ => {}
        }
    }
}

/// Whether what stands between the brackets of an attribute is a path that ends in `test`.
fn is_test_attribute(attribute: TokenStream) -> bool {
    let mut last = None;
    for token in attribute {
        match token {
            TokenTree::Ident(word) => last = Some(word),
            TokenTree::Punct(punct) if punct.as_char() == ':' => {}
            _ => break,
        }
    }
    last.is_some_and(|word| word == "test")
}

/// The module that a path stands for; for the root of a crate, the crate's folder.
fn module_name(path: &str) -> Option<String> {
    let mut parts = path.trim_end_matches(".rs").rsplit('/');
    match parts.next()? {
        "mod" => parts.next().map(str::to_owned),
        "lib" | "main" => parts.nth(1).map(str::to_owned),
        name => Some(name.to_owned()),
    }
}

fn has_code_block(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
                text.value().trim_start().starts_with("```")
            }
            _ => false,
        },
        _ => false,
    })
}

struct Examples(Vec<String>);

impl Examples {
    fn note(&mut self, name: &syn::Ident, attributes: &[Attribute]) {
        if has_code_block(attributes) {
            self.0.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Examples {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Fn(item) => self.note(&item.sig.ident, &item.attrs),
            syn::Item::Struct(item) => self.note(&item.ident, &item.attrs),
            syn::Item::Enum(item) => self.note(&item.ident, &item.attrs),
            syn::Item::Trait(item) => self.note(&item.ident, &item.attrs),
            syn::Item::Const(item) => self.note(&item.ident, &item.attrs),
            syn::Item::Mod(item) => self.note(&item.ident, &item.attrs),
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.note(&item.sig.ident, &item.attrs);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.note(&item.sig.ident, &item.attrs);
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn tests_are_found_by_attribute_even_inside_macros() {
        let text = "fn helper() {} #[test] fn plain() { fn inner() {} } \
            #[tokio::test(flavor = \"x\")] async fn waits() {} \
            proptest! { #[test] fn holds(x in 0..3) {} } #[cfg(test)] mod m { #[test] #[ignore = \
            \"x\"] fn nested() {} }";
        let file = file("a.rs", text);
        let code = Code::parse(&file).expect("it parses");
        assert_eq!(code.tests(), ["plain", "waits", "holds", "nested"]);
    }

    #[test]
    fn examples_are_items_whose_documentation_holds_a_code_block() {
        let text = "//! ```\n//! ```\n\n/// Plain.\nstruct A;\n/// ```\n/// ```\nstruct B;\n\
            impl B { /// ```\n/// ```\nfn c() {} }";
        let file = file("crates/core/src/units.rs", text);
        let code = Code::parse(&file).expect("it parses");
        assert_eq!(code.documented_examples(), ["units", "B", "c"]);
        assert_eq!(module_name("crates/core/src/lib.rs").as_deref(), Some("core"));
        assert_eq!(module_name("crates/core/src/lists/mod.rs").as_deref(), Some("lists"));
    }
}
