//! A hash join: orders find their customers through a table that chains rows of the same hash.

use std::collections::HashMap;

use memtide_live::{PagedVec, Space};
use rand::RngExt;

use crate::support::MIB;
use crate::{BUDGET, everywhere, random};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Customer {
    key: u64,
    name: [u64; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Order {
    number: u64,
    customer: u64,
}

/// A row of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Match {
    number: u64,
    name: [u64; 3],
}

const CUSTOMERS: usize = 80_000;
const ORDERS: usize = 200_000;

/// A customer in three has a key that another has too; some orders have no customer.
fn customers() -> impl Iterator<Item = Customer> {
    let mut random = random(11);
    let keys = CUSTOMERS as u64 * 2 / 3;
    (0..CUSTOMERS)
        .map(move |_| Customer { key: random.random_range(0..keys), name: random.random() })
}

fn orders() -> impl Iterator<Item = Order> {
    let mut random = random(12);
    (0..ORDERS as u64)
        .map(move |number| Order { number, customer: random.random_range(0..CUSTOMERS as u64) })
}

fn hash(key: u64, buckets: usize) -> usize {
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % buckets
}

/// Joins, and gives every match to `found`. Rows in the table count from 1; 0 is none.
fn join(
    customers: &[Customer],
    orders: &[Order],
    (heads, next): (&mut [u32], &mut [u32]),
    mut found: impl FnMut(Match),
) {
    for (row, customer) in customers.iter().enumerate() {
        let head = &mut heads[hash(customer.key, CUSTOMERS)];
        next[row] = std::mem::replace(head, row as u32 + 1);
    }
    for order in orders {
        let mut row = heads[hash(order.customer, heads.len())];
        while let Some(at) = row.checked_sub(1) {
            let customer = &customers[at as usize];
            if customer.key == order.customer {
                found(Match { number: order.number, name: customer.name });
            }
            row = next[at as usize];
        }
    }
}

/// The same rows by the standard library's map, in order.
fn expected() -> Vec<Match> {
    let mut named: HashMap<u64, Vec<[u64; 3]>> = HashMap::new();
    for customer in customers() {
        named.entry(customer.key).or_default().push(customer.name);
    }
    let of = |order: Order| {
        let names = named.get(&order.customer).map_or(&[][..], Vec::as_slice);
        names.iter().map(move |name| Match { number: order.number, name: *name })
    };
    let mut rows: Vec<Match> = orders().flat_map(of).collect();
    rows.sort_unstable();
    rows
}

fn filled<'a, T: bytemuck::Pod>(
    space: &'a Space,
    len: usize,
    values: impl Iterator<Item = T>,
) -> PagedVec<'a, T> {
    let mut made = PagedVec::zeroed(space, len).expect("a vector");
    made.iter_mut().zip(values).for_each(|(place, value)| *place = value);
    made
}

#[test]
fn a_hash_join_of_several_times_the_budget_finds_every_match_and_no_other() {
    let expected = expected();
    assert!((expected.len() * size_of::<Match>()) as u64 > BUDGET * MIB, "too few matches");
    everywhere(move |space| {
        let customers = filled(space, CUSTOMERS, customers());
        let orders = filled(space, ORDERS, orders());
        let mut heads = PagedVec::zeroed(space, CUSTOMERS).expect("a vector");
        let mut next = PagedVec::zeroed(space, CUSTOMERS).expect("a vector");
        let mut rows = PagedVec::with_most(space, 2 * ORDERS).expect("a vector");
        join(&customers, &orders, (&mut heads, &mut next), |row| rows.push(row).expect("room"));
        rows.sort_unstable();
        assert_eq!(rows.len(), expected.len());
        let wrong = rows.iter().zip(&expected).position(|(row, expected)| row != expected);
        assert_eq!(wrong, None, "the first row that is another");
    });
}
