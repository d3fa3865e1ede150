//! Page tables: four levels of 512 entries for each space, and one level for each section.
//!
//! All tables stand in one arena, so that a PTE has one address whoever it belongs to: a frame
//! keeps it and finds its PTE without a walk. A look-aside buffer remembers leaf tables.
//!
//! # Invariants
//! - A table knows its owner and the first page it maps; its count of used entries is exact.
//! - The look-aside buffer names only tables that are in use.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use crate::page::{Access, SectionId, SpaceId, Vpn, narrow, wide};
use crate::pfn::PteAddress;
use crate::space::pte::{Pte, touched};

const ENTRIES: usize = 512;
const ENTRY_BITS: u32 = 9;

/// Levels of a space's tables: 36 bits of page number, 256 TB.
pub(crate) const LEVELS: u8 = 4;

/// Bytes that one table takes from a pool.
pub(crate) const TABLE_BYTES: u64 = 4096;

const BUFFER_ENTRIES: usize = 4096;

/// Tables are numbered in 32 bits.
const NUMBERS: u64 = 0xffff_ffff;

/// Whose table it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Owner {
    Space(SpaceId),
    Section(SectionId),
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Table {
    owner: Owner,
    /// The first page it maps, of the space or of the section.
    first: u64,
    level: u8,
    used: u16,
    in_use: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Remembered {
    space: u32,
    table: u32,
    leaf: u64,
}

const FORGOTTEN: Remembered = Remembered { space: u32::MAX, table: 0, leaf: u64::MAX };

/// The arena of all tables.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct PageTables {
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::tables"))]
    entries: Vec<[u64; ENTRIES]>,
    tables: Vec<Table>,
    unused: Vec<u32>,
    #[cfg_attr(feature = "serde", serde(skip, default = "nothing_remembered"))]
    buffer: Box<[Remembered]>,
}

fn nothing_remembered() -> Box<[Remembered]> {
    alloc::vec![FORGOTTEN; BUFFER_ENTRIES].into_boxed_slice()
}

/// A leaf's part of a range of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The address of the first entry.
    pub(crate) address: PteAddress,
    /// The page it maps.
    pub(crate) first: u64,
    /// How many entries.
    pub(crate) count: u64,
}

