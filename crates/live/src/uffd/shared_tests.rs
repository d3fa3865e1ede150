//! A file in memory, mapped in places whose faults are handled.

use memtide_core::page::PAGE_SIZE;
use rustix::io::Errno;

use super::tests::{get, put, whole};
use super::{FaultPath, Reservation, SharedMemory, Sharing, Uffd};

const PAGES: u64 = 4;
const ALL: u64 = PAGES * PAGE_SIZE;

/// A file, and two mappings of it.
struct Scene {
    uffd: Uffd,
    file: SharedMemory,
    shared: Reservation,
    copied: Reservation,
}

impl Scene {
    fn new() -> Self {
        let uffd = Uffd::open(FaultPath::InThread).expect("a userfaultfd in the thread");
        assert!(uffd.features().shares, "CONTINUE with protection takes Linux 6.6");
        let file = SharedMemory::new(ALL).expect("a file in memory");
        let map = |sharing| {
            let memory = Reservation::new(ALL).expect("memory");
            memory.map_file((0, ALL), &file, 0, sharing).expect("mapped");
            uffd.register_shared(memory.address(), ALL).expect("registered");
            memory.open(0, ALL, false).expect("opened");
            memory
        };
        let (shared, copied) = (map(Sharing::Shared), map(Sharing::Copied));
        Self { uffd, file, shared, copied }
    }

    fn write(&self, page: u64, byte: u8) {
        self.file.write(page, &[byte; 4096]).expect("written");
    }

    fn show(&self, at: &Reservation, page: u64, protects: bool) -> Option<Errno> {
        self.uffd.map_of_file(at.address() + page * PAGE_SIZE, protects).stopped
    }
}

#[test]
fn a_page_of_a_file_is_mapped_where_it_is_asked_for_and_nowhere_else() {
    let scene = Scene::new();
    scene.write(1, 7);
    let (here, there) = (scene.shared.address() + PAGE_SIZE, scene.copied.address() + PAGE_SIZE);
    assert_eq!((get(here), get(there)), (Err(Errno::FAULT), Err(Errno::FAULT)));
    assert_eq!(scene.show(&scene.shared, 1, false), None);
    assert_eq!((get(here), get(there)), (whole(7), Err(Errno::FAULT)));
    assert_eq!(scene.show(&scene.shared, 1, false), Some(Errno::EXIST));
    assert_eq!(scene.show(&scene.shared, 2, false), Some(Errno::FAULT), "the file lacks it");
    assert_eq!(scene.show(&scene.copied, 1, true), None);
    assert_eq!(put(here, 8), Ok(()));
    assert_eq!((get(here), get(there)), (whole(8), whole(8)));
}

#[test]
fn a_protected_page_of_a_file_faults_and_can_be_let_go() {
    let scene = Scene::new();
    scene.write(0, 7);
    for at in [&scene.shared, &scene.copied] {
        assert_eq!(scene.show(at, 0, true), None);
        assert_eq!((get(at.address()), put(at.address(), 8)), (whole(7), Err(Errno::FAULT)));
    }
    let at = scene.shared.address();
    assert_eq!(scene.uffd.write_protect(at, PAGE_SIZE, false, false), Ok(()));
    assert_eq!(put(at, 9), Ok(()));
    assert_eq!(get(scene.copied.address()), whole(9));
}

#[test]
fn a_copy_takes_the_place_of_a_page_of_a_file_and_leaves_it_alone() {
    let scene = Scene::new();
    scene.write(0, 7);
    let at = scene.copied.address();
    assert_eq!(scene.show(&scene.copied, 0, true), None);
    assert_eq!(scene.copied.discard(0, PAGE_SIZE), Ok(()));
    let from = Box::new([9u8; 4096]);
    let from = std::ptr::from_ref(&*from).expose_provenance() as u64;
    let copied = scene.uffd.copy(at, from, PAGE_SIZE, false, false);
    assert_eq!(copied.stopped, None);
    assert_eq!((get(at), put(at, 10), get(at)), (whole(9), Ok(()), whole(10)));
    assert_eq!(scene.show(&scene.shared, 0, false), None);
    assert_eq!(get(scene.shared.address()), whole(7));
}

#[test]
fn a_page_that_left_a_file_is_missing_everywhere() {
    let scene = Scene::new();
    scene.write(0, 7);
    assert_eq!(scene.show(&scene.shared, 0, false), None);
    assert_eq!(scene.show(&scene.copied, 0, true), None);
    assert_eq!(scene.file.discard(0), Ok(()));
    let gone = (Err(Errno::FAULT), Err(Errno::FAULT));
    assert_eq!((get(scene.shared.address()), get(scene.copied.address())), gone);
    scene.write(0, 8);
    assert_eq!((get(scene.shared.address()), get(scene.copied.address())), gone);
}

#[test]
fn poison_takes_a_place_whose_protection_was_let_go_first() {
    let scene = Scene::new();
    scene.write(0, 7);
    let at = scene.shared.address();
    assert_eq!(scene.show(&scene.shared, 0, true), None);
    assert_eq!(scene.shared.discard(0, PAGE_SIZE), Ok(()));
    assert_eq!(scene.uffd.poison(at, PAGE_SIZE).stopped, Some(Errno::EXIST), "its mark is kept");
    assert_eq!(scene.uffd.write_protect(at, PAGE_SIZE, false, false), Ok(()));
    assert_eq!(scene.uffd.poison(at, PAGE_SIZE).stopped, None);
    assert!(get(at).is_err());
    assert_eq!(scene.shared.discard(0, PAGE_SIZE), Ok(()));
    assert_eq!(scene.show(&scene.shared, 0, false), None);
    assert_eq!(get(at), whole(7));
}

#[test]
fn memory_that_a_file_was_mapped_over_is_the_reservations_own_again() {
    let scene = Scene::new();
    scene.write(0, 7);
    assert_eq!(scene.show(&scene.shared, 0, false), None);
    assert_eq!(scene.shared.unmap_file(0, ALL), Ok(()));
    let at = scene.shared.address();
    assert_eq!(get(at), Err(Errno::FAULT), "nobody may access it");
    assert_eq!(scene.uffd.register(at, ALL), Ok(()));
    assert_eq!(scene.shared.open(0, ALL, false), Ok(()));
    assert_eq!(get(at), Err(Errno::FAULT), "it is missing");
    assert_eq!(scene.uffd.zero_page(at, PAGE_SIZE).stopped, None);
    assert_eq!((get(at), put(at, 1), get(at)), (whole(0), Ok(()), whole(1)));
}
