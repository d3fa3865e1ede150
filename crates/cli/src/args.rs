//! What the user may say.

mod clean;
pub(crate) mod kd;
pub(crate) mod live;
mod processes;
pub(crate) mod service;
pub(crate) mod sim;

pub(crate) use clean::CleanArgs;
pub(crate) use processes::{PsArgs, Sort};

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use memtide_core::conditions::Condition;
use memtide_view::fields::OUTPUTS;
use std::path::PathBuf;
use std::time::Duration;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Tells whether memory is running low, where it is and who holds it.
///
/// Without a command: one look at this machine, or at the container it runs in.
#[derive(Debug, Parser)]
#[command(name = "memtide", version, styles = STYLES, max_term_width = 100)]
#[command(after_long_help = "\
Exit codes: 0 done; 1 the answer is no (timed out, not everything cleaned); 2 the arguments or the
configuration cannot be used; 3 the system could not be read or refused; 130 interrupted.

Examples:
  memtide                                one look: conditions, lists, commit, top processes
  memtide wait low-memory --timeout 30s  until memory is low, 30 seconds at most
  memtide watch --json | jq .            a line at each change of a condition
  memtide clean --dry-run                what could be freed, and by what
  memtide --profile early-warning status with marks that leave time to react")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Print JSON, with the names and units that docs/JSON.md lists.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to print in colour; NO_COLOR is honoured.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    pub(crate) color: When,
    /// The formula of the thresholds (default: windows).
    #[arg(long, global = true, value_name = "PROFILE")]
    pub(crate) profile: Option<ProfileName>,
    /// A threshold in place of the formula's: NAME is LowMemoryThreshold or HighMemoryThreshold
    /// (in MB, as in the Windows registry), or LowCommitThreshold, HighCommitThreshold or
    /// MaximumCommitThreshold (in percent).
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub(crate) threshold: Vec<String>,
    /// Look at the whole machine even inside a container.
    #[arg(long, global = true, conflicts_with = "cgroup")]
    pub(crate) machine: bool,
    /// Look at this memory cgroup, given as its directory under /sys/fs/cgroup.
    #[arg(long, global = true, value_name = "DIRECTORY")]
    pub(crate) cgroup: Option<PathBuf>,
    /// The configuration file (default: /etc/memtide.toml where it exists).
    #[arg(long, global = true, value_name = "FILE", env = "MEMTIDE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
}

/// When to print in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The formula of the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// Windows' defaults: a last-stage warning, at most 64 MB.
    Windows,
    /// Marks that leave a program the time to react.
    EarlyWarning,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// One look: conditions, lists, commit, container, top processes.
    #[command(after_long_help = STATUS_HELP)]
    Status(NoArgs),
    /// The page lists of the machine, in Windows' words.
    #[command(after_long_help = LISTS_HELP)]
    Lists(NoArgs),
    /// Processes and the memory they hold.
    #[command(after_long_help = processes::HELP)]
    Ps(PsArgs),
    /// The nine conditions as Windows' event objects, and who listens.
    #[command(after_long_help = OBJECTS_HELP)]
    Objects(NoArgs),
    /// What works here, what does not, and how to enable it.
    #[command(after_long_help = DOCTOR_HELP)]
    Doctor(NoArgs),
    /// Print a line at each change of a condition, and run a command.
    #[command(after_long_help = WATCH_HELP)]
    Watch(WatchArgs),
    /// Block until conditions are set.
    #[command(after_long_help = WAIT_HELP)]
    Wait(WaitArgs),
    /// Give memory back, and tell what that cost.
    #[command(after_long_help = clean::HELP)]
    Clean(CleanArgs),
    /// Keep a log of the conditions as a Windows service.
    #[command(after_long_help = service::HELP)]
    Service(service::ServiceArgs),
    /// The memory manager on virtual time: scenarios, traces, sizing, experiments.
    Sim(sim::SimArgs),
    /// Real memory with a budget: see it work, measure it beside what the kernel offers.
    Live(live::LiveArgs),
    /// The debugger: !pfn, !pte, !vm and more on a simulated machine.
    #[command(after_long_help = kd::HELP)]
    Kd(kd::KdArgs),
    /// Print a completion script for a shell.
    #[command(after_help = "Example: memtide completions bash > /etc/bash_completion.d/memtide")]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one a command into a directory.
    #[command(after_help = "Example: memtide man | man -l -")]
    Man(ManArgs),
    /// Print the JSON Schema of a command's --json output.
    #[command(after_help = "Example: memtide schema status")]
    Schema(SchemaArgs),
}