impl PageTables {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            tables: Vec::new(),
            unused: Vec::new(),
            buffer: nothing_remembered(),
        }
    }

    /// Makes room for so many tables in use at a time, so that creating them allocates nothing.
    pub(crate) fn reserve(&mut self, tables: u64) {
        let more = wide(tables).saturating_sub(self.tables.len());
        self.entries.reserve(more);
        self.tables.reserve(more);
        self.unused.reserve((self.tables.len() + more).saturating_sub(self.unused.len()));
    }

    /// A new, empty table.
    pub(crate) fn create(&mut self, owner: Owner, first: u64, level: u8) -> u32 {
        let table = Table { owner, first, level, used: 0, in_use: true };
        if let Some(index) = self.unused.pop() {
            self.tables[index as usize] = table;
            return index;
        }
        self.tables.push(table);
        self.entries.push([0; ENTRIES]);
        narrow(self.tables.len() - 1)
    }

    /// Takes an empty table out of use.
    pub(crate) fn destroy(&mut self, table: u32) {
        let head = &mut self.tables[table as usize];
        assert_eq!(head.used, 0, "table {table} is destroyed with entries in use");
        head.in_use = false;
        if let Owner::Space(space) = head.owner {
            let leaf = head.first >> ENTRY_BITS;
            let place = place(space.0, leaf);
            if self.buffer[place].table == table {
                self.buffer[place] = FORGOTTEN;
            }
        }
        self.unused.push(table);
    }

    #[inline]
    pub(crate) fn word(&self, address: PteAddress) -> u64 {
        let (table, index) = split(address);
        self.entries[table][index]
    }

    #[inline]
    pub(crate) fn get(&self, address: PteAddress) -> Pte {
        Pte::unpacked(self.word(address))
    }

    #[inline]
    pub(crate) fn set(&mut self, address: PteAddress, pte: Pte) {
        self.set_word(address, pte.packed());
    }

    #[inline]
    pub(crate) fn set_word(&mut self, address: PteAddress, word: u64) {
        let (table, index) = split(address);
        let entry = &mut self.entries[table][index];
        let used = &mut self.tables[table].used;
        *used += u16::from(word != 0);
        *used -= u16::from(*entry != 0);
        *entry = word;
    }

    /// Whose page an entry maps, and which page.
    pub(crate) fn owner(&self, address: PteAddress) -> (Owner, u64) {
        let (table, index) = split(address);
        let head = &self.tables[table];
        (head.owner, head.first + index as u64)
    }

    /// The entry of the next (`1`) or previous (`-1`) page in the same table.
    pub(crate) fn neighbour(&self, address: PteAddress, step: i64) -> Option<PteAddress> {
        let moved = PteAddress(address.0.checked_add_signed(step)?);
        (split(moved).0 == split(address).0).then_some(moved)
    }

    /// A resident access; `false` where it faults.
    #[inline]
    pub(crate) fn touch(&mut self, space: SpaceId, root: u32, page: Vpn, access: Access) -> bool {
        let Some(address) = self.find(space, root, page) else { return false };
        let (table, index) = split(address);
        let entry = &mut self.entries[table][index];
        match touched(*entry, access) {
            Some(word) => {
                *entry = word;
                true
            }
            None => false,
        }
    }

    /// The entry of a page, if its tables exist.
    #[inline]
    pub(crate) fn find(&mut self, space: SpaceId, root: u32, page: Vpn) -> Option<PteAddress> {
        let leaf = page.0 >> ENTRY_BITS;
        let place = place(space.0, leaf);
        let remembered = self.buffer[place];
        if remembered.leaf == leaf && remembered.space == space.0 {
            return Some(join(remembered.table, index_of(page.0, 0)));
        }
        let table = self.walk(root, page.0)?;
        self.buffer[place] = Remembered { space: space.0, table, leaf };
        Some(join(table, index_of(page.0, 0)))
    }

    /// The entry of a page, without remembering it.
    pub(crate) fn peek(&self, root: u32, page: u64) -> Option<PteAddress> {
        Some(join(self.walk(root, page)?, index_of(page, 0)))
    }

    fn walk(&self, root: u32, page: u64) -> Option<u32> {
        // An address that the tables do not reach must not be taken for one that they do.
        if page >> (u32::from(LEVELS) * ENTRY_BITS) != 0 {
            return None;
        }
        let mut table = root;
        for level in (1..LEVELS).rev() {
            match self.entries[table as usize][index_of(page, level)] {
                0 => return None,
                child => table = number_of(child),
            }
        }
        Some(table)
    }

    /// The tables that a walk passes, from the root down to where it ends, each with its entry.
    pub(crate) fn path(&self, root: u32, page: u64) -> Vec<(u32, usize, u64)> {
        let mut path = Vec::new();
        let mut table = root;
        for level in (0..LEVELS).rev() {
            let index = index_of(page, level);
            let word = self.entries[table as usize][index];
            path.push((table, index, word));
            if word == 0 || level == 0 {
                break;
            }
            table = number_of(word);
        }
        path
    }

    /// How many tables must be created before the page has an entry.
    pub(crate) fn missing(&self, root: u32, page: u64) -> u64 {
        let mut table = root;
        for level in (1..LEVELS).rev() {
            match self.entries[table as usize][index_of(page, level)] {
                0 => return u64::from(level),
                child => table = number_of(child),
            }
        }
        0
    }

    /// The entry of a page, with its tables created where they are missing.
    pub(crate) fn ensure(&mut self, space: SpaceId, root: u32, page: Vpn) -> PteAddress {
        let mut table = root;
        for level in (1..LEVELS).rev() {
            let at = join(table, index_of(page.0, level));
            table = match self.word(at) {
                0 => {
                    let first = page.0 >> (ENTRY_BITS * u32::from(level))
                        << (ENTRY_BITS * u32::from(level));
                    let child = self.create(Owner::Space(space), first, level - 1);
                    self.set_word(at, u64::from(child) + 1);
                    child
                }
                child => number_of(child),
            };
        }
        join(table, index_of(page.0, 0))
    }

    /// Takes the empty tables of a page's path out of use, from the leaf up; how many.
    pub(crate) fn prune(&mut self, root: u32, page: u64) -> u64 {
        let path = self.path(root, page);
        let mut pruned = 0;
        for pair in path.windows(2).rev() {
            let (parent, index, _) = pair[0];
            let (child, _, _) = pair[1];
            if self.tables[child as usize].used > 0 {
                break;
            }
            self.set_word(join(parent, index), 0);
            self.destroy(child);
            pruned += 1;
        }
        pruned
    }

    /// The first piece of `from..to` that has a leaf table; absent tables are stepped over whole.
    pub(crate) fn next_piece(&self, root: u32, from: u64, to: u64) -> Option<Piece> {
        let mut page = from;
        while page < to {
            let mut table = root;
            let mut level = LEVELS - 1;
            loop {
                let index = index_of(page, level);
                if level == 0 {
                    let count = (ENTRIES - index) as u64;
                    let count = count.min(to - page);
                    return Some(Piece { address: join(table, index), first: page, count });
                }
                match self.entries[table as usize][index] {
                    0 => break,
                    child => table = number_of(child),
                }
                level -= 1;
            }
            // On to the next entry of the same table that says anything, or past the table.
            let span = ENTRY_BITS * u32::from(level);
            let behind = &self.entries[table as usize][index_of(page, level)..];
            let absent = behind.iter().take_while(|word| **word == 0).count();
            page = ((page >> span) + absent as u64) << span;
        }
        None
    }

    /// Tables in use, all levels.
    pub(crate) fn count(&self) -> u64 {
        (self.tables.len() - self.unused.len()) as u64
    }

    /// The used entries of every table in use, with their addresses.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (PteAddress, Owner, u64, u64)> + '_ {
        let leaves = (0..).zip(&self.tables).filter(|(_, table)| table.in_use && table.level == 0);
        leaves.flat_map(move |(number, table): (u32, &Table)| {
            let words = self.entries[number as usize].iter().enumerate();
            words.filter(|(_, word)| **word != 0).map(move |(index, word)| {
                (join(number, index), table.owner, table.first + index as u64, *word)
            })
        })
    }

    /// Proves the counts and the look-aside buffer.
    pub(crate) fn verify(&self) -> Result<(), String> {
        for (number, (table, entries)) in self.tables.iter().zip(&self.entries).enumerate() {
            let used = entries.iter().filter(|word| **word != 0).count();
            if used != usize::from(table.used) {
                return Err(alloc::format!("table {number} counts {}, not {used}", table.used));
            }
            if !table.in_use && used > 0 {
                return Err(alloc::format!("table {number} is not in use and has entries"));
            }
        }
        for remembered in self.buffer.iter().filter(|r| **r != FORGOTTEN) {
            let table = &self.tables[remembered.table as usize];
            let owner = Owner::Space(SpaceId(remembered.space));
            if !table.in_use || table.owner != owner || table.first >> ENTRY_BITS != remembered.leaf
            {
                return Err(alloc::format!("the look-aside buffer is stale: {remembered:?}"));
            }
        }
        Ok(())
    }
}

