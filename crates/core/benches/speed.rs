//! How long the core's common operations take: `cargo bench -p memtide-core --bench speed`.

mod scene;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use scene::{MACHINES, Operation, Scene};

fn speed(criterion: &mut Criterion) {
    for machine in MACHINES {
        let mut scene = Scene::new(machine);
        for operation in Operation::ALL {
            let group_name = match operation {
                Operation::Touch => "touch",
                Operation::SoftFault | Operation::SoftFaultWrite => "soft_fault",
                Operation::DemandZero => "demand_zero",
                Operation::TrimClean | Operation::TrimDirty => "trim",
                Operation::AllocateFree(_) => "allocate_free",
            };
            let mut group = criterion.benchmark_group(group_name);
            // Every iteration is a round of many operations in any case.
            group.sampling_mode(SamplingMode::Flat).sample_size(50);
            let name = format!("{}, {}", operation.name(), machine.name);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|count| scene.time(operation, count));
            });
            group.finish();
        }
    }
}

criterion_group!(benches, speed);
criterion_main!(benches);
