//! Write watch as a garbage collector uses it: which old objects may point to young ones?
//!
//! `cargo run --release -p memtide-live --example collector -- 16M 64M 50`: the budget, the old
//! objects, how many collections. Between collections the program lets old objects point to new
//! ones. A young collection must find all of these references. It has no write barrier and looks
//! through no more than the pages that were written since the last one.

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{BUDGET_LEAST, Machine, MachineOptions, PagedVec, SpaceOptions};

/// An old object: what it points to, by number. Odd numbers are young objects, even ones old.
type Object = [u64; 8];

/// A reference: the object that holds it, and which of its fields.
type Field = (usize, usize);

/// References to young objects that the program stores between two collections.
const STORES: u64 = 200;

/// What the arguments ask for.
struct Wanted {
    budget: Bytes,
    old: Bytes,
    collections: u64,
}

impl Wanted {
    const OLD_LEAST: Bytes = Bytes::from_kib(64);
    const OLD_MOST: Bytes = Bytes(1 << 40);
    const COLLECTIONS_MOST: u64 = 1_000_000;

    fn read(arguments: &[String]) -> Result<Self, Box<dyn Error>> {
        let [budget, old, collections] = match arguments {
            [] => ["16M", "64M", "50"],
            [budget, old, collections] => [budget.as_str(), old.as_str(), collections.as_str()],
            _ => return Err("expected a budget, a size and collections, as in 16M 64M 50".into()),
        };
        let budget: Bytes = budget.parse().map_err(|error| format!("the budget: {error}"))?;
        let old: Bytes = old.parse().map_err(|error| format!("the old objects: {error}"))?;
        let most = Self::COLLECTIONS_MOST;
        let collections = collections.parse().ok().filter(|number| (1..=most).contains(number));
        let collections =
            collections.ok_or_else(|| format!("the collections: expected 1 to {most}"))?;
        if budget < BUDGET_LEAST {
            return Err(format!("the budget: {budget}: expected at least {BUDGET_LEAST}").into());
        }
        if old < Self::OLD_LEAST || old > Self::OLD_MOST {
            let (least, most) = (Self::OLD_LEAST, Self::OLD_MOST);
            return Err(format!("the old objects: {old}: expected {least} to {most}").into());
        }
        Ok(Self { budget, old, collections })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("collector: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Collects so often, and holds what each collection finds against a model.
pub(crate) fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Wanted { budget, old: size, collections } = Wanted::read(arguments)?;
    let options = MachineOptions {
        page_file: Some(PageFileOptions {
            maximum: Bytes(size.0 * 2).max(PageFileOptions::default().initial),
            ..PageFileOptions::default()
        }),
        ..MachineOptions::new(budget)
    };
    let machine = Machine::new(&options)?;
    let space = machine.create_space(&SpaceOptions::default())?;
    let objects = usize::try_from(size.0)? / size_of::<Object>();
    let mut old = PagedVec::<Object>::watched(&space, objects)?;
    old.resize(objects)?;
    for (number, object) in (0..).zip(old.iter_mut()) {
        *object = std::array::from_fn(|field| old_reference(number, field));
    }
    old.written(true)?;
    println!("budget {budget}, {objects} old objects of {size}");

    let (mut looked_at, mut took) = (0, Duration::ZERO);
    for collection in 0..collections {
        let stored = mutate(&mut old, collection)?;
        let began = Instant::now();
        let (found, objects) = collect(&mut old)?;
        took += began.elapsed();
        looked_at += objects;
        compare(&stored, &found).map_err(|told| format!("collection {collection}: {told}"))?;
    }
    let began = Instant::now();
    let young = old.iter().flatten().filter(|reference| is_young(**reference)).count();
    let whole = began.elapsed();
    if young > 0 {
        return Err(format!("{young} references to young objects are left: expected none").into());
    }
    let pages = looked_at * size_of::<Object>() / usize::try_from(PAGE_SIZE)?;
    let each = took / u32::try_from(collections)?;
    println!("{collections} collections found all {STORES} references each, and no others");
    println!("a collection looked through {} pages in {each:.2?}", pages as u64 / collections);
    println!("a look through all {} pages takes {whole:.2?}", size.pages());
    Ok(())
}

const fn is_young(reference: u64) -> bool {
    reference % 2 == 1
}

/// A reference to an old object.
fn old_reference(object: u64, field: usize) -> u64 {
    scrambled(object.wrapping_add(field as u64)) & !1
}

/// Lets old objects point to new ones; which, and where.
fn mutate(
    old: &mut PagedVec<'_, Object>,
    collection: u64,
) -> Result<BTreeMap<Field, u64>, Box<dyn Error>> {
    let mut stored = BTreeMap::new();
    for store in collection * STORES.. {
        let random = scrambled(store);
        let object = usize::try_from(random >> 16)? % old.len();
        let field = usize::try_from(random % 8)?;
        let young = store * 2 + 1;
        old[object][field] = young;
        stored.insert((object, field), young);
        if stored.len() as u64 == STORES {
            break;
        }
    }
    Ok(stored)
}

/// Finds the references to young objects and makes these old: what was found, and how many
/// objects were looked at.
fn collect(
    old: &mut PagedVec<'_, Object>,
) -> Result<(BTreeMap<Field, u64>, usize), memtide_live::Error> {
    let mut found = BTreeMap::new();
    let mut looked_at = 0;
    for range in old.written(true)? {
        looked_at += range.len();
        for number in range {
            for (field, reference) in (0..).zip(old[number]) {
                if is_young(reference) {
                    found.insert((number, field), reference);
                }
            }
        }
    }
    for (number, field) in found.keys() {
        old[*number][*field] = old_reference(*number as u64, *field);
    }
    // Nothing that the collector wrote itself is of interest next time.
    old.written(true)?;
    Ok((found, looked_at))
}

fn compare(stored: &BTreeMap<Field, u64>, found: &BTreeMap<Field, u64>) -> Result<(), String> {
    for ((object, field), young) in stored {
        let found = found.get(&(*object, *field));
        if found != Some(young) {
            return Err(format!("object {object} field {field}: {found:?}: expected {young}"));
        }
    }
    match found.len() - stored.len() {
        0 => Ok(()),
        more => Err(format!("{more} references that nobody stored were found")),
    }
}

/// A number that looks random, another for each number.
fn scrambled(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)).wrapping_mul(0x94d0_49bb_1331_11eb).rotate_left(31)
}
