//! What the simulation of a large machine costs in memory: alone in its program, so that what the
//! kernel counts is its own.
#![cfg(target_os = "linux")]

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, ThreadId};
use memtide_core::{
    Allocation, Backing, Call, Config, Range, Reply, SectionConfig, SpaceConfig, View,
};
use memtide_sim::{Machine, World};

/// The frames of a machine of 8 GiB, whose memory is all used as the terabyte's is in
/// `memtide-benches terabyte`: an eighth is written by a program, the rest caches a file.
const FRAMES: u32 = 1 << 21;
const WRITTEN: u64 = FRAMES as u64 / 8;

/// 12 GB for the 2^28 frames of a terabyte.
const BYTES_A_FRAME: f64 = 12e9 / (1u64 << 28) as f64;

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

fn address(world: &mut World, call: &Call) -> u64 {
    match world.call(call) {
        Ok(Reply::Address(address)) => address,
        other => panic!("no memory: {other:?}"),
    }
}

fn map_file(world: &mut World, space: SpaceId, bytes: u64) -> u64 {
    let backing = Backing::File;
    let config = SectionConfig { bytes, protection: 0x02, backing, is_reserved: false };
    let section = match world.call(&Call::CreateSection(config)) {
        Ok(Reply::Section(section)) => section,
        other => panic!("no section: {other:?}"),
    };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: 0x02 };
    address(world, &Call::MapView(space, view))
}

#[test]
fn a_terabyte_machine_all_in_use_takes_less_than_12_gb() {
    let before = resident();
    let mut world = World::new(&Machine::new(Config::new(FRAMES)), 1).expect("a machine");
    let space = match world.call(&Call::CreateSpace(SpaceConfig::default())) {
        Ok(Reply::Space(space)) => space,
        other => panic!("no space: {other:?}"),
    };
    let memory = Allocation::committed(WRITTEN * PAGE_SIZE);
    let base = address(&mut world, &Call::Allocate(space, memory));
    for page in 0..WRITTEN {
        world.fault(ThreadId(0), space, base + page * PAGE_SIZE, Access::Write);
        world.take_told().expect("memory is free: the fault is answered at once");
    }
    let bytes = (u64::from(FRAMES) - WRITTEN) * PAGE_SIZE;
    let view = map_file(&mut world, space, bytes);
    let piece = 1 << 28;
    for offset in (0..bytes).step_by(1 << 28) {
        let range = Range { space, address: view + offset, bytes: piece };
        world.call(&Call::Prefetch(range)).expect("a view");
        while world.has_io() {
            let next = world.next_event().expect("I/O ends");
            world.advance(next);
        }
    }
    let lists = world.manager().list_counts();
    let unused = lists.free + lists.zeroed;
    assert!(unused < FRAMES / 1_000, "{unused} frames are not used");
    let taken = (resident() - before) as f64 / f64::from(FRAMES);
    assert!(taken < BYTES_A_FRAME, "{taken:.1} bytes a frame: expected {BYTES_A_FRAME:.1} at most");
}
