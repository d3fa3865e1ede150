//! The Windows memory manager as a pure, deterministic state machine, and the words and rules that
//! every world shares.
//!
//! [`Manager`] is the memory manager: PFN database, page lists, page tables, regions, sections,
//! working sets, commit, page files, a compression store, pools and conditions. It performs no I/O,
//! reads no clock and draws no randomness. A world drives it:
//!
//! 1. A thread accesses memory. [`Manager::touch`] says whether that passes; where it does not, the
//!    world hands in [`Input::Fault`].
//! 2. After each input or call the world takes [outputs](Output) from [`Manager::poll_output`]
//!    until there is none, and carries them out in their order.
//! 3. What outputs begin (reads, writes, compressions) ends as an input that echoes its operation.
//!
//! ```
//! use memtide_core::page::{Access, ThreadId, Tick};
//! use memtide_core::{Allocation, Config, Input, Manager, Output, SpaceConfig};
//!
//! let mut manager = Manager::new(Config::new(1024).with_page_file(4096, 4096))?;
//! let space = manager.create_space(SpaceConfig::default())?;
//! let address = manager.allocate(space, &Allocation::committed(1 << 20))?;
//!
//! // The first access to a page faults, and gets zeros.
//! assert!(!manager.touch(space, address, Access::Write));
//! let thread = ThreadId(1);
//! manager.handle(Tick(0), Input::Fault { thread, space, address, access: Access::Write });
//! let outputs: Vec<Output> = std::iter::from_fn(|| manager.poll_output()).collect();
//! assert!(matches!(outputs[..], [.., Output::Map { .. }, Output::Resume { .. }]));
//!
//! // From then on it passes.
//! assert!(manager.touch(space, address, Access::Read));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a program calls is a method that answers at once, named as Windows names it:
//! [`allocate`](Manager::allocate), [`free`](Manager::free), [`protect`](Manager::protect),
//! [`query`](Manager::query), [`map_view`](Manager::map_view) and so on, each refused with the
//! status that Windows gives. [`Call`] is the same as data, for logs and replays.
//! [`Manager::snapshot`] shows everything, and [`Manager::verify`] proves it.
//!
//! The feature `serde` makes events, configurations and the whole manager serialisable, for
//! recorded runs and saved states.
//!
//! Beside the manager stand the words that every world shares: [`units`], [`conditions`] (the nine
//! standard memory conditions, defined once), and [`lists`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod call;
mod commands;
mod commit;
pub mod conditions;
mod config;
mod counters;
mod exception;
mod fault;
mod frame_supply;
mod gate;
mod growth;
mod input;
mod levels;
pub mod lists;
mod manager;
mod operation;
mod output;
pub mod page;
mod page_file;
mod pfn;
mod policy;
mod pools;
mod protection;
mod refusal;
#[cfg(feature = "serde")]
mod saved;
mod section;
pub mod snapshot;
mod space;
mod store;
mod system_variables;
pub mod units;
mod verify;
mod waiter;
mod working_set;
mod writer;

pub use call::{Call, Event, Range, Reply};
pub use commands::{ListCommand, ListCounts};
pub use commit::Commit;
pub use config::{
    Config, ConfigError, DirtyTracking, FRAMES_MAX, PAGE_FILES_MAX, PageFileConfig, StoreConfig,
};
pub use counters::Counters;
pub use exception::Exception;
pub use input::{Compressed, Input, IoError};
pub use manager::Manager;
pub use operation::{OperationId, Source};
pub use output::{Content, Output, Stored};
pub use pfn::{COLOURS_MAX, Cache, PageState, PteAddress};
pub use policy::Policy;
pub use pools::{Pool, PoolAllocation, PoolAllocationId, PoolKind};
pub use protection::{Base, Modifier, Protection};
pub use refusal::Refusal;
pub use section::Backing;
pub use section::create::SectionConfig;
pub use section::view::View;
pub use snapshot::Snapshot;
pub use space::allocate::{
    Allocation, MEM_COMMIT, MEM_LARGE_PAGES, MEM_PHYSICAL, MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO,
    MEM_TOP_DOWN, MEM_WRITE_WATCH,
};
pub use space::free::{MEM_DECOMMIT, MEM_RELEASE};
pub use space::large_pages::LARGE_PAGE_SIZE;
pub use space::layout::{Area, AreaKind, Layout};
pub use space::offer::OfferPriority;
pub use space::pte::{Rights, Slot};
pub use space::query::{RegionInfo, RegionState};
pub use space::region::{PageUse, RegionKind};
pub use space::{Privileges, SpaceConfig};
pub use system_variables::SystemVariable;
pub use verify::Unsound;
pub use working_set::{Limits, WORKING_SET_MAXIMUM_LEAST, WORKING_SET_MINIMUM_LEAST};
