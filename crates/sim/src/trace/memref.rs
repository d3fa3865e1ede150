//! What DynamoRIO's tools print about memory references:
//! - the view tool of drcachesim (`-tool view`): `… ifetch 3 byte(s) @ 0x00402680 …`,
//!   `… read 8 byte(s) @ 0x7f8881e37c70 by PC 0x402680`, `… write …`; prefetches and flushes,
//!   markers, headers and disassembly are passed over and counted;
//! - the sample memtrace_simple: `0x7ffeacab0ec8:  8, w`, with `r`, `w`, or an opcode for an
//!   instruction;
//! - the sample memtrace_x86, built to print text: `0x402680,w,8,0x7ffeacab0ec8`.

use memtide_core::page::Access;

use super::addresses::{Addresses, SIZE_MAX};
use super::error::{Fault, TraceError, quoted};
use super::input::Input;
use super::lines::{Line, Lines, decimal, hexadecimal};
use super::{BATCH, Tally};
use crate::Reference;

const EXPECTED: &str = "lines such as \"… read 8 byte(s) @ 0x7f8881e37c70 by PC …\", \
                                   \"0x7ffeacab0ec8:  8, w\" or \"0x402680,w,8,0x7ffeacab0ec8\"";

/// A trace of DynamoRIO.
#[derive(Debug)]
pub(super) struct Memref {
    lines: Lines,
    addresses: Addresses,
    tally: Tally,
}

impl Memref {
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
            match parse(line.text) {
                Ok(Some((address, size, access))) => {
                    self.addresses.push(into, address, size, access);
                    self.tally.lines += 1;
                }
                Ok(None) if line.is_ended => self.tally.passed_over += 1,
                wrong => return Err(wrong_line(line, wrong).of(self.input().name())),
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<(), TraceError> {
        self.tally.end(EXPECTED).map_err(|fault| fault.of(self.input().name()))
    }
}

fn wrong_line(line: Line<'_>, parsed: Result<Option<Parsed>, NoReference>) -> Fault {
    match parsed {
        Err(NoReference) if line.is_ended => {
            Fault::malformed(line.place(), quoted(line.text), EXPECTED)
        }
        _ => Fault::truncated(line.place(), quoted(line.text), "a whole line, with its end"),
    }
}

/// Whether a line is a reference.
pub(super) fn is_reference(line: &[u8]) -> bool {
    matches!(parse(line), Ok(Some(_)))
}

/// Address, size and access.
type Parsed = (u64, u64, Access);

/// A line that begins as a reference and is none.
#[derive(Debug)]
struct NoReference;

fn parse(line: &[u8]) -> Result<Option<Parsed>, NoReference> {
    const AT: &[u8] = b" byte(s) @ 0x";
    if let Some(at) = memchr::memmem::find(line, AT) {
        return viewed(&line[..at], &line[at + AT.len()..]);
    }
    let Some(rest) = line.trim_ascii().strip_prefix(b"0x") else { return Ok(None) };
    let (first, rest) = hexadecimal(rest).ok_or(NoReference)?;
    match rest {
        [b':', rest @ ..] => simple(first, rest),
        [b',', rest @ ..] => with_instruction(rest),
        _ => Err(NoReference),
    }
    .map(Some)
}

/// `<record> <instruction>: <thread> read 8` and `7f8881e37c70 by PC 0x402680`.
fn viewed(before: &[u8], after: &[u8]) -> Result<Option<Parsed>, NoReference> {
    let mut words = before.rsplit(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let size = words.next().and_then(whole_decimal).ok_or(NoReference)?;
    let access = match words.next() {
        Some(b"ifetch") => Access::Execute,
        Some(b"read") => Access::Read,
        Some(b"write") => Access::Write,
        Some(b"iflush" | b"dflush") => return Ok(None),
        Some(word) if word.starts_with(b"pref") => return Ok(None),
        _ => return Err(NoReference),
    };
    let (address, _) = hexadecimal(after).ok_or(NoReference)?;
    checked(address, size, access).map(Some)
}

/// `  8, w` behind the address.
fn simple(address: u64, rest: &[u8]) -> Result<Parsed, NoReference> {
    let (size, rest) = decimal(rest.trim_ascii_start()).ok_or(NoReference)?;
    let kind = rest.strip_prefix(b",").ok_or(NoReference)?.trim_ascii();
    let access = match kind {
        b"r" => Access::Read,
        b"w" => Access::Write,
        opcode if !opcode.is_empty() && opcode.iter().all(u8::is_ascii_graphic) => Access::Execute,
        _ => return Err(NoReference),
    };
    checked(address, size, access)
}

/// `w,8,0x7ffeacab0ec8` behind the instruction's address.
fn with_instruction(rest: &[u8]) -> Result<Parsed, NoReference> {
    let (access, rest) = match rest {
        [b'r', b',', rest @ ..] => (Access::Read, rest),
        [b'w', b',', rest @ ..] => (Access::Write, rest),
        _ => return Err(NoReference),
    };
    let (size, rest) = decimal(rest).ok_or(NoReference)?;
    let address = rest.strip_prefix(b",0x").and_then(hexadecimal);
    match address {
        Some((address, [])) => checked(address, size, access),
        _ => Err(NoReference),
    }
}

fn checked(address: u64, size: u64, access: Access) -> Result<Parsed, NoReference> {
    if size <= SIZE_MAX { Ok((address, size, access)) } else { Err(NoReference) }
}

fn whole_decimal(word: &[u8]) -> Option<u64> {
    decimal(word).and_then(|(value, rest)| rest.is_empty().then_some(value))
}
