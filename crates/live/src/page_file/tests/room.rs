//! Room is promised before it is used.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::testing::Fault;
use super::*;

fn opens(options: &PageFileOptions) -> OpenError {
    match PageFile::open(options) {
        Ok(_) => panic!("{options:?} opened"),
        Err(error) => error,
    }
}

#[test]
fn growing_makes_room_up_to_the_maximum_and_no_further() {
    let fixture = Fixture::new(&PageFileOptions::default());
    let on_disk = || fixture.opened().metadata().expect("metadata").blocks() * 512;
    assert_eq!(fixture.file.size(), 256);
    assert!(on_disk() >= 1 << 20);
    assert_eq!(fixture.file.grow(300), Ok(()));
    assert_eq!(fixture.file.grow(10), Ok(()), "what is larger stays");
    assert_eq!(fixture.file.size(), 300);
    assert_eq!(fixture.file.grow(513), Err(error(Errno::NOSPC)));
    assert_eq!(fixture.file.size(), 300);
    assert_eq!(fixture.file.grow(512), Ok(()));
    assert!(on_disk() >= 2 << 20);
    fixture.write(511, 1, 1).expect("a write");
    assert!(fixture.read(511, 1).expect("a read") == pages_of(1, 0..1));
}

#[test]
#[should_panic(expected = "2 pages from slot 255 on: expected 1 to 64 within 256 slots")]
fn nothing_is_written_beyond_the_size() {
    let fixture = Fixture::new(&PageFileOptions::default());
    fixture.begin(255, 2, 1);
}

#[test]
fn a_disk_without_room_refuses_early_and_keeps_what_there_is() {
    let faults = Faults::seeded(1);
    let fixture = Fixture::new(&faulty(&faults, false));
    faults.fail_next(Fault::GrowNoSpace, 1);
    assert_eq!(fixture.file.grow(300), Err(error(Errno::NOSPC)));
    assert_eq!(fixture.file.size(), 256);
    assert_eq!(fixture.file.grow(300), Ok(()));

    faults.fail_next(Fault::GrowNoSpace, 1);
    let refused = opens(&faulty(&faults, false));
    assert!(matches!(refused, OpenError::Room { error: Errno::NOSPC, .. }), "{refused}");
}

#[test]
fn what_cannot_be_opened_is_told_with_what_was_expected() {
    let gone = PageFileOptions { directory: "/nowhere/at/all".into(), ..Default::default() };
    let text = opens(&gone).to_string();
    assert_eq!(
        text,
        "no page file in /nowhere/at/all: No such file or directory (os error 2); expected a \
         directory where files can be made"
    );
    let initial = Bytes::from_mib(2);
    let wrong = PageFileOptions { initial, maximum: Bytes::from_mib(1), ..Default::default() };
    assert_eq!(
        opens(&wrong).to_string(),
        "a page file of 2 MiB up to 1 MiB: expected the first to be at most the second, and that \
         at most 16 TiB"
    );
}

/// A small file system in memory.
struct Small(TempDir);

impl Small {
    fn new(size: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "memtide-test"]).arg(folder.path());
        assert!(mount.status().expect("mount").success(), "mount needs root");
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(unmounted.expect("umount").success());
    }
}

#[test]
#[ignore = "needs root, to mount a file system: cargo xtask privileged"]
fn a_full_file_system_is_told_when_growing_not_when_writing() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let small = Small::new("size=1m");
        let options = PageFileOptions {
            directory: small.path().into(),
            initial: Bytes::from_kib(512),
            maximum: Bytes::from_mib(8),
            io,
            ..PageFileOptions::default()
        };
        let too_large = PageFileOptions { initial: Bytes::from_mib(4), ..options.clone() };
        assert!(matches!(opens(&too_large), OpenError::Room { error: Errno::NOSPC, .. }));

        let file = PageFile::open(&options).expect("a page file");
        assert_eq!(file.grow(512), Err(error(Errno::NOSPC)));
        assert_eq!(file.size(), 128);
        assert_eq!(file.grow(256), Ok(()), "a refused growth keeps no room");
        let (tell, told) = channel();
        file.start(move |_, result| {
            let _ = tell.send(result);
        });
        let pool = BufferPool::new(1).expect("buffers");
        for slot in [0, 64, 128, 192] {
            let mut buffer = pool.take().expect("a buffer");
            buffer.fill(slot as u8 + 1);
            file.begin_write(slot, buffer, CLUSTER, 0);
            assert_eq!(told.recv_timeout(BOUND), Ok(Ok(())));
        }
    }
}

#[test]
#[ignore = "needs root, to mount a file system: cargo xtask privileged"]
fn a_write_that_finds_less_room_than_it_needs_is_an_error() {
    for io in [IoEngine::Ring, IoEngine::Threads] {
        let small = Small::new("size=128k");
        let options = PageFileOptions { io, ..PageFileOptions::default() };
        // A file of holes, as no page file makes it.
        let holes = DiskFile::create(small.path(), Direct::Never).expect("a file");
        let file = PageFile::over(Box::new(holes), &options, 64).expect("a page file");
        file.size.store(64, Ordering::Release);
        let (tell, told) = channel();
        file.start(move |_, result| {
            let _ = tell.send(result);
        });
        let pool = BufferPool::new(1).expect("buffers");
        file.begin_write(0, pool.take().expect("a buffer"), CLUSTER, 0);
        assert_eq!(told.recv_timeout(BOUND), Ok(Err(error(Errno::NOSPC))));
    }
}
