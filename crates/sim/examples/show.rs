//! tmp
fn main() {
    for n in std::env::args().skip(1) {
        let e = memtide_sim::experiments::Experiment::named(&n).expect("known");
        let t = std::time::Instant::now();
        println!("{}", e.run());
        e.picture().save(std::path::Path::new(&format!("/tmp/pics/{n}.png"))).expect("saved");
        eprintln!("{n}: {:?}", t.elapsed());
    }
}
