//! What `sim record` and `sim convert` take.

use super::values::format_parser;
use clap::{Args, ValueEnum};
use memtide_sim::trace::{Format, Unit};
use std::ffi::OsString;
use std::path::PathBuf;

/// The long help of `sim record`.
pub(crate) const HELP: &str = "\
The program runs under valgrind's tool lackey, some hundred times slower than by itself, and every
instruction and every access to data becomes a reference. Its input, its output and its errors stay
its own; what is written of the trace is told on standard error once the program has ended. Of
other programs that it starts nothing is recorded.

Exit codes: the program's own; 128 and the number of the signal that ended it; 2 for arguments that
cannot be used; 3 where valgrind is not installed, or the trace could not be written.

Examples:
  memtide sim record -- sort words
  memtide sim record -o query.memtide -- sqlite3 shop.db 'select count(*) from orders'
  memtide sim record --unit page -- python3 -c 'print(sum(range(100000)))'";

/// The long help of `sim convert`.
pub(crate) const CONVERT_HELP: &str = "\
Memtide's own format is some ten times smaller than what lackey prints, and read some twenty times
faster. It can be compressed with gzip or zstd besides.

Exit codes: 0 done; 2 the trace or an argument cannot be used; 3 a file could not be read or
written.

Examples:
  memtide sim convert sort.lackey.zst -o sort.memtide
  memtide sim convert server.oracleGeneral --unit page -o server.memtide";

/// What `sim record` takes.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The trace to write (default: the program's name with .memtide, in the current folder).
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// What addresses are told in: a page loses the place within it.
    #[arg(long, value_name = "UNIT", default_value = "byte")]
    pub(crate) unit: UnitName,
    /// The program and its arguments.
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) program: Vec<OsString>,
}

/// What `sim convert` takes.
#[derive(Debug, Args)]
pub(crate) struct ConvertArgs {
    /// The trace, or - for standard input; what gzip or zstd compressed is read as it is.
    #[arg(value_name = "TRACE")]
    pub(crate) trace: PathBuf,
    /// Its format (default: by its content, or else by its name).
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    /// The trace to write, in Memtide's own format.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// What addresses are told in: a page loses the place within it.
    #[arg(long, value_name = "UNIT", default_value = "byte")]
    pub(crate) unit: UnitName,
}

/// What addresses are told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UnitName {
    /// Bytes.
    Byte,
    /// Pages.
    Page,
}

impl From<UnitName> for Unit {
    fn from(name: UnitName) -> Self {
        match name {
            UnitName::Byte => Self::Byte,
            UnitName::Page => Self::Page,
        }
    }
}
