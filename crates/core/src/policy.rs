//! The choices that Windows does not publish, in one place, each with its reason.

use crate::page::Tick;

/// How the manager decides what the contract leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Policy {
    /// Below so many available pages the balance set manager trims at once, not only each second.
    /// At most 1 MiB: what is trimmed is seldom used before it is repurposed, so a longer list is
    /// memory that working sets lack, and by the time its pages are repurposed their entries have
    /// left the processor's cache.
    pub available_low: u32,
    /// Trimming goes on until so many pages are available or on their way to be.
    pub available_goal: u32,
    /// Pages are read, zeroed and mapped ahead while more than so many are available.
    pub ahead_low: u32,
    /// The time between two rounds of the balance set manager. Windows: one second.
    pub balance_period: Tick,
    /// Working-set entries of one space that a round ages: enough to see a set of 1 GiB within
    /// half a minute, and few enough that a round stays below a millisecond.
    pub age_batch: u32,
    /// Pages that come in for the first time and have not been used since stand in a queue of
    /// their own, and are trimmed from it first while it holds more than so many thousandths of
    /// the working set. This is what lets a pass over everything leave the hot pages alone
    /// (S3-FIFO, SOSP 2023, found a tenth right over thousands of traces).
    pub probation_permille: u16,
    /// A page that is read back before so many thousandths of memory were evicted from probation
    /// after it enters the main queue at once (S3-FIFO remembers as many as its main queue holds).
    pub refault_permille: u16,
    /// A page of the main queue that was used in several turns of it stays for as many more without
    /// a use, at most so many: what one bit a turn can tell of how often a page is used (S3-FIFO
    /// counts uses up to three).
    pub main_turns_max: u8,
    /// The modified writer begins at so many modified pages. Windows begins at 800 on machines of
    /// some size; here it is a share of memory between 16 pages and that.
    pub modified_high: u32,
    /// All modified pages are written after so long, so that a burst finds standby pages.
    pub modified_age: Tick,
    /// Pages in one write: 64 pages, 256 KiB, are enough for a disk's full bandwidth.
    pub write_cluster: u32,
    /// Writes and compressions in flight at a time.
    pub writes_max: u32,
    /// Reads in progress at a time for threads that fault; more of them wait. Without end on
    /// Windows, whose disks have queues of their own.
    pub reads_max: u32,
    /// Threads that wait at a time at most. Room for them is set aside, and for all else that
    /// faults need, so that faults allocate nothing; 0 sets nothing aside.
    pub waiters_max: u32,
    /// The most pages of one read. A read begins with one page, doubles along a stream, and falls
    /// back to one page at random.
    pub read_cluster_max: u32,
    /// The most pages that one demand-zero fault maps along a stream while memory is plentiful; 1
    /// is Windows' way. More pays where a fault is dear.
    pub demand_zero_max: u32,
    /// The most pages that one fault maps along a stream of pages that are in memory or were read
    /// with it; 1 is Windows' way, which leaves them on the standby list. More pays where a fault
    /// is dear.
    pub map_ahead_max: u32,
    /// While a stream takes at least so many pages at a time, those behind them are read before
    /// anyone asks for them, so that the disk works while the program does; 0 is Windows' way,
    /// which reads when a page is wanted.
    pub read_ahead_min: u32,
    /// The priority of pages of spaces that set none. Windows: 5.
    pub page_priority: u8,
    /// The working set's minimum for new spaces, in pages. Windows: 50.
    pub working_set_minimum: u32,
    /// The working set's maximum for new spaces, in pages; soft. Windows: 345.
    pub working_set_maximum: u32,
    /// A page that could not be written is tried again after so long, and so is a page file that
    /// could not be extended.
    pub write_retry: Tick,
    /// From so many thousandths of the page files in use, a page that is read back gives its slot
    /// up, so that slots go to pages that are not in memory.
    pub slots_scarce_permille: u16,
    /// The page files grow, where they may, until they have so many thousandths of the pages that
    /// are promised; 0 is Windows' way, which makes them grow only when promises need it. With room
    /// for every page and some more, pages that are only read keep their slots, and clusters find
    /// neighbouring ones.
    pub slots_ahead_permille: u16,
}

/// Working-set minimum and maximum of a new process on Windows, in pages.
const WINDOWS_WORKING_SET: (u32, u32) = (50, 345);

impl Policy {
    /// The defaults for a machine of so many frames.
    #[must_use]
    pub fn for_frames(frames: u32) -> Self {
        let available_low = (frames / 64).clamp(1, 256);
        let (minimum, maximum) = WINDOWS_WORKING_SET;
        Self {
            available_low,
            available_goal: available_low.saturating_mul(2).min(frames / 4).max(1),
            ahead_low: available_low,
            balance_period: Tick::SECOND,
            age_batch: 8192,
            probation_permille: 100,
            refault_permille: 900,
            main_turns_max: 3,
            modified_high: (frames / 32).clamp(16, 800),
            modified_age: Tick(30 * Tick::SECOND.0),
            write_cluster: 64,
            writes_max: 4,
            reads_max: u32::MAX,
            waiters_max: 0,
            read_cluster_max: 64,
            demand_zero_max: 1,
            map_ahead_max: 1,
            read_ahead_min: 0,
            page_priority: 5,
            // Small machines cannot promise fifty pages to everyone.
            working_set_minimum: minimum.min(frames / 64),
            working_set_maximum: maximum,
            write_retry: Tick::SECOND,
            slots_scarce_permille: 875,
            slots_ahead_permille: 0,
        }
    }

    /// The most pages of any operation.
    pub(crate) const fn cluster_max(&self) -> u32 {
        let (read, write) = (self.read_cluster_max, self.write_cluster);
        if read > write { read } else { write }
    }
}
