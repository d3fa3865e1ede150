//! A reference a line: a number, and before or behind it what is done: `r`, `w` or `x`; a read
//! where nothing is said. Blank lines and what follows a `#` say nothing.
//!
//! A number is an address in bytes, or the name of an object that has a page of its own. The
//! first reference of a text tells which: a bare decimal number, as cache traces have them, is a
//! name; one with `0x` or with a letter beside it is an address.

use memtide_core::page::Access;

use super::addresses::{Addresses, Objects};
use super::error::{Fault, TraceError, quoted};
use super::input::Input;
use super::lines::{Line, Lines, decimal, hexadecimal};
use super::{BATCH, Tally};
use crate::Reference;

const EXPECTED: &str =
    "a number a line, decimal or 0x, with r, w or x before or behind it, or nothing";

/// What the numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// What the first line says.
    AsTheFirst,
    /// Addresses, in bytes.
    Addresses,
    /// Names of objects.
    Ids,
}

/// A plain text.
#[derive(Debug)]
pub(super) struct Text {
    lines: Lines,
    numbers: Numbers,
    addresses: Addresses,
    objects: Objects,
    tally: Tally,
}

impl Text {
    pub(super) fn new(input: Input, numbers: Numbers) -> Self {
        Self {
            lines: Lines::new(input),
            numbers,
            addresses: Addresses::default(),
            objects: Objects::default(),
            tally: Tally::default(),
        }
    }

    const fn input(&self) -> &Input {
        self.lines.input()
    }

    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What the numbers are, as far as that is known.
    pub(super) const fn numbers(&self) -> Numbers {
        self.numbers
    }

    /// The next references; none at the end.
    pub(super) fn read(&mut self, into: &mut Vec<Reference>) -> Result<(), TraceError> {
        while into.len() < BATCH {
            let Some(line) = self.lines.next()? else { return self.end() };
            let Parsed { number, access, is_bare } = match parse(line) {
                Ok(Some(parsed)) => parsed,
                Ok(None) => continue,
                Err(fault) => return Err(fault.of(self.input().name())),
            };
            if self.numbers == Numbers::AsTheFirst {
                self.numbers = if is_bare { Numbers::Ids } else { Numbers::Addresses };
            }
            match self.numbers {
                Numbers::Ids => {
                    into.push(Reference { address: self.objects.address(number), access });
                }
                _ => self.addresses.push(into, number, 1, access),
            }
            self.tally.lines += 1;
        }
        Ok(())
    }

    fn end(&self) -> Result<(), TraceError> {
        self.tally.end(EXPECTED).map_err(|fault| fault.of(self.input().name()))
    }
}

/// Whether a line is a reference.
pub(super) fn is_reference(line: &[u8]) -> bool {
    let line = Line { text: line, number: 0, is_ended: true };
    matches!(parse(line), Ok(Some(_)))
}

#[derive(Debug)]
struct Parsed {
    number: u64,
    access: Access,
    /// Decimal, with nothing beside it.
    is_bare: bool,
}

fn parse(line: Line<'_>) -> Result<Option<Parsed>, Fault> {
    let said = line.text.split(|byte| *byte == b'#').next().unwrap_or_default();
    let mut words = said
        .split(|byte| byte.is_ascii_whitespace() || *byte == b',')
        .filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return Ok(None) };
    let (second, third) = (words.next(), words.next());
    let pair = match (access_of(first), second) {
        (None, None) => number_of(first).map(|number| (number, None)),
        (None, Some(second)) => number_of(first).zip(access_of(second).map(Some)),
        (access, Some(second)) => number_of(second).map(|number| (number, access)),
        (Some(_), None) => None,
    };
    match pair {
        Some(((number, is_decimal), access)) if third.is_none() => Ok(Some(Parsed {
            number,
            access: access.unwrap_or(Access::Read),
            is_bare: is_decimal && access.is_none(),
        })),
        _ if line.is_ended => Err(Fault::malformed(line.place(), quoted(line.text), EXPECTED)),
        _ => Err(Fault::truncated(line.place(), quoted(line.text), EXPECTED)),
    }
}

fn access_of(word: &[u8]) -> Option<Access> {
    match word {
        b"r" | b"R" => Some(Access::Read),
        b"w" | b"W" => Some(Access::Write),
        b"x" | b"X" => Some(Access::Execute),
        _ => None,
    }
}

/// A number, and whether it is decimal.
fn number_of(word: &[u8]) -> Option<(u64, bool)> {
    let (number, is_decimal) = match word {
        [b'0', b'x' | b'X', digits @ ..] => (hexadecimal(digits), false),
        digits => (decimal(digits), true),
    };
    number.and_then(|(number, rest)| rest.is_empty().then_some((number, is_decimal)))
}
