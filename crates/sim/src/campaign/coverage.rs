//! What happened in runs: which faults were injected, and how each of them surfaced.

use serde::{Deserialize, Serialize};

/// A count of what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happened {
    /// What happened, as one word.
    pub name: &'static str,
    /// What that says.
    pub help: &'static str,
    /// How often.
    pub times: u64,
}

/// Declares the counts once: their names, what they say, and how they are added.
macro_rules! coverage {
    ($($name:ident: $help:literal,)+) => {
        /// What happened, counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Coverage {
            $(#[doc = $help] pub $name: u64,)+
        }

        impl Coverage {
            /// Every count.
            #[must_use]
            pub fn counts(&self) -> Vec<Happened> {
                vec![$(Happened {
                    name: stringify!($name),
                    help: $help,
                    times: self.$name,
                }),+]
            }

            /// Adds another run's counts.
            pub const fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

coverage! {
    steps: "Steps done.",
    accesses: "Accesses that were compared with the oracle.",
    read_errors: "Reads that failed.",
    in_page_errors: "In-page errors that threads were told of after a read had failed.",
    shared_errors: "Reads whose failure was told to more than one thread.",
    retries: "Threads that read well after a failure.",
    write_errors: "Writes that failed.",
    write_failures: "Pages that were reported because they could not be written twice.",
    bad_slots: "Slots of page files that were retired.",
    extend_errors: "Page files that were refused to grow.",
    extensions: "Page files that grew.",
    refused_commits: "Promises refused because the page files were full.",
    lost: "Pages that could not be decompressed or copied.",
    lost_errors: "In-page errors of pages that were lost.",
    slow: "Transfers that were made slow.",
    overtakings: "Operations that ended before one that had begun earlier.",
    kills_in_io: "Processes killed while a thread of theirs waited for I/O.",
    ends_in_fault: "Threads that ended while they waited.",
    bad_frames: "Frames that went bad.",
    no_memory: "Accesses refused for want of memory, where faults or the machine explain it.",
    hard_faults: "Hard faults.",
    collided_faults: "Faults that joined a read in progress.",
    soft_faults: "Soft faults.",
    decompressed: "Pages had back from the compression store.",
    copies: "Pages copied on write.",
    guards: "First accesses to guard pages.",
}
