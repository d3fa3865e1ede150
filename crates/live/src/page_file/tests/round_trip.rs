//! What was written is read.

use std::os::unix::fs::{FileExt, MetadataExt};

use super::*;

#[test]
fn pages_come_back_at_all_offsets_and_sizes() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        let sizes = [1, 2, 3, 17, CLUSTER - 1, CLUSTER];
        let mut slot = 0;
        for (seed, pages) in (1..).zip(sizes) {
            assert_eq!(fixture.write(slot, pages, seed), Ok(()), "{options:?}");
            for (from, to) in [(0, pages), (0, 1), (pages - 1, pages), (pages / 2, pages)] {
                let read = fixture.read(slot + from as u32, to - from).expect("a read");
                assert!(read == pages_of(seed, from..to), "{options:?} {slot}+{from}..{to}");
            }
            slot += pages as u32;
        }
        let last = fixture.file.size() - CLUSTER as u32;
        assert_eq!(fixture.write(last, CLUSTER, 9), Ok(()));
        assert!(fixture.read(last, CLUSTER).expect("a read") == pages_of(9, 0..CLUSTER));
    }
}

#[test]
fn a_slot_gives_what_was_written_last_and_its_plain_checksum() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        for seed in [1, 2, 3] {
            fixture.write(5, 4, seed).expect("a write");
            for page in 0..4 {
                let expected = page_of(seed, page as usize);
                assert_eq!(fixture.file.sum(5 + page), memory::sum(&expected));
            }
        }
        assert!(fixture.read(5, 4).expect("a read") == pages_of(3, 0..4));
    }
}

#[test]
fn many_writes_at_once_are_all_told_and_all_there() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        for number in 0..32 {
            fixture.begin(number * 8, 8, number.into());
        }
        let mut told: Vec<u64> = (0..32)
            .map(|_| fixture.next_told())
            .map(|(token, result)| result.map(|()| token).expect("a write"))
            .collect();
        told.sort_unstable();
        assert!(told.into_iter().eq(0..32));
        for number in 0..32 {
            let read = fixture.read(number * 8, 8).expect("a read");
            assert!(read == pages_of(number.into(), 0..8), "{options:?}");
        }
    }
}

#[test]
fn writes_that_several_threads_begin_are_all_told() {
    const EACH: u64 = 400;
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let options = PageFileOptions { io, direct: Direct::Never, ..PageFileOptions::default() };
        let Fixture { file, pool, told, folder } = Fixture::new(&options);
        std::thread::scope(|scope| {
            for place in 0..4 {
                let (file, pool) = (&file, &pool);
                scope.spawn(move || {
                    for number in 0..EACH {
                        let mut buffer = std::iter::repeat_with(|| pool.take())
                            .find_map(|buffer| {
                                buffer.or_else(|| {
                                    std::thread::yield_now();
                                    None
                                })
                            })
                            .expect("buffers come back");
                        buffer[..PAGE_BYTES].fill(1);
                        let slot = place * 64 + (number % 64) as u32;
                        file.begin_write(slot, buffer, 1, number);
                    }
                });
            }
            for _ in 0..4 * EACH {
                let (_, result) = told.recv_timeout(BOUND).expect("every write ends");
                assert_eq!(result, Ok(()));
            }
        });
        drop(folder);
    }
}

#[test]
fn a_buffer_is_back_before_its_write_is_told() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let mut options = PageFileOptions { io, ..PageFileOptions::default() };
        options.maximum = options.initial;
        let file = PageFile::open(&options).expect("a page file");
        let pool = BufferPool::new(1).expect("buffers");
        let (tell, told) = channel();
        let of_done = pool.clone();
        file.start(move |_, _| {
            let is_back = of_done.take().is_some();
            let _ = tell.send(is_back);
        });
        for slot in 0..20 {
            let mut buffer = pool.take().expect("the only buffer");
            buffer[..PAGE_BYTES].fill(1);
            file.begin_write(slot, buffer, 1, 0);
            assert_eq!(told.recv_timeout(BOUND), Ok(true));
        }
    }
}

