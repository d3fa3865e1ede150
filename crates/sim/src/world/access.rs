//! Accesses of which the contents count.

use memtide_core::page::{Access, SpaceId, ThreadId, Vpn};
use memtide_core::{Event, Input};

use super::{Told, World};

/// What a thread does at the moment its access passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// In which space.
    pub space: SpaceId,
    /// At which address.
    pub address: u64,
    /// What it does.
    pub access: Access,
    /// The word that it writes, where it does.
    pub written: Option<u64>,
}

impl World {
    /// A thread makes an access of which the contents count. It is always answered: by
    /// [`Told::Resumed`] once it is made, and [`World::take_word`] says what was seen.
    pub fn access(&mut self, thread: ThreadId, intent: Intent) {
        self.intents.insert(thread, intent);
        self.try_access(thread);
        self.drain();
    }

    /// What a thread read, or left by writing, when it was last resumed.
    pub fn take_word(&mut self, thread: ThreadId) -> Option<u64> {
        self.made.remove(&thread)
    }

    /// Touches what a thread wants, or lets it fault.
    pub(super) fn try_access(&mut self, thread: ThreadId) {
        let Some(Intent { space, address, access, .. }) = self.intents.get(&thread).copied() else {
            return;
        };
        self.note(|| Event::Touch(space, address, access));
        if self.manager.touch(space, address, access) {
            return self.resume(thread);
        }
        self.work = self.work.after(self.costs.fault);
        self.hand_in(Input::Fault { thread, space, address, access });
    }

    /// A thread goes on: its access is made now, before anything else happens.
    pub(super) fn resume(&mut self, thread: ThreadId) {
        let contents = self.contents.as_deref_mut();
        if let (Some(intent), Some(contents)) = (self.intents.get(&thread).copied(), contents) {
            let Intent { space, address, access, written } = intent;
            let page = Vpn::of(address);
            let frame = contents.mapped(space, page).map(|(frame, _)| frame);
            if self.lost.iter().any(|(lost, _)| Some(*lost) == frame) {
                self.held_back.push(thread);
                return;
            }
            match contents.access(space, page, access, written) {
                Ok(seen) => drop(self.made.insert(thread, seen)),
                Err(mismatch) => drop(self.mismatch.get_or_insert(mismatch)),
            }
        }
        self.intents.remove(&thread);
        self.told.push_back((thread, Told::Resumed));
    }

    /// A thread is told that what it waits for will not be.
    pub(super) fn tell(&mut self, thread: ThreadId, told: Told) {
        self.intents.remove(&thread);
        self.told.push_back((thread, told));
    }
}
