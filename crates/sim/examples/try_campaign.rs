#![allow(missing_docs)]
use memtide_sim::campaign::*;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (base, runs, steps): (u64, u64, u64) =
        (args[1].parse().unwrap(), args[2].parse().unwrap(), args[3].parse().unwrap());
    let faults = match args[4].as_str() {
        "none" => Amount::None,
        "some" => Amount::Some,
        _ => Amount::Many,
    };
    std::panic::set_hook(Box::new(|i| {
        if std::env::var_os("SHOW").is_some() {
            eprintln!("{i}");
        }
    }));
    let mut all = Coverage::default();
    let begun = std::time::Instant::now();
    let mut bad = 0;
    for seed in base..base + runs {
        let run = Run::generate(seed, Generation { steps, faults });
        let out = run.try_execute().unwrap();
        all.add(&out.coverage);
        if let Some(f) = out.failure {
            println!("seed {seed} frames {}: {f}", run.machine.frames);
            bad += 1;
            if bad <= 3 && std::env::var_os("SHRINK").is_some() {
                let s = shrink(&run, f, 3000, &mut |r| r.try_execute().unwrap().failure);
                println!("{} tried: {}\n{}", s.tried, s.failure, s.run.to_toml("x"));
            }
        }
    }
    let t = begun.elapsed().as_secs_f64();
    println!(
        "{bad} failures, {} steps in {t:.1} s: {:.0} steps/s",
        all.steps,
        all.steps as f64 / t
    );
    for (n, c) in all.counts() {
        println!("  {n} {c}");
    }
}