#[test]
fn the_engine_is_the_one_that_was_asked_for_and_a_ring_where_that_is_best() {
    use IoEngine::{Auto, Ring, Threads};
    let kinds =
        [(Threads, false, Threads), (Ring, true, Ring), (Auto, false, Ring), (Auto, true, Threads)];
    for (io, encryption, expected) in kinds {
        let options = PageFileOptions { io, encryption, ..PageFileOptions::default() };
        assert_eq!(Fixture::new(&options).file.engine(), expected, "{options:?}");
    }
    let faulty = faulty(&Faults::seeded(1), false);
    assert_eq!(Fixture::new(&faulty).file.engine(), Threads);
}

#[test]
fn the_file_has_no_name_and_is_its_owners_alone() {
    let fixture = Fixture::new(&PageFileOptions::default());
    let found = fixture.opened().metadata().expect("metadata");
    assert_eq!((found.mode() & 0o777, found.nlink()), (0o600, 0));
    assert_eq!(std::fs::read_dir(fixture.folder.path()).expect("a folder").count(), 0);
}

#[test]
fn an_encrypted_file_shows_no_plain_byte_and_no_two_pages_alike() {
    for (encryption, is_shown) in [(false, true), (true, false)] {
        let fixture = Fixture::new(&PageFileOptions { encryption, ..PageFileOptions::default() });
        let secret = b"a secret that nobody else may read";
        for slot in [0, 1] {
            let mut buffer = fixture.pool.take().expect("a buffer");
            buffer[..PAGE_BYTES].fill(b' ');
            buffer[100..100 + secret.len()].copy_from_slice(secret);
            fixture.file.begin_write(slot, buffer, 1, 0);
            assert_eq!(fixture.next_told(), (0, Ok(())));
        }
        let mut bytes = vec![0; 2 * PAGE_BYTES];
        fixture.opened().read_exact_at(&mut bytes, 0).expect("a read");
        let shows = |what: &[u8]| bytes.windows(what.len()).any(|bytes| bytes == what);
        assert_eq!(shows(secret), is_shown);
        assert_eq!(shows(b"        "), is_shown);
        assert_eq!(bytes[..PAGE_BYTES] == bytes[PAGE_BYTES..], is_shown);
    }
}

#[test]
fn the_page_cache_keeps_nothing_that_was_read() {
    for direct in [Direct::Auto, Direct::Never] {
        let fixture = Fixture::new(&PageFileOptions { direct, ..PageFileOptions::default() });
        if options::is_memory(fixture.folder.path()) {
            return;
        }
        assert!(direct == Direct::Auto || !fixture.file.is_direct());
        for slot in [0, 64, 128] {
            fixture.write(slot, CLUSTER, slot.into()).expect("a write");
        }
        fixture.opened().sync_all().expect("on the disk");
        for slot in [0, 64, 128] {
            fixture.read(slot, CLUSTER).expect("a read");
        }
        assert_eq!(cached_pages(&fixture.opened()), 0, "{direct:?}");
    }
}

/// How many pages of a file are in memory.
fn cached_pages(file: &File) -> usize {
    let bytes = file.metadata().expect("metadata").len() as usize;
    let mut present = vec![0; bytes / PAGE_BYTES];
    // SAFETY: a new mapping, of which nothing is read, and which is unmapped at once.
    unsafe {
        let (kind, access) = (rustix::mm::MapFlags::SHARED, rustix::mm::ProtFlags::READ);
        let start = rustix::mm::mmap(std::ptr::null_mut(), bytes, access, kind, file, 0);
        let start = start.expect("a mapping");
        assert_eq!(libc::mincore(start, bytes, present.as_mut_ptr()), 0);
        rustix::mm::munmap(start, bytes).expect("a mapping");
    }
    present.into_iter().filter(|page| page & 1 != 0).count()
}
