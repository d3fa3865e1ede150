//! How references become bytes and bytes references.
//!
//! A reference is a number `change << 2 | kind`: how far its address lies from the last one of
//! its stream (instructions are one stream, data the other), in units, forwards `2n` and backwards
//! `2n - 1`, and what is done: 0 a read, 1 a write, 2 the fetch of an instruction. It is stored in
//! the fewest bytes that hold it at seven bits a byte: as many low zero bits as there are further
//! bytes, a one, and the number. Kind 3 is a change too far for eight bytes: the change holds the
//! real kind, and eight bytes with the address follow.

use memtide_core::page::Access;

use crate::Reference;
use crate::trace::addresses::is_usable;

/// The most bytes of one reference.
pub(super) const REFERENCE_MAX: usize = 16;

/// Bits of a number in the longest form.
const NUMBER_BITS: u32 = 56;

const FAR: u64 = 3;

const fn kind_of(access: Access) -> u64 {
    match access {
        Access::Read => 0,
        Access::Write => 1,
        Access::Execute => 2,
    }
}

#[inline]
const fn access_of(kind: u64) -> Access {
    match kind {
        0 => Access::Read,
        1 => Access::Write,
        _ => Access::Execute,
    }
}

/// Where the last reference of each stream was, in units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Last {
    data: u64,
    code: u64,
}

impl Last {
    #[inline]
    const fn of(self, access: Access) -> u64 {
        match access {
            Access::Execute => self.code,
            Access::Read | Access::Write => self.data,
        }
    }

    #[inline]
    const fn set(&mut self, access: Access, place: u64) {
        match access {
            Access::Execute => self.code = place,
            Access::Read | Access::Write => self.data = place,
        }
    }
}

/// Adds the bytes of one reference at a place in units.
pub(super) fn encode(into: &mut Vec<u8>, last: &mut Last, place: u64, access: Access) {
    let change = place.wrapping_sub(last.of(access));
    last.set(access, place);
    let number = zigzag(change) << 2 | kind_of(access);
    if zigzag(change) >> (NUMBER_BITS - 2) != 0 {
        number_into(into, kind_of(access) << 2 | FAR);
        into.extend(place.to_le_bytes());
    } else {
        number_into(into, number);
    }
}

fn number_into(into: &mut Vec<u8>, number: u64) {
    let bits = (u64::BITS - number.leading_zeros()).max(1);
    let bytes = bits.div_ceil(7);
    let word = (number << 1 | 1) << (bytes - 1);
    into.extend(&word.to_le_bytes()[..bytes as usize]);
}

const fn zigzag(change: u64) -> u64 {
    change << 1 ^ (change.cast_signed() >> 63).cast_unsigned()
}

#[inline]
const fn unzigzag(number: u64) -> u64 {
    number >> 1 ^ (number & 1).wrapping_neg()
}

/// What is wrong with a block, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// The byte of the block.
    pub(super) at: usize,
    /// What is there.
    pub(super) found: &'static str,
}

/// Turns a block's bytes into references and adds them. `bytes` ends with [`REFERENCE_MAX`] bytes
/// that are not the block's, so that a number can always be read at once.
pub(super) fn decode(
    bytes: &[u8],
    count: usize,
    shift: u32,
    into: &mut Vec<Reference>,
) -> Result<(), Damage> {
    let length = bytes.len() - REFERENCE_MAX;
    let mut last = Last::default();
    let mut at = 0;
    into.reserve(count);
    for _ in 0..count {
        let Some(word) = word_at(bytes, at) else { return Err(beyond(at)) };
        let extra = word.trailing_zeros();
        if extra > 7 {
            return Err(Damage { at, found: "a byte that begins no reference" });
        }
        let number = word >> (extra + 1) & (u64::MAX >> (u64::BITS - 7 * (extra + 1)));
        at += extra as usize + 1;
        let mut access = access_of(number & 3);
        let mut place = last.of(access).wrapping_add(unzigzag(number >> 2));
        if number & 3 == FAR {
            let Some(word) = word_at(bytes, at) else { return Err(beyond(at)) };
            at += 8;
            (access, place) = (access_of(number >> 2), word);
            if number >> 2 > 2 {
                return Err(Damage { at: at - 8, found: "an unknown kind of reference" });
            }
        }
        last.set(access, place);
        let address = place << shift;
        if !is_usable(address) || address >> shift != place {
            return Err(Damage { at, found: "an address outside of what a program may use" });
        }
        into.push(Reference { address, access });
    }
    match at == length {
        true => Ok(()),
        false => Err(beyond(at.min(length))),
    }
}

#[inline]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map(|word| u64::from_le_bytes(*word))
}

const fn beyond(at: usize) -> Damage {
    Damage { at, found: "references that take more or fewer bytes than the block has" }
}
