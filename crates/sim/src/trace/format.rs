//! The formats of traces, and how one is recognised.

use std::path::Path;

use super::{lackey, memref, memtide, oracle_general, text};

/// A format of traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// Memtide's own.
    Memtide,
    /// What `valgrind --tool=lackey --trace-mem=yes` prints.
    Lackey,
    /// What DynamoRIO's view tool and memtrace samples print.
    Memref,
    /// libCacheSim's oracleGeneral: requests of objects.
    OracleGeneral,
    /// A reference a line; its first line tells whether by address or by an object's name.
    Text,
    /// A reference a line, by address.
    Addresses,
    /// A reference a line, by an object's name.
    Ids,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Memtide,
        Self::Lackey,
        Self::Memref,
        Self::OracleGeneral,
        Self::Text,
        Self::Addresses,
        Self::Ids,
    ];

    /// Its name on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memtide => "memtide",
            Self::Lackey => "lackey",
            Self::Memref => "memref",
            Self::OracleGeneral => "oracle-general",
            Self::Text => "text",
            Self::Addresses => "addresses",
            Self::Ids => "ids",
        }
    }

    /// What it is, in a few words.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::Memtide => "Memtide's own, as sim record writes it",
            Self::Lackey => "what valgrind --tool=lackey --trace-mem=yes prints",
            Self::Memref => "what DynamoRIO's view tool and memtrace samples print",
            Self::OracleGeneral => "libCacheSim's oracleGeneral",
            Self::Text => "a number a line: addresses, or names of objects, as the first line is",
            Self::Addresses => "a number a line: addresses, decimal or 0x",
            Self::Ids => "a number a line: names of objects, a page each",
        }
    }

    /// The format of a trace, by its first bytes, or, where those do not tell, by its name.
    #[must_use]
    pub fn detect(first: &[u8], name: &Path) -> Option<Self> {
        by_content(first).or_else(|| by_name(name))
    }
}

fn by_content(first: &[u8]) -> Option<Format> {
    if first.starts_with(&memtide::MAGIC) {
        return Some(Format::Memtide);
    }
    if first.contains(&0) {
        return oracle_general::is_plausible(first).then_some(Format::OracleGeneral);
    }
    // A program's own output may stand before the first reference.
    first.split(|byte| *byte == b'\n').find_map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if lackey::tells(line) {
            return Some(Format::Lackey);
        }
        if memref::is_reference(line) {
            return Some(Format::Memref);
        }
        text::is_reference(line).then_some(Format::Text)
    })
}

fn by_name(name: &Path) -> Option<Format> {
    let file = name.file_name()?.to_string_lossy().to_lowercase();
    let file = [".gz", ".zst"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(&file);
    const NAMES: [(&str, Format); 7] = [
        (".memtide", Format::Memtide),
        (".lackey", Format::Lackey),
        (".memref", Format::Memref),
        (".oraclegeneral", Format::OracleGeneral),
        (".oraclegeneral.bin", Format::OracleGeneral),
        (".txt", Format::Text),
        (".text", Format::Text),
    ];
    NAMES.iter().find(|(end, _)| file.ends_with(end)).map(|(_, format)| *format)
}
