//! What each kind of fault of a space costs, beside what the kernel takes for its own memory.

use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::time::Instant;

use anyhow::ensure;
use memtide_core::ListCommand;
use memtide_core::units::Bytes;
use memtide_live::page_file::PageFileOptions;
use memtide_live::{FaultPath, Machine, MachineOptions, PagedVec, Space, SpaceOptions};

use crate::statistics::quantile;

const BUDGET: Bytes = Bytes::from_mib(64);
/// A quarter of the budget: 16 MiB.
const PAGES: usize = 4096;
const PAGES_NUMBER: u32 = 4096;
const WORDS: usize = 512;
const PAGE: usize = 4096;
const ROUNDS: usize = 15;
/// What spills: four times the budget.
const SPILL: usize = 65536;

pub(crate) fn run() -> anyhow::Result<()> {
    println!("| step | median | least | most | unit |\n|---|--:|--:|--:|---|");
    kernel_memory()?;
    for (path, name) in
        [(FaultPath::InThread, "in the thread"), (FaultPath::Handler, "through a handler thread")]
    {
        demand_zero(path, name)?;
        soft(path, name)?;
        hard(path, name)?;
    }
    disk()?;
    write_watch()?;
    spill()
}

/// Prints what rounds took, in nanoseconds or microseconds a page.
fn row(name: &str, mut round: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<()> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round()?);
    }
    print_row(name, &mut times);
    Ok(())
}

fn print_row(name: &str, nanoseconds: &mut [f64]) {
    let (scale, unit) = match quantile(nanoseconds, 0.5) {
        median if median < 1000.0 => (1.0, "ns a page"),
        _ => (1e3, "µs a page"),
    };
    let [median, least, most] = [0.5, 0.0, 1.0].map(|share| quantile(nanoseconds, share) / scale);
    println!("| {name} | {median:.2} | {least:.2} | {most:.2} | {unit} |");
}

#[expect(clippy::cast_precision_loss, reason = "pages and nanoseconds of a run are few")]
fn timed(pages: usize, act: impl FnOnce()) -> f64 {
    let began = Instant::now();
    act();
    began.elapsed().as_nanos() as f64 / pages as f64
}

fn space(path: FaultPath) -> anyhow::Result<(Machine, Space)> {
    let file = PageFileOptions {
        directory: ".".into(),
        initial: Bytes::from_mib(512),
        ..PageFileOptions::default()
    };
    let options = MachineOptions { page_file: Some(file), ..MachineOptions::new(BUDGET) };
    let machine = Machine::new(&options)?;
    let space = machine.create_space(&SpaceOptions { path, ..SpaceOptions::default() })?;
    Ok((machine, space))
}

/// All pages once, each far from the one before.
fn scattered() -> impl Iterator<Item = usize> {
    // Odd, so that it meets every page, and no neighbour in turn.
    (0..PAGES).map(|number| number * 1597 % PAGES)
}

fn write(vector: &mut [u64], pages: impl Iterator<Item = usize>) {
    pages.for_each(|page| vector[page * WORDS] = 1);
}

fn read(vector: &[u64], pages: impl Iterator<Item = usize>) {
    pages.for_each(|page| _ = black_box(vector[page * WORDS]));
}

fn kernel_memory() -> anyhow::Result<()> {
    /// 64 MiB: what is larger than 32 MiB the C library maps anew each time.
    const FRESH: usize = 4 * PAGES;
    row("first touch of the kernel's own memory", || {
        let mut memory = vec![0; FRESH * WORDS];
        let time = timed(FRESH, || write(&mut memory, 0..FRESH));
        black_box(memory);
        Ok(time)
    })
}

fn demand_zero(path: FaultPath, name: &str) -> anyhow::Result<()> {
    let (_machine, space) = space(path)?;
    row(&format!("demand zero along a stream, {name}"), || {
        let mut vector = PagedVec::zeroed(&space, PAGES * WORDS)?;
        Ok(timed(PAGES, || write(&mut vector, 0..PAGES)))
    })?;
    row(&format!("demand zero at random, {name}"), || {
        let mut vector = PagedVec::zeroed(&space, PAGES * WORDS)?;
        Ok(timed(PAGES, || write(&mut vector, scattered())))
    })
}

fn soft(path: FaultPath, name: &str) -> anyhow::Result<()> {
    let (_machine, space) = space(path)?;
    let mut vector: PagedVec<u64> = PagedVec::zeroed(&space, PAGES * WORDS)?;
    write(&mut vector, 0..PAGES);
    row(&format!("soft fault along a stream, {name}"), || {
        space.empty_working_set()?;
        Ok(timed(PAGES, || read(&vector, 0..PAGES)))
    })?;
    row(&format!("soft fault at random, {name}"), || {
        space.empty_working_set()?;
        Ok(timed(PAGES, || read(&vector, scattered())))
    })
}

