//! What is not what was written is never read.

use super::testing::Fault;
use super::*;

#[test]
fn a_flipped_bit_is_an_error_of_its_page_alone() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        fixture.write(0, 8, 1).expect("a write");
        for (slot, byte, bit) in [(0, 0, 0), (3, 4095, 7), (7, 2048, 3)] {
            let mut page = fixture.raw(slot);
            page[byte] ^= 1 << bit;
            fixture.set_raw(slot, &page);
            assert_eq!(fixture.read(slot, 1), Err(error(Errno::BADMSG)), "{options:?}");
            assert_eq!(fixture.read(0, 8), Err(error(Errno::BADMSG)));
            page[byte] ^= 1 << bit;
            fixture.set_raw(slot, &page);
            assert!(fixture.read(0, 8).expect("a read") == pages_of(1, 0..8));
        }
    }
}

#[test]
fn a_page_at_another_slot_or_of_another_time_is_an_error() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        fixture.write(0, 2, 1).expect("a write");
        let first = fixture.raw(0);
        fixture.set_raw(1, &first);
        assert_eq!(fixture.read(1, 1), Err(error(Errno::BADMSG)));
        fixture.write(0, 2, 2).expect("a write");
        fixture.set_raw(0, &first);
        assert_eq!(fixture.read(0, 1), Err(error(Errno::BADMSG)));
    }
}

#[test]
fn a_slot_that_was_never_written_is_an_error() {
    for options in all_kinds() {
        let fixture = Fixture::new(&options);
        assert_eq!(fixture.read(7, 1), Err(error(Errno::BADMSG)));
    }
}

#[test]
fn torn_and_lost_writes_are_errors_when_read() {
    for encryption in [false, true] {
        let faults = Faults::seeded(1);
        let fixture = Fixture::new(&faulty(&faults, encryption));
        for fault in [Fault::TornWrite, Fault::LostWrite] {
            for pages in [1, 5] {
                fixture.write(0, pages, 1).expect("a write");
                faults.fail_next(fault, 1);
                assert_eq!(fixture.write(0, pages, 2), Ok(()), "nobody says that it is {fault:?}");
                assert_eq!(faults.happened(fault), if pages == 1 { 1 } else { 2 });
                assert_eq!(fixture.read(0, pages), Err(error(Errno::BADMSG)));
                fixture.write(0, pages, 3).expect("a write");
                assert!(fixture.read(0, pages).expect("a read") == pages_of(3, 0..pages));
            }
        }
    }
}

#[test]
fn errors_of_the_disk_are_told_as_they_are() {
    let faults = Faults::seeded(1);
    let fixture = Fixture::new(&faulty(&faults, false));
    for (fault, errno) in [(Fault::WriteError, Errno::IO), (Fault::WriteNoSpace, Errno::NOSPC)] {
        faults.fail_next(fault, 1);
        assert_eq!(fixture.write(0, 4, 1), Err(error(errno)));
        assert_eq!(fixture.write(0, 4, 2), Ok(()));
    }
    faults.fail_next(Fault::ReadError, 1);
    assert_eq!(fixture.read(0, 4), Err(error(Errno::IO)));
    faults.fail_next(Fault::FlippedBit, 1);
    assert_eq!(fixture.read(0, 4), Err(error(Errno::BADMSG)));
    assert!(fixture.read(0, 4).expect("a read") == pages_of(2, 0..4));
}

#[test]
fn short_reads_and_writes_go_on_where_they_stopped() {
    let faults = Faults::seeded(1);
    let fixture = Fixture::new(&faulty(&faults, false));
    faults.fail_next(Fault::ShortWrite, 5);
    fixture.write(0, CLUSTER, 1).expect("a write");
    faults.fail_next(Fault::ShortRead, 5);
    assert!(fixture.read(0, CLUSTER).expect("a read") == pages_of(1, 0..CLUSTER));
    assert_eq!((faults.happened(Fault::ShortWrite), faults.happened(Fault::ShortRead)), (5, 5));
}

/// What is written there finds no room.
struct Full(File);

impl Storage for Full {
    fn read_at(&self, _: &mut [u8], _: u64) -> Result<usize, Errno> {
        Err(Errno::IO)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<usize, Errno> {
        rustix::io::pwrite(&self.0, bytes, offset)
    }

    fn allocate(&self, _: u64, _: u64) -> Result<(), Errno> {
        Ok(())
    }

    fn wrote(&self, _: u64, _: u64) {}

    fn file(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

#[test]
fn what_the_kernel_refuses_to_a_ring_is_told_as_to_threads() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let full = File::options().write(true).open("/dev/full").expect("/dev/full");
        let options = PageFileOptions { io, ..PageFileOptions::default() };
        let file = PageFile::over(Box::new(Full(full)), &options, 64).expect("a page file");
        assert_eq!(file.engine(), io);
        file.grow(64).expect("room");
        let (tell, told) = channel();
        file.start(move |token, result| {
            let _ = tell.send((token, result));
        });
        let pool = BufferPool::new(1).expect("buffers");
        file.begin_write(0, pool.take().expect("a buffer"), 3, 7);
        assert_eq!(told.recv_timeout(BOUND), Ok((7, Err(error(Errno::NOSPC)))));
    }
}
