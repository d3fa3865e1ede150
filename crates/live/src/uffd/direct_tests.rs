//! Direct I/O pins the pages of a transfer, which MOVE refuses, and a moment longer than it lasts:
//! the kernel wakes who waits for a transfer before it lets go of the pages (`iomap_dio_bio_end_io`
//! of fs/iomap/direct-io.c). Where that processor is busy the moment is long enough to be met.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use memtide_core::page::PAGE_SIZE;

use rustix::io::Errno;

use super::Uffd;
use super::tests::Scene;

const CLUSTER: u64 = 16 * PAGE_SIZE;
const CLUSTERS: u64 = 16;

#[test]
fn pages_can_be_moved_once_their_direct_read_or_write_is_complete() {
    let scene = Scene::of(CLUSTER * CLUSTERS);
    let uffd = &scene.uffd;
    if !uffd.features().moves {
        return;
    }
    let written = tempfile::NamedTempFile::new().expect("a file");
    for cluster in 0..CLUSTERS {
        let bytes = [u8::try_from(cluster).expect("few"); 16 << 12];
        written.as_file().write_all(&bytes).expect("written");
    }
    written.as_file().sync_all().expect("written back");
    let mut options = std::fs::File::options();
    let direct = options.read(true).write(true).custom_flags(libc::O_DIRECT);
    // A file system without direct I/O.
    let Ok(file) = direct.open(written.path()) else { return };
    for cluster in 0..CLUSTERS {
        let (at, to) = (cluster * CLUSTER, scene.home(0) + cluster * CLUSTER);
        let frame = scene.frame(0) + at;
        let length = usize::try_from(CLUSTER).expect("small");
        assert_eq!(rustix::io::pread(&file, cluster_at(frame), at), Ok(length));
        move_cluster(uffd, to, frame);
        move_cluster(uffd, frame, to);
        let expected = u8::try_from(cluster).expect("few");
        assert!(cluster_at(frame).iter().all(|byte| *byte == expected));
        assert_eq!(rustix::io::pwrite(&file, &*cluster_at(frame), at), Ok(length));
        move_cluster(uffd, to, frame);
    }
}

/// Moves a cluster whose transfer is complete, once the kernel has let go of it.
fn move_cluster(uffd: &Uffd, to: u64, from: u64) {
    let limit = Instant::now() + Duration::from_secs(10);
    let mut done = 0;
    loop {
        let moved = uffd.move_pages(to + done, from + done, CLUSTER - done, false);
        done += moved.bytes;
        match moved.stopped {
            None => return,
            Some(errno) => assert_eq!(errno, Errno::BUSY, "{done} bytes are moved"),
        }
        assert!(Instant::now() < limit, "still pinned after ten seconds");
        std::thread::yield_now();
    }
}

/// The bytes of a cluster of frames, to be let go before it is moved.
fn cluster_at<'a>(frame: u64) -> &'a mut [u8; 16 << 12] {
    let start = usize::try_from(frame).expect("an address");
    // SAFETY: mapped memory of the test, which nothing else refers to, until the move.
    unsafe { &mut *std::ptr::with_exposed_provenance_mut(start) }
}
