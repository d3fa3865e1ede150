//! The first light: pages live through everything once.

mod support;

use memtide_core::Config;
use support::World;

#[test]
fn pages_survive_a_machine_much_smaller_than_they_are() {
    for (frames, store) in [(32, 0), (32, 8), (128, 0), (128, 32)] {
        let mut config = Config::new(frames).with_page_file(512, 512);
        if store > 0 {
            config = config.with_store(store);
        }
        let mut world = World::new(config);
        let space = world.space();
        let base = world.committed(space, 256);
        for round in 0..3u64 {
            for page in 0..256u64 {
                world.write(space, base + page * 4096, 1 + page * 10 + round).expect("a write");
            }
            for page in (0..256u64).rev() {
                let value = world.read(space, base + page * 4096).expect("a read");
                assert_eq!(value, 1 + page * 10 + round);
            }
        }
        println!(
            "{:?} {:?} {:?}",
            world.manager.config().store,
            world.manager.counters(),
            world.manager.snapshot().store()
        );
        world.call(|m| m.destroy_space(space)).expect("gone");
        world.complete_all();
    }
}
