//! Values that several commands take.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_sim::DiskKind;
use memtide_sim::trace::Format;

/// Reads an amount of memory in whole pages: a number of pages, as in 1000p, or a size.
pub(super) fn parse_pages(text: &str) -> Result<u64, String> {
    let pages = match text.trim().strip_suffix(['p', 'P']) {
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ') => {
            let number = number.trim();
            number.parse().map_err(|_| format!("'{text}' is no number of pages, such as 1000p"))?
        }
        _ => {
            let or_pages = |error| format!("{error}, or a number of pages, such as 1000p");
            text.parse::<Bytes>().map_err(or_pages)?.pages()
        }
    };
    match pages {
        0 => Err(format!("'{text}' is no memory: expected at least a page, 4096 bytes or 1p")),
        pages => Ok(pages),
    }
}

/// Reads an amount of memory that a machine can have, in whole pages.
pub(crate) fn parse_frames(text: &str) -> Result<u32, String> {
    let pages = parse_pages(text)?;
    let most = memtide_core::FRAMES_MAX;
    u32::try_from(pages)
        .ok()
        .filter(|frames| *frames <= most)
        .ok_or_else(|| format!("'{text}' is {pages} pages: expected at most {most}, nearly 16 TiB"))
}

/// Reads a time of the simulation.
pub(super) fn parse_tick(text: &str) -> Result<Tick, String> {
    let time = crate::args::parse_duration(text)?;
    match u64::try_from(time.as_nanos()) {
        Ok(0) => Err(format!("'{text}' is no time: expected at least 1ns")),
        Ok(nanoseconds) => Ok(Tick(nanoseconds)),
        Err(_) => Err(format!("'{text}' is too long: expected less than 584 years")),
    }
}

/// The formats of traces, each explained.
pub(super) fn format_parser() -> impl TypedValueParser<Value = Format> {
    let possible =
        Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.explanation()));
    PossibleValuesParser::new(possible).try_map(|name| {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or("it is no format")
    })
}

/// Reads the name of a disk.
pub(super) fn parse_disk(text: &str) -> Result<DiskKind, String> {
    DiskKind::named(text).ok_or_else(|| {
        let names = DiskKind::all().map(|disk| disk.name).join(", ");
        format!("'{text}' is no disk: expected one of {names}")
    })
}