/// The most tables below a root that pages of a range need.
pub(crate) fn most_tables_of(pages: &Range<u64>) -> u64 {
    let last = pages.end.saturating_sub(1).max(pages.start);
    let at =
        |level: u32| (last >> (ENTRY_BITS * level)) - (pages.start >> (ENTRY_BITS * level)) + 1;
    (1..u32::from(LEVELS)).map(at).sum()
}

/// The table that an upper entry names: entries hold its number plus one, so that 0 is none.
#[inline]
const fn number_of(word: u64) -> u32 {
    (word & NUMBERS) as u32 - 1
}

#[inline]
const fn split(address: PteAddress) -> (usize, usize) {
    ((address.0 >> ENTRY_BITS & NUMBERS) as usize, (address.0 & 0x1ff) as usize)
}

#[inline]
pub(crate) const fn join(table: u32, index: usize) -> PteAddress {
    PteAddress((table as u64) << ENTRY_BITS | index as u64)
}

#[inline]
const fn index_of(page: u64, level: u8) -> usize {
    (page >> (ENTRY_BITS * level as u32) & 0x1ff) as usize
}

#[inline]
const fn place(space: u32, leaf: u64) -> usize {
    // Neighbouring leaves of a space take different places; spaces are spread apart.
    ((leaf ^ (space as u64).wrapping_mul(0x9e3b)) & 0xfff) as usize
}
