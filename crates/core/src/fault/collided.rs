//! A second fault on a page that is being read: it waits for the same read.

use crate::fault::stream::Window;
use crate::fault::{Outcome, Scene};
use crate::manager::Manager;
use crate::operation::OperationId;
use crate::page::{Pfn, narrow};
use crate::waiter::Waiter;

impl Manager {
    pub(crate) fn join_read(&mut self, scene: Scene, waiter: &mut Waiter, pfn: Pfn) -> Outcome {
        let operation = OperationId(self.frames.entry(pfn).low());
        let is_whole = !waiter.is_counted;
        self.count_fault(waiter, |counters| counters.collided += 1);
        let Some(read) = self.operations.get(operation) else {
            panic!("frame {pfn} is read by operation {}, which is over", operation.0)
        };
        let place = read.frames.iter().position(|frame| *frame == pfn).unwrap_or(0);
        let (before, after) = (narrow(place), narrow(read.frames.len() - 1 - place));
        self.operations.join(operation, *waiter);
        if is_whole && self.config.policy.read_ahead_min > 0 {
            self.follow(scene, Window { before, after });
        }
        Outcome::Pending
    }

    /// A stream has reached pages that are being read ahead of it: it goes on behind them.
    fn follow(&mut self, scene: Scene, read: Window) {
        let Scene { space, page, region, .. } = scene;
        let streams = &mut self.spaces.get_mut(space).region_mut(region).streams;
        if !streams.goes_on(page) {
            return;
        }
        let next = streams.next(page, u32::MAX);
        let given = match next.after >= next.before {
            true => Window { before: 0, after: read.after },
            false => Window { before: read.before, after: 0 },
        };
        streams.handled(page, given);
        self.read_on(scene, given);
    }
}