fn hard(path: FaultPath, name: &str) -> anyhow::Result<()> {
    let (machine, space) = space(path)?;
    let mut vector: PagedVec<u64> = PagedVec::zeroed(&space, PAGES * WORDS)?;
    write(&mut vector, 0..PAGES);
    let page_out = || -> anyhow::Result<()> {
        space.empty_working_set()?;
        machine.command(ListCommand::FlushModifiedList);
        let began = Instant::now();
        // What is being written is on neither list.
        while machine.lists().standby.iter().sum::<u32>() < PAGES_NUMBER {
            ensure!(began.elapsed().as_secs() < 60, "pages are still being written after 60 s");
            std::thread::yield_now();
        }
        machine.command(ListCommand::PurgeStandbyList);
        Ok(())
    };
    row(&format!("hard fault along a stream, {name}"), || {
        page_out()?;
        Ok(timed(PAGES, || read(&vector, 0..PAGES)))
    })?;
    row(&format!("hard fault at random, {name}"), || {
        page_out()?;
        Ok(timed(PAGES, || read(&vector, scattered())))
    })
}

/// A file of the directory that page files are made in, which goes around the page cache.
fn direct_file() -> anyhow::Result<File> {
    let folder = std::env::current_dir()?;
    let path = folder.join(format!("memtide-benches-{}", std::process::id()));
    let flags = i32::try_from(rustix::fs::OFlags::DIRECT.bits())?;
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).custom_flags(flags).open(&path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Bytes that begin where a page does.
fn aligned(bytes: &mut [u8]) -> &mut [u8] {
    let before = bytes.as_ptr().align_offset(PAGE);
    let whole = (bytes.len() - before) / PAGE * PAGE;
    &mut bytes[before..before + whole]
}

fn disk() -> anyhow::Result<()> {
    let file = direct_file()?;
    let mut memory = vec![1; PAGE * (PAGES + 1)];
    file.write_all_at(aligned(&mut memory), 0)?;
    row("a plain direct read of 4 KiB at random", || {
        let page = &mut aligned(&mut memory)[..PAGE];
        let began = Instant::now();
        for number in scattered() {
            file.read_exact_at(page, (number * PAGE) as u64)?;
        }
        Ok(timed_since(began, PAGES))
    })
}

#[expect(clippy::cast_precision_loss, reason = "pages and nanoseconds of a run are few")]
fn timed_since(began: Instant, pages: usize) -> f64 {
    began.elapsed().as_nanos() as f64 / pages as f64
}

fn write_watch() -> anyhow::Result<()> {
    let (_machine, space) = space(FaultPath::InThread)?;
    let mut vector: PagedVec<u64> = PagedVec::watched(&space, PAGES * WORDS)?;
    vector.resize(PAGES * WORDS)?;
    row("write watch: a first write, along a stream", || {
        write(&mut vector, 0..PAGES);
        vector.written(true)?;
        Ok(timed(PAGES, || write(&mut vector, 0..PAGES)))
    })?;
    row("write watch: get and reset, a dirty page", || {
        write(&mut vector, 0..PAGES);
        let began = Instant::now();
        let written = vector.written(true)?;
        let time = timed_since(began, PAGES);
        ensure!(written.iter().map(ExactSizeIterator::len).sum::<usize>() == PAGES * WORDS);
        Ok(time)
    })?;
    row("write watch: get and reset, a clean page", || {
        let began = Instant::now();
        let written = vector.written(true)?;
        let time = timed_since(began, PAGES);
        ensure!(written.is_empty(), "{} ranges of a vector that nobody wrote", written.len());
        Ok(time)
    })
}

/// Writes four times the budget in order, in a space and to a file with as much memory around it.
fn spill() -> anyhow::Result<()> {
    const CHUNK: usize = 1 << 20;
    let (mut spaces, mut plain) = (Vec::new(), Vec::new());
    let mut memory = vec![0; CHUNK + PAGE];
    for _ in 0..5 {
        let (_machine, space) = space(FaultPath::InThread)?;
        let mut vector: PagedVec<u64> = PagedVec::zeroed(&space, SPILL * WORDS)?;
        spaces.push(timed(SPILL, || {
            for (number, word) in (0..).zip(vector.iter_mut()) {
                *word = number;
            }
        }));
        drop(vector);
        let file = direct_file()?;
        let chunk = aligned(&mut memory);
        rustix::fs::fallocate(
            &file,
            rustix::fs::FallocateFlags::empty(),
            0,
            (SPILL * PAGE) as u64,
        )?;
        let began = Instant::now();
        for at in (0..SPILL * PAGE).step_by(CHUNK) {
            for (number, word) in (at as u64..).zip(chunk.chunks_exact_mut(8)) {
                word.copy_from_slice(&number.to_ne_bytes());
            }
            file.write_all_at(&chunk[..CHUNK], at as u64)?;
        }
        plain.push(timed_since(began, SPILL));
    }
    print_row("sequential spill of four times the budget, in the thread", &mut spaces);
    print_row("the same bytes written to a file directly, 1 MiB at a time", &mut plain);
    Ok(())
}
