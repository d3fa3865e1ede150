//! Spaces come and go.

use crate::manager::Manager;
use crate::page::{Pfn, SpaceId};
use crate::pools::PoolKind;
use crate::refusal::Refusal;
use crate::space::layout::Layout;
use crate::space::page_table::{LEVELS, Owner, TABLE_BYTES};
use crate::space::{Space, SpaceConfig};
use crate::working_set::Limits;

impl Manager {
    /// Creates an empty address space.
    ///
    /// # Errors
    /// [`Refusal::InsufficientResources`] where the nonpaged pool has no room for its page table,
    /// or resident memory none for its working set's minimum; [`Refusal::InvalidParameter`] for a
    /// page priority above 7.
    pub fn create_space(&mut self, config: SpaceConfig) -> Result<SpaceId, Refusal> {
        if config.layout.shared().is_some() && self.shared_area.is_none() {
            // One hidden space stands behind the addresses that all Windows 9x spaces share.
            let shared = self.create_space_checked(SpaceConfig::default())?;
            self.shared_area = Some(shared);
        }
        let created = self.create_space_checked(config);
        self.settle();
        created
    }

    fn create_space_checked(&mut self, config: SpaceConfig) -> Result<SpaceId, Refusal> {
        let priority = config.page_priority.unwrap_or(self.config.policy.page_priority);
        if priority > 7 {
            return Err(Refusal::InvalidParameter {
                what: "the page priority",
                value: u64::from(priority),
                expected: "0 to 7",
            });
        }
        let policy = &self.config.policy;
        let limits = Limits {
            minimum: policy.working_set_minimum,
            maximum: policy.working_set_maximum.max(policy.working_set_minimum),
            is_minimum_hard: false,
            is_maximum_hard: false,
        };
        self.pools.charge(PoolKind::NonPaged, TABLE_BYTES)?;
        if let Err(refusal) = self.charge_resident(u64::from(limits.minimum)) {
            self.pools.release(PoolKind::NonPaged, TABLE_BYTES);
            return Err(refusal);
        }
        let id = self.spaces.next_id();
        let root = self.tables.create(Owner::Space(id), 0, LEVELS - 1);
        if self.spaces.count() == 0 {
            self.balance.next = self.now.after(self.config.policy.balance_period);
        }
        Ok(self.spaces.insert(Space::new(root, config, limits, priority)))
    }

    /// Takes a space away with everything in it; threads that wait for its pages get an access
    /// violation.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn destroy_space(&mut self, space: SpaceId) -> Result<(), Refusal> {
        self.known_space(space)?;
        if self.shared_area == Some(space) {
            return Err(Refusal::NoSuch { what: "space", number: u64::from(space.0) });
        }
        loop {
            let next = self
                .spaces
                .get(space)
                .regions()
                .next()
                .map(|(number, region)| (number, region.section_page(region.first).is_some()));
            match next {
                Some((number, true)) => self.remove_view(space, number),
                Some((number, false)) => self.release_region(space, number),
                None => break,
            }
        }
        self.unmap_shared_views(space);
        let physical: alloc::vec::Vec<Pfn> = self.spaces.get(space).physical.clone();
        for pfn in physical {
            self.free_physical_page(space, pfn);
        }
        let holder = self.spaces.get(space);
        let (root, tables, minimum) = (holder.root, holder.tables, holder.limits.minimum);
        assert_eq!(tables, 0, "space {} ends with page tables", space.0);
        self.spaces.remove(space);
        self.tables.destroy(root);
        self.pools.release(PoolKind::NonPaged, TABLE_BYTES);
        self.resident_available += u64::from(minimum);
        self.fault_orphans(space);
        self.settle();
        Ok(())
    }

    /// Takes the views away that a space has mapped where all spaces see them.
    fn unmap_shared_views(&mut self, space: SpaceId) {
        let Some(shared) = self.shared_area else { return };
        let regions = self.spaces.get(shared).regions();
        let own = regions.filter(|(_, region)| region.mapped_by == Some(space));
        let own: alloc::vec::Vec<u32> = own.map(|(number, _)| number).collect();
        own.into_iter().for_each(|number| self.remove_view(shared, number));
    }

    /// Threads that wait in a space that is gone have nothing to wait for. They are told at once:
    /// the next space may get its number.
    fn fault_orphans(&mut self, space: SpaceId) {
        for waiter in self.operations.take_waiters(space) {
            self.fault(waiter);
        }
        let mut waiting = core::mem::take(&mut self.waiting);
        waiting.retain(|waiter| {
            let is_orphan = waiter.space == space;
            if is_orphan {
                self.fault(*waiter);
            }
            !is_orphan
        });
        self.waiting.append(&mut waiting);
    }

    /// Sets the priority that pages of a space get from now on when they become resident, and keep
    /// when they become standby.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] above 7; [`Refusal::NoSuch`].
    pub fn set_page_priority(&mut self, space: SpaceId, priority: u8) -> Result<(), Refusal> {
        self.known_space(space)?;
        if priority > 7 {
            let (what, value) = ("the page priority", u64::from(priority));
            return Err(Refusal::InvalidParameter { what, value, expected: "0 to 7" });
        }
        self.spaces.get_mut(space).priority = priority;
        Ok(())
    }

    /// How the addresses of a space are divided.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn layout(&self, space: SpaceId) -> Result<Layout, Refusal> {
        Ok(self.known_space(space)?.config.layout)
    }
}
