//! The commands: names, arguments, help and an example each.

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Go,
    Step,
    Fault,
    Pfn,
    Pte,
    Vm,
    MemUsage,
    Process,
    Vad,
    WorkingSet,
    Pool,
    Object,
    Conditions,
    List,
    PfnList,
    DumpWords,
    DumpDoubleWords,
    Context,
    Time,
    Verify,
    Save,
    Help,
    Quit,
}

/// What the arguments of a command are completed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Completes {
    Nothing,
    Processes,
    Lists,
    Filters,
    Objects,
    Stops,
    Commands,
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) verb: Verb,
    /// Its name, and others for it.
    pub(super) names: &'static [&'static str],
    /// How it is used.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) help: &'static str,
    pub(super) example: &'static str,
    pub(super) completes: Completes,
}

const fn command(
    verb: Verb,
    names: &'static [&'static str],
    usage: &'static str,
    completes: Completes,
    example: &'static str,
    help: &'static str,
) -> Command {
    Command { verb, names, usage, help, example, completes }
}

/// All of them, in the order that help shows them.
pub(super) static COMMANDS: [Command; 23] = [
    command(
        Verb::Go,
        &["g"],
        "g [TIME | +TIME | CONDITION [set|clear] | fault [KIND] [PROCESS] [at ADDRESS]]",
        Completes::Stops,
        "g +1ms",
        "Runs until a moment (5s), for so long (+10ms), until a condition is set or clear, until \
         a fault (of a kind, of a process, at a page), or to the end.",
    ),
    command(
        Verb::Step,
        &["t"],
        "t [COUNT]",
        Completes::Nothing,
        "t",
        "Steps to the next event: a fault, a call, the end of an I/O, a deadline. COUNT of them.",
    ),
    command(
        Verb::Fault,
        &["p"],
        "p [COUNT]",
        Completes::Nothing,
        "p 2",
        "Runs to the next fault. COUNT of them.",
    ),
    command(
        Verb::Pfn,
        &["!pfn"],
        "!pfn FRAME",
        Completes::Nothing,
        "!pfn 0",
        "Shows the entry of a physical page in the PFN database, in the shape of its state: in \
         a working set, on the standby or modified list, free, or with I/O in progress.",
    ),
    command(
        Verb::Pte,
        &["!pte"],
        "!pte ADDRESS [PROCESS]",
        Completes::Processes,
        "!pte 10000",
        "Walks the page tables from a virtual address to a physical one, level by level.",
    ),
    command(
        Verb::Vm,
        &["!vm"],
        "!vm",
        Completes::Nothing,
        "!vm",
        "Shows the system variables, commit, lists, pools, page files, and what each process has.",
    ),
    command(
        Verb::MemUsage,
        &["!memusage"],
        "!memusage",
        Completes::Nothing,
        "!memusage",
        "Counts the physical pages by list, and by the process or section they belong to.",
    ),
    command(
        Verb::Process,
        &["!process"],
        "!process [PROCESS]",
        Completes::Processes,
        "!process",
        "Shows a process: limits, working set, commit, faults. Without an argument, all of them.",
    ),
    command(
        Verb::Vad,
        &["!vad"],
        "!vad [PROCESS]",
        Completes::Processes,
        "!vad",
        "Shows the address descriptors of a process: what it reserved, committed and mapped.",
    ),
    command(
        Verb::WorkingSet,
        &["!ws"],
        "!ws [PROCESS] [L COUNT]",
        Completes::Processes,
        "!ws",
        "Shows the entries of a working set, with their ages.",
    ),
    command(
        Verb::Pool,
        &["!pool"],
        "!pool",
        Completes::Nothing,
        "!pool",
        "Shows both pools, and what others than the memory manager hold of them.",
    ),
    command(
        Verb::Object,
        &["!object"],
        "!object \\KernelObjects[\\NAME]",
        Completes::Objects,
        "!object \\KernelObjects\\LowMemoryCondition",
        "Shows the nine event objects of the memory conditions, or one of them.",
    ),
    command(
        Verb::Conditions,
        &["!conditions"],
        "!conditions",
        Completes::Nothing,
        "!conditions",
        "Shows the nine conditions with the level and the mark that decide each.",
    ),
    command(
        Verb::List,
        &["!list"],
        "!list STATE [PRIORITY] [L COUNT]",
        Completes::Lists,
        "!list standby 5",
        "Shows the frames on a list in their order: what is taken next comes first.",
    ),
    command(
        Verb::PfnList,
        &["!pfnlist"],
        "!pfnlist [state=STATE] [process=PROCESS] [section=N] [priority=N] [colour=N] [modified] \
         [from=FRAME] [L COUNT]",
        Completes::Filters,
        "!pfnlist state=active L 4",
        "Lists physical pages by number, those that everything said holds for.",
    ),
    command(
        Verb::DumpDoubleWords,
        &["dd"],
        "dd ADDRESS [L COUNT]",
        Completes::Nothing,
        "dd 10000 L 4",
        "Shows memory in 32-bit words, where the machine has contents and the page is resident.",
    ),
    command(
        Verb::DumpWords,
        &["dq"],
        "dq ADDRESS [L COUNT]",
        Completes::Nothing,
        "dq 10000 L 2",
        "Shows memory in 64-bit words, where the machine has contents and the page is resident.",
    ),
    command(
        Verb::Context,
        &[".process"],
        ".process [PROCESS]",
        Completes::Processes,
        ".process",
        "Sets the process whose addresses are meant, or says which it is.",
    ),
    command(
        Verb::Time,
        &[".time"],
        ".time",
        Completes::Nothing,
        ".time",
        "Says what is debugged, and what time it is there.",
    ),
    command(
        Verb::Verify,
        &["!verify"],
        "!verify",
        Completes::Nothing,
        "!verify",
        "Proves that the whole state is sound: lists, PTEs, counts, charges.",
    ),
    command(
        Verb::Save,
        &["save", ".dump"],
        "save FILE",
        Completes::Nothing,
        "save state.snapshot",
        "Saves the whole state, to be opened with memtide kd FILE.",
    ),
    command(
        Verb::Help,
        &["?", ".help"],
        "? [COMMAND]",
        Completes::Commands,
        "? !pfn",
        "Explains a command, or lists all of them.",
    ),
    command(Verb::Quit, &["q", "qq"], "q", Completes::Nothing, "q", "Leaves the debugger."),
];

impl Command {
    /// The command of a name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.names.contains(&name))
    }

    /// The name that looks most like this one.
    pub(super) fn nearest(name: &str) -> &'static str {
        let names = COMMANDS.iter().flat_map(|command| command.names);
        let bare = |name: &str| name.trim_start_matches(['!', '.']).to_lowercase();
        let wanted = bare(name);
        names
            .min_by_key(|known| strsim::damerau_levenshtein(&bare(known), &wanted))
            .copied()
            .unwrap_or("?")
    }
}
