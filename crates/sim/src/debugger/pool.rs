//! `!pool`: both pools.

use memtide_core::PoolKind;

use super::arguments::Arguments;
use super::error::KdError;
use super::format::Columns;
use super::target::Target;

pub(super) fn pool(target: &Target, arguments: &Arguments<'_>) -> Result<String, KdError> {
    arguments.end()?;
    let snapshot = target.manager().snapshot();
    let titles = ["pool", "used", "by others", "peak", "limit", "free"];
    let mut columns = Columns::new(&titles, &[0]);
    for kind in [PoolKind::NonPaged, PoolKind::Paged] {
        let pool = snapshot.pool(kind);
        let held = snapshot.pool_allocations().filter(|(_, allocation)| allocation.pool == kind);
        let others: u64 = held.map(|(_, allocation)| allocation.bytes).sum();
        let numbers = [pool.used, others, pool.peak, pool.limit, pool.free()];
        let numbers = numbers.map(|bytes| bytes.to_string());
        columns.row([word(kind).to_owned()].into_iter().chain(numbers).collect());
    }
    let mut allocations = Columns::new(&["allocation", "pool", "bytes", "tag"], &[1, 3]);
    for (id, allocation) in snapshot.pool_allocations() {
        allocations.row(vec![
            format!("{:x}", id.0),
            word(allocation.pool).to_owned(),
            allocation.bytes.to_string(),
            tag(allocation.tag),
        ]);
    }
    let others = match allocations.is_empty() {
        true => "nobody but the memory manager holds any\n".to_owned(),
        false => allocations.to_string(),
    };
    Ok(format!("{columns}(bytes)\n\n{others}"))
}

const fn word(kind: PoolKind) -> &'static str {
    match kind {
        PoolKind::Paged => "paged",
        PoolKind::NonPaged => "nonpaged",
    }
}

fn tag(tag: [u8; 4]) -> String {
    tag.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect()
}
