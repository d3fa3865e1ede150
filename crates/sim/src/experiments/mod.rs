//! The book's experiments: each asks a question, does something on a machine of its own, and states
//! what that shows.
//!
//! docs/experiments/ has a page for each, with the output that it gives. A run takes a second or
//! two at most, and is the same each time.

mod outcome;
mod plotted;
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

use crate::picture::Picture;

/// An experiment.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name on the command line, and of its page.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    run: fn() -> Outcome,
    picture: fn() -> Picture,
}

impl Experiment {
    /// Makes the experiment.
    #[must_use]
    pub fn run(&self) -> Outcome {
        Outcome { name: self.name, question: self.question, ..(self.run)() }
    }

    /// Draws its picture.
    #[must_use]
    pub fn picture(&self) -> Picture {
        (self.picture)()
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
        picture: page_states::picture,
    },
    Experiment {
        name: "protections",
        question: "What does each protection allow, and when is a guard page gone?",
        run: protections::run,
        picture: protections::picture,
    },
    Experiment {
        name: "copy-on-write",
        question: "What do two processes that use the same library share, and for how long?",
        run: copy_on_write::run,
        picture: copy_on_write::picture,
    },
    Experiment {
        name: "virtual-to-physical",
        question: "How does an address become a place in memory, and where does a page go?",
        run: virtual_to_physical::run,
        picture: virtual_to_physical::picture,
    },
    Experiment {
        name: "pfn-shapes",
        question: "What does the PFN database say of a page in each of its states?",
        run: pfn_shapes::run,
        picture: pfn_shapes::picture,
    },
    Experiment {
        name: "page-colours",
        question: "Why does it matter which frame a page gets?",
        run: page_colours::run,
        picture: page_colours::picture,
    },
    Experiment {
        name: "low-and-high-memory",
        question: "When is memory low, when is it high, and who is woken?",
        run: low_and_high_memory::run,
        picture: low_and_high_memory::picture,
    },
    Experiment {
        name: "commit",
        question: "What happens when more is promised than there is memory?",
        run: commit::run,
        picture: commit::picture,
    },
    Experiment {
        name: "pools",
        question: "Who takes the pools, and who is told when they run low?",
        run: pools::run,
        picture: pools::picture,
    },
    Experiment {
        name: "cleaning-commands",
        question: "What does each of the cleaning commands move where, and what comes back?",
        run: cleaning_commands::run,
        picture: cleaning_commands::picture,
    },
    Experiment {
        name: "optimisers",
        question: "Memory optimisers: myth or reality?",
        run: optimisers::run,
        picture: optimisers::picture,
    },
    Experiment {
        name: "special-memory",
        question: "What is different about AWE, large pages, write watch, reset and offer?",
        run: special_memory::run,
        picture: special_memory::picture,
    },
];
