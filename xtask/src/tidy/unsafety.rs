//! `unsafe` stands in few files, each a thin layer with safe types on top.

use proc_macro2::{TokenStream, TokenTree};

use super::Finding;
use super::code::Code;

/// The only files and directories that may say `unsafe`. A new one needs a reason here and in
/// ARCHITECTURE.md.
const ALLOWED: [&str; 18] = [
    // A mapped file, which no safe library offers.
    "crates/compare/src/linux/mapped_file.rs",
    // The system calls that no safe library offers.
    "crates/host/src/linux/system_calls.rs",
    // The calls of Windows.
    "crates/host/src/windows/native/",
    // The same for tests, with the right to set what they wait for.
    "crates/pressure/src/windows/event.rs",
    // A real fork, which no safe library offers either.
    "crates/host/tests/fork.rs",
    // userfaultfd, mappings, and the signals that faults come as.
    "crates/live/src/uffd/",
    "crates/live/src/signal/",
    // The native memory manager of Windows.
    "crates/live/src/windows/native/",
    // Pages by their addresses.
    "crates/live/src/memory.rs",
    // What a signal's handler finds without a lock.
    "crates/live/src/fault_path/registry.rs",
    // Memory that is mapped rather than allocated, and what a ring is given.
    "crates/live/src/page_file/buffer.rs",
    "crates/live/src/page_file/ring.rs",
    "crates/live/src/page_file/slots.rs",
    // Managed memory as a slice.
    "crates/live/src/paged_vec.rs",
    // Tests that fork, take signals and touch memory by its address.
    "crates/live/src/child.rs",
    "crates/live/src/speed.rs",
    "crates/live/src/page_file/tests/",
    "crates/live/tests/",
];

/// The findings on `unsafe` in one file, what stands inside macros included.
pub(super) fn check(code: &Code<'_>) -> Vec<Finding> {
    if ALLOWED.iter().any(|allowed| code.file.path.starts_with(allowed)) {
        return Vec::new();
    }
    let mut lines = Vec::new();
    collect(code.tokens.clone(), &mut lines);
    let what = format!("`unsafe` is for {} alone: offer a safe type there", ALLOWED.join(", "));
    lines.into_iter().map(|line| Finding::new(code.file, line, what.as_str())).collect()
}

fn collect(tokens: TokenStream, lines: &mut Vec<usize>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => collect(group.stream(), lines),
            TokenTree::Ident(word) if word == "unsafe" => lines.push(word.span().start().line),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        let file = file(path, text);
        let code = Code::parse(&file).expect("it parses");
        check(&code).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_form_of_unsafe_is_found_and_mere_mentions_are_not() {
        let text = "#![forbid(unsafe_code)]\n// unsafe\nfn a() { unsafe { b() } }\n\
            unsafe fn c() {}\nunsafe impl D for E {}\nm! { unsafe { f() } }\n\
            #[unsafe(no_mangle)]\nfn g() { \"unsafe\"; }\n";
        assert_eq!(lines("crates/host/src/lib.rs", text), [3, 4, 5, 6, 7]);
    }

    #[test]
    fn the_allowed_file_may() {
        assert_eq!(lines(ALLOWED[0], "fn a() { unsafe { b() } }"), [0; 0]);
    }
}
