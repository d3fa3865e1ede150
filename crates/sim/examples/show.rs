//! tmp
fn main() {
    for n in std::env::args().skip(1) {
        let e = memtide_sim::experiments::Experiment::named(&n).expect("known");
        let t = std::time::Instant::now();
        println!("{}", e.run());
        eprintln!("{n}: {:?}", t.elapsed());
    }
}
