//! How much memory and time the simulation of a terabyte machine takes.

use anyhow::{Context as _, bail};
use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId};
use memtide_core::units::Bytes;
use memtide_core::{
    Allocation, Backing, Call, Config, Range, Reply, SectionConfig, SpaceConfig, View,
};
use memtide_sim::{Machine, Reference, World};
use std::time::Instant;

const MEMORY: Bytes = Bytes::from_mib(1 << 20);

/// What the programs write; a file takes all the rest.
const PRIVATE: Bytes = Bytes::from_mib(128 << 10);
const FILE: Bytes = Bytes::from_mib(896 << 10);

/// What is read of the file at a time.
const PIECE: u64 = 1 << 30;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("| a machine of {MEMORY} | seconds so far | resident, GB | most resident, GB |");
    println!("|---|--:|--:|--:|");
    let began = Instant::now();
    let frames = u32::try_from(MEMORY.pages())?;
    let mut world = World::new(&Machine::new(Config::new(frames)), 1)?;
    print_row("nothing has happened", began)?;
    let space = space(&mut world)?;
    let base = address(&mut world, &Call::Allocate(space, Allocation::committed(PRIVATE.0)))?;
    write_all(&mut world, space, base)?;
    print_row(&format!("a program has written {PRIVATE}"), began)?;
    let view = map_file(&mut world, space)?;
    for offset in (0..FILE.0).step_by(usize::try_from(PIECE)?) {
        let range = Range { space, address: view + offset, bytes: PIECE };
        world.call(&Call::Prefetch(range))?;
        finish_io(&mut world);
    }
    print_row(&format!("and read {FILE} of a file: all is in use"), began)?;
    let lists = world.manager().list_counts();
    let standby: u32 = lists.standby.iter().sum();
    println!(
        "\nWorking set {}, standby {}, free and zeroed {}.",
        Bytes::from_pages(u64::from(frames - standby - lists.free - lists.zeroed)),
        Bytes::from_pages(u64::from(standby)),
        Bytes::from_pages(u64::from(lists.free + lists.zeroed)),
    );
    Ok(())
}

fn space(world: &mut World) -> anyhow::Result<SpaceId> {
    match world.call(&Call::CreateSpace(SpaceConfig::default()))? {
        Reply::Space(space) => Ok(space),
        other => bail!("a space was made, and {other:?} came back"),
    }
}

fn address(world: &mut World, call: &Call) -> anyhow::Result<u64> {
    match world.call(call)? {
        Reply::Address(address) => Ok(address),
        other => bail!("memory was allocated, and {other:?} came back"),
    }
}

fn map_file(world: &mut World, space: SpaceId) -> anyhow::Result<u64> {
    let (bytes, backing) = (FILE.0, Backing::File);
    let config = SectionConfig { bytes, protection: 0x02, backing, is_reserved: false };
    let section = match world.call(&Call::CreateSection(config))? {
        Reply::Section(section) => section,
        other => bail!("a section was made, and {other:?} came back"),
    };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x02 };
    address(world, &Call::MapView(space, view))
}

fn write_all(world: &mut World, space: SpaceId, base: u64) -> anyhow::Result<()> {
    for page in 0..PRIVATE.pages() {
        let reference = Reference { address: base + page * PAGE_SIZE, access: Access::Write };
        if world.touch(space, &[reference]) == 0 {
            world.fault(ThreadId(0), space, reference.address, reference.access);
            world.take_told().context("memory is free: the fault is answered at once")?;
        }
    }
    Ok(())
}

fn finish_io(world: &mut World) {
    while world.has_io() {
        let Some(next) = world.next_event() else { return };
        world.advance(next);
    }
}

fn print_row(what: &str, began: Instant) -> anyhow::Result<()> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let gigabytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib: f64 = line?.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib * 1024.0 / 1e9)
    };
    let now = gigabytes("VmRSS:").context("VmRSS")?;
    let most = gigabytes("VmHWM:").context("VmHWM")?;
    println!("| {what} | {:.1} | {now:.2} | {most:.2} |", began.elapsed().as_secs_f64());
    Ok(())
}
