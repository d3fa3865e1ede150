//! The manager beside LRU, Clock, S3-FIFO and the optimum on a made workload:
//! `cargo run --release -p memtide-sim --example policies -- zipf:0.8 100000,200000 20000000`.

use std::time::Instant;

use memtide_core::page::{Access, SpaceId, ThreadId, Tick};
use memtide_core::{Allocation, Config, Input, Manager, Output, SpaceConfig};
use memtide_sim::policies::{Clock, Lru, Numbering, Optimum, PageCache, S3Fifo, next_uses};
use memtide_sim::workload::{Part, Pattern, Workload};

/// The manager, its I/O done at once.
struct Memtide {
    manager: Manager,
    space: SpaceId,
    base: u64,
    now: Tick,
}

impl Memtide {
    fn new(frames: u32, pages: u64) -> Result<Self, Box<dyn std::error::Error>> {
        let file = u32::try_from(pages)? + 100_000;
        let mut config = Config::new(frames).with_page_file(file, file);
        config.policy.read_cluster_max = 1;
        let mut manager = Manager::new(config)?;
        let space = manager.create_space(SpaceConfig::default())?;
        let base = manager.allocate(space, &Allocation::committed(pages << 12))?;
        while manager.poll_output().is_some() {}
        Ok(Self { manager, space, base, now: Tick(0) })
    }

    fn drain(&mut self) {
        while let Some(output) = self.manager.poll_output() {
            let input = match output {
                Output::Read { operation } => {
                    self.now = self.now.after(Tick(70_000));
                    Input::ReadDone { operation, result: Ok(()) }
                }
                Output::Write { operation } => Input::WriteDone { operation, result: Ok(()) },
                _ => continue,
            };
            self.manager.handle(self.now, input);
        }
    }

    fn reference(&mut self, page: u64, is_first: bool) {
        let (space, address, thread) = (self.space, self.base + (page << 12), ThreadId(0));
        let access = if is_first { Access::Write } else { Access::Read };
        self.now = self.now.after(Tick(100));
        if self.manager.touch(space, address, access) {
            return;
        }
        if self.manager.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.manager.handle(self.now, Input::Tick);
            self.drain();
        }
        self.manager.handle(self.now, Input::Fault { thread, space, address, access });
        self.drain();
    }
}

fn pattern(name: &str) -> Option<Pattern> {
    if let Some(alpha) = name.strip_prefix("zipf:") {
        return Some(Pattern::Zipf { pages: 1_000_000, alpha: alpha.parse().ok()? });
    }
    // A loop of 60000 pages, popular pages, and a scan over what is seldom seen twice.
    let part = |weight, first, pattern| Part { weight, first, pattern };
    (name == "mix").then(|| {
        Pattern::Mix(vec![
            part(1, 0, Pattern::Sequential { pages: 60_000 }),
            part(7, 100_000, Pattern::Zipf { pages: 1_000_000, alpha: 0.9 }),
            part(2, 1_100_000, Pattern::Sequential { pages: 2_000_000 }),
        ])
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("which workload? zipf:ALPHA or mix")?;
    let sizes = arguments.next().ok_or("how many frames?")?;
    let count: usize = arguments.next().as_deref().unwrap_or("20000000").parse()?;
    let pattern = pattern(&name).ok_or("the workloads are zipf:ALPHA and mix")?;
    let workload = Workload::new(&pattern, 0.0, 1)?;
    let addresses: Vec<u64> = workload.take(count).map(|reference| reference.page().0).collect();
    let mut numbering = Numbering::default();
    let pages: Vec<u32> = addresses
        .iter()
        .map(|page| numbering.number(memtide_core::page::Vpn(*page)))
        .collect::<Result<_, _>>()?;
    let next = next_uses(&pages);
    println!("{count} references to {} pages", numbering.pages());
    for size in sizes.split(',') {
        let size: u32 = size.parse()?;
        let ratio = |misses: usize| 100.0 * misses as f64 / count as f64;
        let caches: [(&str, Box<dyn PageCache>); 3] = [
            ("lru", Box::new(Lru::new(size))),
            ("clock", Box::new(Clock::new(size))),
            ("s3-fifo", Box::new(S3Fifo::new(size))),
        ];
        for (name, mut cache) in caches {
            let misses = pages.iter().filter(|page| !cache.reference(**page)).count();
            println!("{size:>8} {name:<8} {:.3}%", ratio(misses));
        }
        let mut optimum = Optimum::new(size);
        let uses = pages.iter().zip(&next);
        let misses = uses.filter(|(page, next)| !optimum.reference(**page, **next)).count();
        println!("{size:>8} {:<8} {:.3}%", "optimum", ratio(misses));

        let mut memtide = Memtide::new(size, pattern.pages())?;
        let mut seen = vec![false; addresses.len()];
        let begin = Instant::now();
        for (number, page) in pages.iter().zip(&addresses) {
            let is_first = !std::mem::replace(&mut seen[*number as usize], true);
            memtide.reference(*page, is_first);
        }
        let rate = count as f64 / begin.elapsed().as_secs_f64() / 1e6;
        let counters = memtide.manager.counters();
        let misses = usize::try_from(counters.demand_zero + counters.hard)?;
        println!(
            "{size:>8} {:<8} {:.3}%  soft {:.3}%, trimmed {}, written {}, {:.0} s, {rate:.1} M/s",
            "memtide",
            ratio(misses),
            ratio(usize::try_from(counters.soft)?),
            counters.trimmed,
            counters.pages_written,
            memtide.now.0 as f64 / 1e9,
        );
    }
    Ok(())
}
