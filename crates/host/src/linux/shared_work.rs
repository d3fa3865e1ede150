//! Work on many small items, shared by the processors.

use super::process_files::FileReader;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most items a thread takes at a time: few, so that the threads finish together.
const LARGEST_BATCH: usize = 32;

/// How often a thread comes back for more, so that one slow item holds up little else.
const BATCHES_A_THREAD: usize = 4;

/// Carries out one piece of work an item on as many threads as there are processors, each with a
/// reader of its own; the results come in no order.
pub(crate) fn share_work<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&mut FileReader, &I) -> T + Sync,
) -> Vec<T> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let batch = (items.len() / processors / BATCHES_A_THREAD).clamp(1, LARGEST_BATCH);
    let threads = processors.min(items.len().div_ceil(batch)).max(1);
    let next = AtomicUsize::new(0);
    let run = || {
        let mut reader = FileReader::new();
        let mut done = Vec::with_capacity(items.len() / threads + batch);
        loop {
            let start = next.fetch_add(batch, Ordering::Relaxed).min(items.len());
            let taken = &items[start..(start + batch).min(items.len())];
            if taken.is_empty() {
                return done;
            }
            done.extend(taken.iter().map(|item| work(&mut reader, item)));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for count in [0, 1, 2, 31, 32, 33, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let mut done = share_work(&items, |_, item| *item);
            done.sort_unstable();
            assert_eq!(done, items);
        }
    }
}
