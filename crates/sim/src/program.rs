//! A program: what a thread does next.

use memtide_core::conditions::Condition;
use memtide_core::page::{Access, SpaceId, Tick};
use memtide_core::{Call, Exception, Refusal, Reply};

use crate::reference::Reference;
use crate::world::World;

/// What a thread does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It makes the references that it put into the buffer, one after the other.
    References,
    /// It computes for so long.
    Compute(Tick),
    /// It sleeps for so long.
    Sleep(Tick),
    /// It waits until a condition is set; where it is set already it goes on at once.
    Await(Condition),
    /// It makes a call, and gets the reply.
    Call(Call),
    /// It locks a range of its space: VirtualLock.
    Lock {
        /// The first byte.
        address: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// It is done.
    End,
    /// Its process ends: it can do nothing without what a call refused.
    Abort(Refusal),
}

/// What a thread does about an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It makes the access again.
    Retry,
    /// It goes on behind the access.
    Skip,
    /// Its process ends.
    Die,
}

/// What becomes of a reference that is not mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeforeFault {
    /// It faults, as this access.
    Fault(Access),
    /// The program makes a call first, gets the reply, and is asked again.
    Call(Call),
}

/// What a program sees when it is asked.
pub struct Context<'a> {
    /// The moment it is for its processor.
    pub now: Tick,
    /// The space of its process.
    pub space: SpaceId,
    /// The world, to look at: conditions, lists.
    pub world: &'a World,
}

/// A program.
pub trait Program: Send {
    /// What the thread does next. The buffer is empty; [`Step::References`] makes what is put in.
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step;

    /// A reference of the program is not mapped and will fault. By default it does.
    fn before_fault(&mut self, _space: SpaceId, reference: Reference) -> BeforeFault {
        BeforeFault::Fault(reference.access)
    }

    /// What a call came to.
    fn reply(&mut self, _reply: Result<Reply, Refusal>) {}

    /// An access raised an exception. By default a guard page is touched again, and anything else
    /// ends the process.
    fn raised(&mut self, exception: Exception) -> Reaction {
        match exception {
            Exception::GuardPage { .. } => Reaction::Retry,
            _ => Reaction::Die,
        }
    }
}
