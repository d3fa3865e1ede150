//! A fault on a page that is resident: a first write that must be noticed, or a copy to be made.

use crate::fault::{Outcome, Scene};
use crate::manager::Manager;
use crate::page::Access;
use crate::space::page_uses::Change;
use crate::space::pte::{DIRTY, Pte, Valid};
use crate::waiter::Waiter;

impl Manager {
    pub(crate) fn valid_fault(
        &mut self,
        scene: Scene,
        waiter: &mut Waiter,
        valid: Valid,
    ) -> Outcome {
        let Scene { space, page, pte, protection, region } = scene;
        if waiter.access != Access::Write {
            self.update_rights(space, page, pte);
            return Outcome::Resolved;
        }
        if protection.copies_on_write() {
            if valid.is_shared() {
                return self.copy_on_write(scene, waiter, valid);
            }
            // It is private already, and was protected as copy-on-write since.
            self.note_change(space, region, page, Change::Copied);
        }
        let is_first = !valid.current_rights().allow(Access::Write);
        if is_first {
            self.count_fault(waiter, |counters| counters.first_writes += 1);
        }
        self.note_write(space, region, page);
        if let Pte::Valid(valid) = self.tables.get(pte) {
            self.tables.set(pte, Pte::Valid(valid.with(DIRTY, true)));
        }
        self.update_rights(space, page, pte);
        if is_first && self.config.policy.map_ahead_max > 1 {
            self.write_ahead(scene);
        }
        Outcome::Resolved
    }
}
