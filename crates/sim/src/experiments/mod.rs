//! The book's experiments: each asks a question, does something on a machine of its own, and states
//! what that shows.
//!
//! docs/experiments/ has a page for each, with the output that it gives. A run takes a second or
//! two at most, and is the same each time.

mod outcome;
mod script;
mod special_memory;
mod stage;
mod status;
mod text;

mod cleaning_commands;
mod commit;
mod copy_on_write;
mod low_and_high_memory;
mod optimisers;
mod page_colours;
mod page_states;
mod pfn_shapes;
mod pools;
mod protections;
mod virtual_to_physical;

pub use outcome::{Finding, Outcome, Step, Table};

/// An experiment.
#[derive(Clone, Copy)]
pub struct Experiment {
    /// Its name on the command line, and of its page.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    run: fn() -> Outcome,
}

impl Experiment {
    /// Makes the experiment.
    #[must_use]
    pub fn run(&self) -> Outcome {
        (self.run)()
    }

    /// The experiment of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        EXPERIMENTS.iter().find(|experiment| experiment.name == name)
    }
}

/// All of them, in the order of the pages.
pub static EXPERIMENTS: [Experiment; 12] = [
    Experiment {
        name: "page-states",
        question: "What does an access, and what does a call, give on free, reserved and \
                   committed pages?",
        run: page_states::run,
    },
    Experiment {
        name: "protections",
        question: "What does each protection allow, and when is a guard page gone?",
        run: protections::run,
    },
    Experiment {
        name: "copy-on-write",
        question: "What do two processes that use the same library share, and for how long?",
        run: copy_on_write::run,
    },
    Experiment {
        name: "virtual-to-physical",
        question: "How does an address become a place in memory, and where does a page go?",
        run: virtual_to_physical::run,
    },
    Experiment {
        name: "pfn-shapes",
        question: "What does the PFN database say of a page in each of its states?",
        run: pfn_shapes::run,
    },
    Experiment {
        name: "page-colours",
        question: "Why does it matter which frame a page gets?",
        run: page_colours::run,
    },
    Experiment {
        name: "low-and-high-memory",
        question: "When is memory low, when is it high, and who is woken?",
        run: low_and_high_memory::run,
    },
    Experiment {
        name: "commit",
        question: "What happens when more is promised than there is memory?",
        run: commit::run,
    },
    Experiment {
        name: "pools",
        question: "Who takes the pools, and who is told when they run low?",
        run: pools::run,
    },
    Experiment {
        name: "cleaning-commands",
        question: "What does each of the cleaning commands move where, and what comes back?",
        run: cleaning_commands::run,
    },
    Experiment {
        name: "optimisers",
        question: "Memory optimisers: myth or reality?",
        run: optimisers::run,
    },
    Experiment {
        name: "special-memory",
        question: "What is different about AWE, large pages, write watch, reset and offer?",
        run: special_memory::run,
    },
];
