//! `!vad`: the address descriptors of a process.

use memtide_core::page::{PAGE_SIZE, SpaceId};
use memtide_core::snapshot::RegionView;
use memtide_core::{PageUse, RegionKind};

use super::arguments::{Arguments, process};
use super::error::{KdError, usage};
use super::format::{Columns, address, protection};
use super::target::Target;

pub(super) fn vad(
    target: &Target,
    context: Result<SpaceId, KdError>,
    mut arguments: Arguments<'_>,
) -> Result<String, KdError> {
    let space = match arguments.next() {
        Some(word) => process(word, target)?,
        None => context?,
    };
    arguments.end()?;
    let regions = match target.manager().snapshot().regions(space) {
        Ok(regions) => regions,
        Err(refusal) => return usage(refusal.to_string()),
    };
    let titles = ["level", "start", "end", "commit", "kind", "protection"];
    let mut columns = Columns::new(&titles, &[4, 5]);
    for region in &regions {
        columns.row(vec![
            region.level.to_string(),
            address(region.base),
            address(region.base + (region.bytes - 1)),
            region.charge.to_string(),
            kind(region),
            protection(region.protection),
        ]);
        for (first, count, page_use) in runs(region) {
            let start = region.base + first * PAGE_SIZE;
            columns.row(vec![
                String::new(),
                address(start),
                address(start + (count * PAGE_SIZE - 1)),
                String::new(),
                format!("  {}", word(*page_use)),
                page_use.protection().map(protection).unwrap_or_default(),
            ]);
        }
    }
    let deepest = regions.iter().map(|region| region.level + 1).max().unwrap_or(0);
    let total: u64 = regions.iter().map(|region| region.charge).sum();
    let title = format!("process {:x} ({})\n", space.0, target.name(space));
    let rows = if columns.is_empty() { String::new() } else { columns.to_string() };
    Ok(format!(
        "{title}{rows}Total VADs: {}, levels: {deepest}, commit charge: {total} pages\n",
        regions.len()
    ))
}

/// The runs of a region that is not alike everywhere.
fn runs(region: &RegionView) -> &[(u64, u64, PageUse)] {
    match region.uses[..] {
        [(_, _, PageUse::Committed(found))] if found == region.protection => &[],
        ref runs => runs,
    }
}

const fn word(page_use: PageUse) -> &'static str {
    match page_use {
        PageUse::Reserved => "reserved",
        PageUse::Committed(_) => "committed",
        PageUse::Offered(_) => "offered",
    }
}

fn kind(region: &RegionView) -> String {
    let watched = if region.has_write_watch { ", write watch" } else { "" };
    match region.kind {
        RegionKind::Private => format!("Private{watched}"),
        RegionKind::LargePages => format!("LargePages{watched}"),
        RegionKind::Physical => format!("AWE{watched}"),
        RegionKind::View { section, first } => {
            format!("Mapped section {:x} from page {first:x}", section.0)
        }
    }
}
