//! The signals that faults come as, and whose they are.
//!
//! A fault of managed memory is SIGBUS where userfaultfd resolves it in the thread that takes it,
//! and SIGSEGV where the memory isn't to be executed. Both signals belong to the whole process:
//! those that are not ours go to whoever had them before, as if we were not there.
//!
//! What a program must know:
//! - Faults are handled on the stack of the thread that faulted, which needs 64 KiB of it left; not
//!   on its alternate stack, which may be as small as 8 KiB.
//! - A thread that blocks SIGBUS or SIGSEGV and touches a page that isn't there dies, and its
//!   process with it: the kernel allows no other end.
//! - Who installs a handler of these signals later must hand on what isn't theirs.

mod blocked;
mod fault;
mod handler;
mod previous;
mod stack;
#[cfg(test)]
mod tests;

pub(crate) use blocked::SignalsBlocked;
pub(crate) use fault::{Fault, Signal, Verdict};
pub(crate) use handler::install;
