//! `[[section]]`: memory that several processes map.

use memtide_core::{Backing, SectionConfig};
use serde::Deserialize;
use toml::Spanned;

use super::error::Problem;
use super::value::{Placed, Size, needed, pages};
use memtide_core::page::PAGE_SIZE;

/// `[[section]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SectionTable {
    pub(super) name: Placed<String>,
    size: Placed<Size>,
    backing: Option<BackingName>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum BackingName {
    PageFile,
    File,
}

/// The largest section: 8 TiB.
const PAGES_MAX: u64 = 1 << 31;

/// `PAGE_READWRITE`: views may read, write, and copy on write.
const READ_WRITE: u32 = 0x04;

/// The section that a table describes.
///
/// # Errors
/// [`Problem`] with the value that makes no sense.
pub(super) fn read(table: &Spanned<SectionTable>) -> Result<(String, SectionConfig), Problem> {
    let (said, span) = (table.get_ref(), table.span());
    let name = needed(&said.name, &span, "name", "expected what the section is called")?;
    let size = needed(&said.size, &span, "size", "expected how large the section is")?;
    let backing = match said.backing {
        None | Some(BackingName::PageFile) => Backing::PageFile,
        Some(BackingName::File) => Backing::File,
    };
    let bytes = pages(size, PAGES_MAX, "")? * PAGE_SIZE;
    let config = SectionConfig { bytes, protection: READ_WRITE, backing, is_reserved: false };
    Ok((name.get_ref().clone(), config))
}
