//! `dd` and `dq`: memory, where the machine has contents.

use memtide_core::page::{PAGE_SIZE, SpaceId};

use super::arguments::{Arguments, number};
use super::error::{KdError, usage};
use super::format::address;
use super::target::Target;

/// How wide a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Double,
    Quad,
}

impl Width {
    const fn bytes(self) -> u64 {
        match self {
            Self::Double => 4,
            Self::Quad => 8,
        }
    }

    /// Words on a line.
    const fn columns(self) -> usize {
        match self {
            Self::Double => 4,
            Self::Quad => 2,
        }
    }

    fn word(self, at: u64, contents: u64) -> String {
        match self {
            Self::Double => format!("{:08x}", contents >> (at % 8 * 8) & 0xffff_ffff),
            Self::Quad => address(contents),
        }
    }

    const fn unknown(self) -> &'static str {
        match self {
            Self::Double => "????????",
            Self::Quad => "????????`????????",
        }
    }
}

/// Words shown where nothing else is said.
const SHOWN: usize = 16;

/// The most words of one command.
const MOST: usize = 1 << 16;

pub(super) fn dump(
    target: &Target,
    context: Result<SpaceId, KdError>,
    width: Width,
    mut arguments: Arguments<'_>,
) -> Result<String, KdError> {
    let shown = arguments.count(SHOWN)?.min(MOST);
    let first = number(arguments.need("the address")?)? & !(width.bytes() - 1);
    arguments.end()?;
    let space = context?;
    if target.contents(memtide_core::page::Pfn(0)).is_none() {
        return usage(format!(
            "the pages of this {} hold nothing: only a simulated machine with contents has memory \
             to show",
            target.word()
        ));
    }
    let words: Vec<u64> =
        (0..).map_while(|step: u64| first.checked_add(step * width.bytes())).take(shown).collect();
    let mut text = String::new();
    for line in words.chunks(width.columns()) {
        let cells: Vec<String> = line.iter().map(|at| word(target, space, width, *at)).collect();
        let start = line.first().copied().unwrap_or_default();
        text += &format!("{}  {}\n", address(start), cells.join(" "));
    }
    Ok(text)
}

/// One word stands for all bytes of its page.
fn word(target: &Target, space: SpaceId, width: Width, at: u64) -> String {
    let walk = target.manager().snapshot().walk(space, at).ok();
    let physical = walk.and_then(|walk| walk.physical);
    let frame = physical.and_then(|physical| u32::try_from(physical / PAGE_SIZE).ok());
    match frame.and_then(|frame| target.contents(memtide_core::page::Pfn(frame))) {
        Some(contents) => width.word(at, contents),
        None => width.unknown().to_owned(),
    }
}
