//! What `sim generate` takes.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The long help.
pub(crate) const HELP: &str = "\
The same arguments give the same trace. The mix is a loop over 60,000 pages (one reference in ten),
popular pages of the number that is said by the law of Zipf (seven), and a scan over two million
pages (two). Page n of a pattern is the object n.

Exit codes: 0 done; 2 an argument cannot be used; 3 the trace could not be written.

Examples:
  memtide sim generate --pattern zipf --pages 1000000 --references 20000000 -o zipf.memtide
  memtide sim generate --pattern mix --alpha 0.9 --as oracle-general -o mix.oracleGeneral";

/// What `sim generate` takes.
#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Which pages are referenced, and in which order.
    #[arg(long, value_name = "PATTERN", default_value = "zipf")]
    pub(crate) pattern: PatternName,
    /// Different pages.
    #[arg(long, value_name = "NUMBER", default_value = "1000000")]
    pub(crate) pages: u64,
    /// References.
    #[arg(long, value_name = "NUMBER", default_value = "20000000")]
    pub(crate) references: u64,
    /// The skew of zipf and mix: the kth page is referenced in proportion to 1 / k^alpha.
    #[arg(long, value_name = "NUMBER", default_value = "1.0")]
    pub(crate) alpha: f64,
    /// The share of references that write, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value = "0")]
    pub(crate) writes: f64,
    /// What decides all that is random.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,
    /// The format; oracle-general knows no writes, and takes 16 bytes of memory a reference.
    #[arg(long = "as", value_name = "FORMAT", default_value = "memtide")]
    pub(crate) format: GeneratedFormat,
    /// The trace to write.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// A pattern by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PatternName {
    /// One page after the other, again and again.
    Sequential,
    /// Any page, each as likely as the others.
    Random,
    /// Popular pages and others.
    Zipf,
    /// A loop, popular pages and a scan at the same time.
    Mix,
}

/// A format that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GeneratedFormat {
    /// Memtide's own.
    Memtide,
    /// LibCacheSim's oracleGeneral.
    OracleGeneral,
}
