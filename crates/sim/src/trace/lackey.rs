//! What `valgrind --tool=lackey --trace-mem=yes` prints: `I  04001090,3` for an instruction,
//! ` L 1ffeffe7e0,8` for a load, ` S …` for a store, ` M …` for a load and a store of one
//! instruction, which is one write here. Addresses are hexadecimal, sizes decimal, in bytes.
//!
//! Valgrind's messages (`==123== …`) and what the program itself printed are passed over and
//! counted. A line that begins as a reference and is none is an error.

use memtide_core::page::Access;

use super::addresses::{Addresses, SIZE_MAX};
use super::error::{Fault, TraceError, quoted};
use super::input::Input;
use super::lines::{Line, Lines, decimal, hexadecimal};
use super::{BATCH, Tally};
use crate::Reference;

const EXPECTED: &str = "lines such as \"I  04001090,3\" or \" L 1ffeffe7e0,8\"";

/// A trace of lackey.
#[derive(Debug)]
pub(super) struct Lackey {
    lines: Lines,
    addresses: Addresses,
    tally: Tally,
}

impl Lackey {
    pub(super) fn new(input: Input) -> Self {
        let tally = Tally::default();
        Self { lines: Lines::new(input), addresses: Addresses::default(), tally }
    }

    const fn input(&self) -> &Input {
        self.lines.input()
    }

    pub(super) const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The next references; none at the end.
    pub(super) fn read(&mut self, into: &mut Vec<Reference>) -> Result<(), TraceError> {
        while into.len() < BATCH {
            let Some(line) = self.lines.next()? else { return self.end() };
            match parse(line) {
                Ok(Some((address, size, access))) => {
                    self.addresses.push(into, address, size, access);
                    self.tally.lines += 1;
                }
                Ok(None) => self.tally.passed_over += 1,
                Err(fault) => return Err(fault.of(self.input().name())),
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<(), TraceError> {
        self.tally.end(EXPECTED).map_err(|fault| fault.of(self.input().name()))
    }
}

/// Whether a line tells that a text is of lackey: a reference, or valgrind's first message.
pub(super) fn tells(line: &[u8]) -> bool {
    if line.starts_with(b"==") && line.ends_with(b"== Lackey, an example Valgrind tool") {
        return true;
    }
    let line = Line { text: line, number: 0, is_ended: true };
    matches!(parse(line), Ok(Some(_)))
}

fn parse(line: Line<'_>) -> Result<Option<(u64, u64, Access)>, Fault> {
    const END: &str = "a whole line, with its end";
    let (access, rest) = match line.text {
        [b'I', b' ', b' ', rest @ ..] => (Access::Execute, rest),
        [b' ', b'L', b' ', rest @ ..] => (Access::Read, rest),
        [b' ', b'S' | b'M', b' ', rest @ ..] => (Access::Write, rest),
        _ if line.is_ended => return Ok(None),
        text => return Err(Fault::truncated(line.place(), quoted(text), END)),
    };
    let numbers = hexadecimal(rest).and_then(|(address, rest)| {
        let (size, rest) = decimal(rest.strip_prefix(b",")?)?;
        (rest.is_empty() && size <= SIZE_MAX).then_some((address, size, access))
    });
    match numbers {
        Some(reference) => Ok(Some(reference)),
        None if !line.is_ended => Err(Fault::truncated(line.place(), quoted(line.text), END)),
        // The program may print what begins like a reference.
        None if rest.contains(&b' ') || !rest.contains(&b',') => Ok(None),
        None => Err(Fault::malformed(line.place(), quoted(line.text), EXPECTED)),
    }
}