const OBJECTS_HELP: &str = "\
Who listens is found by the open files of every process: PSI files and triggers, a cgroup's
memory.pressure and memory.events, the event files of version 1 cgroups, and Memtide's own
watchers. Without root only one's own processes can be looked into. On Windows it is found by the
handles that processes have to the nine events.

Examples:
  memtide objects
  memtide objects --json | jq '.objects[] | .condition.name, .listeners'";

const DOCTOR_HELP: &str = "\
Nothing is changed: files are opened and not written, calls are made on nothing.

Examples:
  memtide doctor
  memtide doctor --json | jq -r '.capabilities[] | select(.verdict == \"fails\") | .remedy'";

const STATUS_HELP: &str = "\
In a container the conditions are the container's, by the tightest limit up the cgroup tree;
--machine looks at the machine all the same. Lists, commit and pools are always the machine's.

Examples:
  memtide
  memtide status --json | jq '.conditions[] | select(.set)'
  memtide status --profile early-warning
  memtide status --cgroup /sys/fs/cgroup/system.slice";

const LISTS_HELP: &str = "\
The lists add up to the total; what the system does not attribute is a line of its own.
CONTRACT.md has the formula of each.

Examples:
  memtide lists
  memtide lists --json | jq .standby";

const WATCH_HELP: &str = "\
A condition that is set when the watching begins is told first. The command of --exec runs through
sh (on Windows cmd), once a change, one after the other; however long it takes, no change is lost or
told late. It finds in its environment:
  MEMTIDE_CONDITION  the name, such as LowMemoryCondition
  MEMTIDE_STATE      set, clear or unknown
  MEMTIDE_VALUE      the level in bytes, empty where unknown
  MEMTIDE_THRESHOLD  the mark in bytes, empty where unknown
  MEMTIDE_REASON     availability, container-limit, psi-stall, pool-free, commit-charge or unknown

Examples:
  memtide watch
  memtide watch low-memory high-commit --exec 'logger \"$MEMTIDE_CONDITION $MEMTIDE_STATE\"'
  memtide --profile early-warning watch low-memory --json";

const WAIT_HELP: &str = "\
Exit codes: 0 set; 1 timed out; 2 usage; 3 the condition cannot be known here.

Examples:
  memtide wait low-memory --timeout 30s && release-caches
  memtide wait low-memory maximum-commit --any
  memtide wait high-memory low-commit --all --timeout 10m";

/// What `watch` takes.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The conditions (default: all nine).
    #[arg(value_name = "CONDITION", value_parser = condition_parser(), ignore_case = true)]
    pub(crate) conditions: Vec<Condition>,
    /// Run this command at each change.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
}

/// What `wait` takes.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The conditions.
    #[arg(value_name = "CONDITION", required = true, value_parser = condition_parser())]
    #[arg(ignore_case = true)]
    pub(crate) conditions: Vec<Condition>,
    /// Wait until one of them is set (the default).
    #[arg(long, conflicts_with = "all")]
    pub(crate) any: bool,
    /// Wait until all of them are set at the same time.
    #[arg(long)]
    pub(crate) all: bool,
    /// Give up after this long, such as 500ms, 30s or 10m (default: never).
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

fn condition_parser() -> impl TypedValueParser<Value = Condition> {
    let possible = Condition::ALL.map(|condition| {
        let name = condition.name();
        PossibleValue::new(condition.argument()).aliases([name, name.trim_end_matches("Condition")])
    });
    PossibleValuesParser::new(possible).try_map(|name| name.parse::<Condition>())
}

/// Reads a duration; the error says what was read and what is accepted.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| {
        format!("{error}; expected a number with a unit, such as 500ms, 30s, 10m or 1h30m")
    })
}

/// A command without arguments of its own.
#[derive(Debug, Args)]
pub(crate) struct NoArgs {}

/// What `completions` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// What `man` takes.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write memtide.1 and a page for each command here instead.
    #[arg(value_name = "DIRECTORY")]
    pub(crate) directory: Option<PathBuf>,
}

/// What `schema` takes.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The command.
    #[arg(value_name = "COMMAND")]
    #[arg(value_parser = PossibleValuesParser::new(OUTPUTS.iter().map(|output| output.command)))]
    pub(crate) command: String,
}
