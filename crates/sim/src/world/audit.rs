//! A world whose every step is proved.

use memtide_core::page::Pfn;
use memtide_core::{IoError, Unsound};

use super::World;
use crate::audit::Incident;

impl World {
    /// From now on the whole state is proved after each input and call, and what goes wrong noted.
    pub fn audit(&mut self) {
        self.audit.get_or_insert_default();
    }

    /// The first proof that failed, where the world is audited.
    #[must_use]
    pub fn unsound(&self) -> Option<&Unsound> {
        self.audit.as_ref().and_then(|audit| audit.unsound.as_ref())
    }

    /// What went wrong since the last time, where the world is audited.
    pub fn take_incidents(&mut self) -> Vec<Incident> {
        let audit = self.audit.as_mut();
        audit.map(|audit| std::mem::take(&mut audit.incidents)).unwrap_or_default()
    }

    pub(super) fn prove(&mut self) {
        let Some(audit) = self.audit.as_deref_mut().filter(|audit| audit.unsound.is_none()) else {
            return;
        };
        audit.unsound = self.manager.verify().err();
    }

    pub(super) fn note_lost(&mut self, frame: Pfn) {
        let Some(audit) = self.audit.as_deref_mut() else { return };
        let owner = self.manager.snapshot().frame(frame).and_then(|view| view.owner);
        let after = self.told.len();
        audit.incidents.push(Incident::Contents { frame, owner, after });
    }

    pub(super) fn note_failed(&mut self, incident: Incident, result: Result<(), IoError>) {
        if let (Some(audit), Err(_)) = (self.audit.as_deref_mut(), result) {
            audit.incidents.push(incident);
        }
    }
}
