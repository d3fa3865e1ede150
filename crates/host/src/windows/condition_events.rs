//! The nine events of `\KernelObjects`, which the memory manager of Windows sets and clears.

use super::native::event::Event;
use super::native::status::NtStatus;
use memtide_core::conditions::Condition;
use std::sync::OnceLock;

/// The events, each opened when it is first asked for; one that cannot be opened is tried again.
#[derive(Debug, Default)]
pub(crate) struct ConditionEvents {
    opened: [OnceLock<Event>; Condition::COUNT],
}

impl ConditionEvents {
    /// The event of a condition, to be waited for.
    ///
    /// # Errors
    /// The status with which Windows refused it, such as 0xC0000034 where there is none.
    ///
    /// Source: Microsoft's documentation, "Standard Event Objects".
    pub(crate) fn event(&self, condition: Condition) -> Result<&Event, NtStatus> {
        let place = &self.opened[condition.index()];
        if let Some(event) = place.get() {
            return Ok(event);
        }
        let event = Event::open(&object_name(condition))?;
        Ok(place.get_or_init(|| event))
    }

    /// Whether the event is set.
    ///
    /// # Errors
    /// As [`ConditionEvents::event`].
    pub(crate) fn is_set(&self, condition: Condition) -> Result<bool, NtStatus> {
        let event = self.event(condition)?;
        // Nobody but this process can close the handle, and an event can always be asked.
        event.is_set().map_err(|_| NtStatus::INVALID_HANDLE)
    }
}

/// The name of a condition's event in the object manager.
pub(crate) fn object_name(condition: Condition) -> String {
    format!(r"\KernelObjects\{}", condition.name())
}
