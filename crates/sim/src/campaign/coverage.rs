//! What happened in runs: which faults were injected, and how each of them surfaced.

use serde::{Deserialize, Serialize};

/// Declares the counts once: their names, what they say, and how they are added.
macro_rules! coverage {
    ($($(#[doc = $help:literal])+ $name:ident,)+) => {
        /// What happened, counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", default)]
        pub struct Coverage {
            $($(#[doc = $help])+ pub $name: u64,)+
        }

        impl Coverage {
            /// Every count with its name.
            #[must_use]
            pub const fn counts(&self) -> [(&'static str, u64); [$(stringify!($name)),+].len()] {
                [$((stringify!($name), self.$name)),+]
            }

            /// Adds another run's counts.
            pub const fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

coverage! {
    /// Steps that did something.
    steps,
    /// Accesses that were compared with the oracle.
    accesses,
    /// Reads that failed.
    read_errors,
    /// In-page errors that threads were told of after a read had failed.
    in_page_errors,
    /// Reads whose failure was told to more than one thread.
    shared_errors,
    /// Threads that read well after a failure.
    retries,
    /// Writes that failed.
    write_errors,
    /// Pages that were reported because they could not be written twice.
    write_failures,
    /// Slots of page files that were retired.
    bad_slots,
    /// Page files that were refused to grow.
    extend_errors,
    /// Page files that grew.
    extensions,
    /// Promises refused because the page files were full.
    refused_commits,
    /// Pages that could not be decompressed or copied.
    lost,
    /// In-page errors of pages that were lost.
    lost_errors,
    /// Transfers that were made slow.
    slow,
    /// Operations that ended before one that had begun earlier.
    overtakings,
    /// Processes killed while a thread of theirs waited for I/O.
    kills_in_io,
    /// Threads that ended while they waited.
    ends_in_fault,
    /// Frames that went bad.
    bad_frames,
    /// Accesses refused for want of memory, after faults that explain it.
    no_memory,
    /// Hard faults.
    hard_faults,
    /// Faults that joined a read in progress.
    collided_faults,
    /// Soft faults.
    soft_faults,
    /// Pages had back from the compression store.
    decompressed,
    /// Pages copied on write.
    copies,
    /// First accesses to guard pages.
    guards,
}
