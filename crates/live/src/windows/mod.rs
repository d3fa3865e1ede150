//! Real memory on Windows: the same nouns, as calls of the native memory manager.
//!
//! The native manager pages, compresses and writes; nothing here moves a page. What is ours is the
//! budget (the process' working set), the promises (a machine's commit charge), which regions are
//! whose, and refusals that say what was wrong.

mod budget;
mod commit;
mod conditions;
mod contents;
mod exceptions;
mod lists;
pub(crate) mod machine;
mod native;
pub mod page_file;
pub(crate) mod pinned;
mod query;
mod regions;
pub(crate) mod section;
pub(crate) mod space;
mod status;
pub(crate) mod watch;
mod working_set;

pub use native::process::ProcessMemory;
pub use status::SystemError;
pub use working_set::WorkingSetPage;
