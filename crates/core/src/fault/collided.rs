//! A second fault on a page that is being read: it waits for the same read.

use crate::fault::Outcome;
use crate::manager::Manager;
use crate::operation::OperationId;
use crate::page::Pfn;
use crate::waiter::Waiter;

impl Manager {
    pub(crate) fn join_read(&mut self, waiter: &mut Waiter, pfn: Pfn) -> Outcome {
        let operation = OperationId(self.frames.entry(pfn).low());
        self.count_fault(waiter, |counters| counters.collided += 1);
        let is_on_its_way = self.operations.get(operation).is_some();
        assert!(is_on_its_way, "frame {pfn} is read by operation {}, which is over", operation.0);
        self.operations.join(operation, *waiter);
        Outcome::Pending
    }
}
