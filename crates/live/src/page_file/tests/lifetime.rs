//! Ends: of the page file, of the process, of what carries its writes out.

use std::sync::Mutex;
use std::time::Instant;

use super::testing::Fault;
use super::*;
use crate::child;

#[test]
fn what_is_in_flight_when_it_is_dropped_is_finished_first() {
    let faults = Faults::seeded(1);
    faults.set(Fault::Delay, 1000);
    let slow = faulty(&faults, false);
    for options in all_kinds().chain([slow]) {
        let Fixture { file, pool, told, folder } = Fixture::new(&options);
        for number in 0..32 {
            let mut buffer = pool.take().expect("a buffer");
            buffer.fill(1);
            file.begin_write(number * 8, buffer, 8, number.into());
        }
        let file = Arc::into_inner(file).expect("nobody else has it");
        drop(file);
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!(told.len(), 32, "{options:?}");
        assert!(told.iter().all(|(_, result)| result.is_ok()));
        assert_eq!(std::iter::from_fn(|| pool.take()).collect::<Vec<_>>().len(), 32);
        drop(folder);
    }
}

#[test]
fn who_is_told_of_a_write_may_be_the_last_to_have_the_page_file() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let options = PageFileOptions { io, ..PageFileOptions::default() };
        let file = Arc::new(PageFile::open(&options).expect("a page file"));
        let last = Mutex::new(None);
        let (tell, told) = channel();
        let holder = Arc::new(last);
        let of_done = Arc::clone(&holder);
        file.start(move |token, _| {
            drop(of_done.lock().expect("a lock").take());
            let _ = tell.send(token);
        });
        let pool = BufferPool::new(1).expect("buffers");
        let waits = holder.lock().map(|mut last| {
            *last = Some(Arc::clone(&file));
            file.begin_write(0, pool.take().expect("a buffer"), 1, 7);
            drop(file);
        });
        waits.expect("a lock");
        assert_eq!(told.recv_timeout(BOUND), Ok(7));
        // The last thread that ends lets go of who tells.
        assert_eq!(told.recv_timeout(BOUND), Err(RecvTimeoutError::Disconnected));
    }
}

#[test]
fn a_process_may_exit_with_writes_in_flight() {
    child::succeed(module_path!(), "a_process_may_exit_with_writes_in_flight", || {
        for options in all_kinds() {
            let fixture = Fixture::new(&options);
            for number in 0..32 {
                fixture.begin(number * 8, 8, number.into());
            }
            std::mem::forget(fixture.file);
        }
    });
}

#[test]
fn a_child_of_fork_may_drop_a_page_file_that_it_cannot_use() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let fixture = Fixture::new(&PageFileOptions { io, ..PageFileOptions::default() });
        let file = Arc::into_inner(fixture.file).expect("nobody else has it");
        // SAFETY: the child drops the file, and ends without another look at anything.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            drop(file);
            // SAFETY: always is.
            unsafe { libc::_exit(0) };
        }
        let end = Instant::now() + BOUND;
        let mut status = -1;
        // SAFETY: the status lives through the call.
        while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
            assert!(Instant::now() < end, "a child waits for threads that it has not");
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(status, 0);
        drop(file);
    }
}

#[test]
fn a_ring_that_stops_working_is_replaced_by_threads() {
    child::succeed(module_path!(), "a_ring_that_stops_working_is_replaced_by_threads", || {
        let io = IoEngine::Ring;
        let fixture = Fixture::new(&PageFileOptions { io, ..PageFileOptions::default() });
        fixture.write(0, 8, 1).expect("a write");
        break_ring();
        for seed in 2..20 {
            fixture.write(8, 8, seed).expect("a write");
            assert!(fixture.read(8, 8).expect("a read") == pages_of(seed, 0..8));
        }
        assert!(fixture.read(0, 8).expect("a read") == pages_of(1, 0..8));
    });
}

/// Puts something else where this process has its only ring.
fn break_ring() {
    let null = File::open("/dev/null").expect("/dev/null");
    let is_ring = |entry: &std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        target.to_string_lossy().contains("io_uring")
    };
    let entries = std::fs::read_dir("/proc/self/fd").expect("descriptors").flatten();
    let rings: Vec<i32> = entries
        .filter(is_ring)
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let [ring] = rings[..] else { panic!("expected one ring: {rings:?}") };
    // SAFETY: whoever uses the descriptor finds that it is no ring.
    assert_eq!(unsafe { libc::dup2(null.as_raw_fd(), ring) }, ring);
}
