//! `[policy]`: the manager's choices that Windows does not publish.

use memtide_core::Policy;
use serde::Deserialize;

use super::error::Problem;
use super::value::{Placed, Span, Whole, some_time, whole32};

/// `[policy]`, key by key as in [`Policy`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyTable {
    available_low: Placed<Whole>,
    available_goal: Placed<Whole>,
    balance_period: Placed<Span>,
    age_batch: Placed<Whole>,
    probation_permille: Placed<Whole>,
    modified_high: Placed<Whole>,
    modified_age: Placed<Span>,
    write_cluster: Placed<Whole>,
    writes_max: Placed<Whole>,
    read_cluster_max: Placed<Whole>,
    demand_zero_max: Placed<Whole>,
    map_ahead_max: Placed<Whole>,
    read_ahead_min: Placed<Whole>,
    page_priority: Placed<Whole>,
    working_set_minimum: Placed<Whole>,
    working_set_maximum: Placed<Whole>,
    write_retry: Placed<Span>,
    slots_scarce_permille: Placed<Whole>,
}

/// Pages of one transfer, or of one fault: no more than a large page has.
const CLUSTER_MAX: u32 = 512;
const WRITES_MAX: u32 = 256;
const AGE_BATCH_MAX: u32 = 1 << 20;

/// Puts what is said in place of the defaults.
///
/// # Errors
/// [`Problem`] with the value that makes no sense.
pub(super) fn read(table: &PolicyTable, policy: &mut Policy) -> Result<(), Problem> {
    let pages = |said: &Placed<Whole>, default| whole32(said, default, 0..=u32::MAX, "pages");
    let cluster = |said: &Placed<Whole>, default| whole32(said, default, 1..=CLUSTER_MAX, "pages");
    let permille = |said: &Placed<Whole>, default: u16| {
        let number = whole32(said, u32::from(default), 0..=1_000, "thousandths")?;
        Ok::<_, Problem>(u16::try_from(number).unwrap_or(default))
    };
    policy.available_low = pages(&table.available_low, policy.available_low)?;
    policy.available_goal = pages(&table.available_goal, policy.available_goal)?;
    policy.balance_period = some_time(&table.balance_period, policy.balance_period)?;
    policy.age_batch = whole32(&table.age_batch, policy.age_batch, 1..=AGE_BATCH_MAX, "entries")?;
    policy.probation_permille = permille(&table.probation_permille, policy.probation_permille)?;
    policy.modified_high = pages(&table.modified_high, policy.modified_high)?;
    policy.modified_age = some_time(&table.modified_age, policy.modified_age)?;
    policy.write_cluster = cluster(&table.write_cluster, policy.write_cluster)?;
    policy.writes_max = whole32(&table.writes_max, policy.writes_max, 1..=WRITES_MAX, "writes")?;
    policy.read_cluster_max = cluster(&table.read_cluster_max, policy.read_cluster_max)?;
    policy.demand_zero_max = cluster(&table.demand_zero_max, policy.demand_zero_max)?;
    policy.map_ahead_max = cluster(&table.map_ahead_max, policy.map_ahead_max)?;
    policy.read_ahead_min =
        whole32(&table.read_ahead_min, policy.read_ahead_min, 0..=CLUSTER_MAX, "pages")?;
    let priority = whole32(&table.page_priority, u32::from(policy.page_priority), 0..=7, "")?;
    policy.page_priority = u8::try_from(priority).unwrap_or(policy.page_priority);
    policy.working_set_minimum = pages(&table.working_set_minimum, policy.working_set_minimum)?;
    policy.working_set_maximum = pages(&table.working_set_maximum, policy.working_set_maximum)?;
    policy.write_retry = some_time(&table.write_retry, policy.write_retry)?;
    policy.slots_scarce_permille =
        permille(&table.slots_scarce_permille, policy.slots_scarce_permille)?;
    Ok(())
}
