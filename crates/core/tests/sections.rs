//! Sections: memory that several spaces, or several places of one, map.

#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod support;

use memtide_core::page::{Access, PAGE_SIZE, SectionId, SpaceId, ThreadId, Tick};
use memtide_core::snapshot::{FrameShape, PteView};
use memtide_core::{
    Allocation, Backing, Config, Exception, Input, IoError, ListCommand, MEM_RELEASE, PageState,
    PageUse, Refusal, SectionConfig, SpaceConfig, View,
};
use support::{Answer, Io, World, file_mark, quiet};

const PAGE: u64 = 4096;
const READ_ONLY: u32 = 0x02;
const READ_WRITE: u32 = 0x04;
const WRITE_COPY: u32 = 0x08;

fn world() -> World {
    World::new(Config::new(128).with_page_file(512, 512))
}

fn sections(world: &World) -> Vec<SectionId> {
    world.manager.snapshot().sections().map(|section| section.section).collect()
}

fn close(world: &mut World, section: SectionId) {
    world.call(|manager| manager.close_section(section)).expect("it is held");
}

fn unmap(world: &mut World, space: SpaceId, address: u64) {
    world.call(|manager| manager.unmap_view(space, address)).expect("it is mapped");
}

fn fail_reads(world: &mut World, error: u32) {
    world.faults = Box::new(move |io| match io {
        Io::Read(_) => Err(IoError(error)),
        _ => Ok(()),
    });
}

fn free_frames(world: &World) -> u32 {
    let lists = world.manager.list_counts();
    lists.zeroed + lists.free
}

#[test]
fn all_views_of_a_section_see_each_others_writes_through_trimming_and_page_out() {
    for backing in [Backing::PageFile, Backing::File] {
        let mut world = world();
        let (here, there) = (world.space(), world.space());
        let section = world.section(20, backing);
        let views = [
            (here, world.view(here, section, READ_WRITE)),
            (here, world.view(here, section, READ_WRITE)),
            (there, world.view(there, section, READ_WRITE)),
        ];
        for page in 0..20 {
            let begins_as = match backing {
                Backing::PageFile => 0,
                Backing::File => file_mark(section, page),
            };
            for (space, base) in views {
                assert_eq!(world.read(space, base + page * PAGE), Ok(begins_as));
            }
        }
        let steps: [fn(&mut World); 4] = [|_| (), World::trim, World::write_out, World::page_out];
        for (round, leave) in (1..).zip(steps) {
            for (page, (space, base)) in (0..20).zip(views.into_iter().cycle()) {
                world.write(space, base + page * PAGE, round * 100 + page).expect("a write");
            }
            leave(&mut world);
            for page in 0..20 {
                for (space, base) in views {
                    assert_eq!(world.read(space, base + page * PAGE), Ok(round * 100 + page));
                }
            }
        }
    }
}

#[test]
fn a_view_begins_at_its_offset_and_ends_with_its_size() {
    let mut world = world();
    let space = world.space();
    let section = world.section(40, Backing::File);
    let whole = world.view(space, section, READ_WRITE);
    let mut map = |offset, bytes, address| {
        let view = View { section, address, offset, bytes, protection: READ_WRITE };
        world.call(|manager| manager.map_view(space, &view))
    };
    let part = map(16 * PAGE, 3 * PAGE, 0).expect("a part");
    let rest = map(32 * PAGE, 0, 0).expect("the rest");
    let there = map(0, 1, 0x7000_0000);
    assert_eq!(there, Ok(0x7000_0000), "where it was asked for");
    assert_eq!(map(PAGE, 0, 0), Err(Refusal::MappedAlignment { value: PAGE }));
    let odd = 0x7100_0000 + PAGE;
    assert_eq!(map(0, 0, odd), Err(Refusal::MappedAlignment { value: odd }));
    for (offset, bytes) in [(32 * PAGE, 9 * PAGE), (48 * PAGE, 0), (48 * PAGE, 1), (0, u64::MAX)] {
        let refused = map(offset, bytes, 0).expect_err("past the end");
        assert!(matches!(refused, Refusal::InvalidViewSize { .. }), "{refused:?}");
    }
    let refused = map(0, 0, 0x7000_0000).expect_err("it is taken");
    assert!(matches!(refused, Refusal::ConflictingAddresses { .. }), "{refused:?}");

    world.write(space, part + 2 * PAGE, 5).expect("a write");
    world.write(space, whole + 39 * PAGE, 6).expect("a write");
    assert_eq!(world.read(space, whole + 18 * PAGE), Ok(5));
    assert_eq!(world.read(space, rest + 7 * PAGE), Ok(6));
    for past in [part + 3 * PAGE, rest + 8 * PAGE, 0x7000_0000 + PAGE] {
        let access = Access::Read;
        let violation = Exception::AccessViolation { address: past, access };
        assert_eq!(world.read(space, past), Err(violation));
    }
}

#[test]
fn views_may_do_no_more_than_their_section_allows() {
    let mut world = world();
    let space = world.space();
    let backing = Backing::File;
    let config = SectionConfig { bytes: PAGE, protection: READ_ONLY, backing, is_reserved: false };
    let section = world.call(|manager| manager.create_section(&config)).expect("a section");
    for refused in [READ_WRITE, 0x10, 0x20, 0x40, 0x80] {
        let view = View { section, address: 0, offset: 0, bytes: 0, protection: refused };
        let found = world.call(|manager| manager.map_view(space, &view));
        assert_eq!(found, Err(Refusal::SectionProtection { allowed: READ_ONLY, wanted: refused }));
    }
    let base = world.view(space, section, READ_ONLY);
    let violation = Exception::AccessViolation { address: base, access: Access::Write };
    assert_eq!(world.write(space, base, 1), Err(violation));
    assert!(world.call(|manager| manager.protect(space, base, PAGE, READ_WRITE)).is_err());
    assert_eq!(world.call(|m| m.protect(space, base, PAGE, WRITE_COPY)), Ok(READ_ONLY));
    assert_eq!(world.write(space, base, 1), Ok(()), "a private copy counts as reading");
    assert_eq!(world.read(space, base), Ok(1));
}

#[test]
fn a_reserved_section_is_committed_in_all_views_once_it_is_in_one() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let (bytes, backing) = (40 * PAGE, Backing::PageFile);
    let config = SectionConfig { bytes, protection: READ_WRITE, backing, is_reserved: true };
    let before = world.charged();
    let section = world.call(|manager| manager.create_section(&config)).expect("a section");
    let (one, other) = (world.view(here, section, 0x04), world.view(there, section, 0x04));
    assert_eq!(world.charged(), before, "nothing is promised yet");
    let address = other + 4 * PAGE;
    let violation = Exception::AccessViolation { address, access: Access::Read };
    assert_eq!(world.read(there, address), Err(violation));
    assert_eq!(world.pte(there, address), PteView::Zero);
    assert_eq!(world.page_use(there, address), Some(PageUse::Reserved));

    let commit = Allocation::commit_at(one + 4 * PAGE, 3 * PAGE);
    world.call(|manager| manager.allocate(here, &commit)).expect("committed");
    assert_eq!(world.charged(), before + 3);
    let again = Allocation::commit_at(other + 2 * PAGE, 4 * PAGE);
    world.call(|manager| manager.allocate(there, &again)).expect("committed");
    assert_eq!(world.charged(), before + 5, "what is committed is promised once");
    world.write(here, one + 4 * PAGE, 11).expect("committed here");
    world.page_out();
    assert_eq!(world.read(there, address), Ok(11));
    assert_eq!(world.read(there, other + 6 * PAGE), Ok(0));
    let seen = world.manager.query(there, other + 2 * PAGE).expect("a view");
    assert_eq!(seen.bytes, 5 * PAGE, "committed through one view or the other");
    let past = other + 7 * PAGE;
    let violation = Exception::AccessViolation { address: past, access: Access::Read };
    assert_eq!(world.read(there, past), Err(violation));

    unmap(&mut world, here, one);
    unmap(&mut world, there, other);
    assert_eq!(world.charged(), before + 5, "the section keeps what it was promised");
    close(&mut world, section);
    assert_eq!(world.charged(), before);
}

#[test]
fn the_first_write_to_a_copy_on_write_page_makes_a_private_copy() {
    for backing in [Backing::PageFile, Backing::File] {
        let mut world = world();
        let (owner, one, other) = (world.space(), world.space(), world.space());
        let section = world.section(3, backing);
        let original = world.view(owner, section, READ_WRITE);
        world.write(owner, original + PAGE, 7).expect("a write");
        let (first, second) = (world.view(one, section, 0x08), world.view(one, section, 0x08));
        let third = world.view(other, section, WRITE_COPY);
        for (space, view) in [(one, first), (one, second), (other, third)] {
            assert_eq!(world.read(space, view + PAGE), Ok(7));
        }
        assert_eq!(world.share_count(owner, original + PAGE), 4);
        world.write(one, first + PAGE, 8).expect("a copy");
        assert_eq!(world.share_count(owner, original + PAGE), 3);
        assert_eq!(world.manager.counters().copy_on_write, 1);
        // Without having read it before: one fault that does both, counted as the first.
        world.write(other, third + 2 * PAGE, 9).expect("a copy");
        assert_eq!(world.manager.counters().copy_on_write, 1);

        let steps: [fn(&mut World); 4] = [|_| (), World::trim, World::write_out, World::page_out];
        for leave in steps {
            leave(&mut world);
            let third_page = world.read(owner, original + 2 * PAGE);
            assert_ne!(third_page, Ok(9));
            for (space, view, expected) in
                [(owner, original, 7), (one, first, 8), (one, second, 7), (other, third, 7)]
            {
                assert_eq!(world.read(space, view + PAGE), Ok(expected));
            }
            assert_eq!(world.read(other, third + 2 * PAGE), Ok(9));
            assert_eq!(world.read(one, first + 2 * PAGE), third_page);
        }
        // The owner still writes to what the others see, and not to the copies.
        world.write(owner, original + PAGE, 10).expect("a write");
        world.page_out();
        assert_eq!(world.read(one, first + PAGE), Ok(8));
        assert_eq!(world.read(one, second + PAGE), Ok(10));
        assert_eq!(world.read(other, third + PAGE), Ok(10));
        let written: Vec<u64> = world.files.values().copied().collect();
        let file_backed = backing == Backing::File;
        assert_eq!(written, if file_backed { vec![10] } else { vec![] }, "no copy in the file");
    }
}

#[test]
fn a_copied_page_reads_as_read_write_and_keeps_what_it_may_execute() {
    let mut world = world();
    let space = world.space();
    let section = world.section(3, Backing::File);
    for (constant, after) in [(WRITE_COPY, READ_WRITE), (0x80, 0x40)] {
        let base = world.view(space, section, constant);
        world.write(space, base + PAGE, 1).expect("a copy");
        let protections = [0, 1, 2].map(|page| world.protection(space, base + page * PAGE));
        assert_eq!(protections, [Some(constant), Some(after), Some(constant)]);
        let executes = constant == 0x80;
        for page in 0..2 {
            let executed = world.access(space, base + page * PAGE, Access::Execute);
            assert_eq!(executed.is_ok(), executes, "page {page} of {constant:#x}");
        }
        // A copy is private for good, whatever its protection becomes.
        world.call(|m| m.protect(space, base + PAGE, PAGE, READ_ONLY)).expect("committed");
        world.call(|m| m.protect(space, base + PAGE, PAGE, WRITE_COPY)).expect("committed");
        world.write(space, base + PAGE, 2).expect("a write to the copy");
        assert_eq!(world.protection(space, base + PAGE), Some(READ_WRITE));
        world.page_out();
        assert_eq!(world.read(space, base + PAGE), Ok(2));
    }
    assert!(world.files.is_empty());
}

#[test]
fn copies_are_promised_when_they_become_possible_and_only_once() {
    let mut world = world();
    let space = world.space();
    let section = world.section(30, Backing::File);
    assert_eq!(world.charged(), 0, "a file's pages are its own");
    let copies = world.view(space, section, WRITE_COPY);
    assert_eq!(world.charged(), 30);
    for page in 0..30 {
        world.write(space, copies + page * PAGE, page).expect("a copy");
    }
    assert_eq!(world.charged(), 30);
    let reads = world.view(space, section, READ_ONLY);
    assert_eq!(world.charged(), 30);
    for _ in 0..2 {
        world.call(|m| m.protect(space, reads, PAGE, WRITE_COPY)).expect("promised");
        assert_eq!(world.charged(), 60);
    }
    unmap(&mut world, space, copies);
    unmap(&mut world, space, reads);
    assert_eq!(world.charged(), 0);

    let large = world.section(700, Backing::File);
    let view = View { section: large, address: 0, offset: 0, bytes: 0, protection: WRITE_COPY };
    let pools = |world: &World| {
        memtide_core::PoolKind::ALL.map(|kind| world.manager.snapshot().pool(kind).used)
    };
    let before = pools(&world);
    let refused = world.call(|manager| manager.map_view(space, &view));
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    assert_eq!((world.charged(), pools(&world)), (0, before));
}

#[test]
fn the_share_count_is_the_number_of_ptes_that_map_a_frame() {
    let mut world = world();
    let section = world.section(1, Backing::PageFile);
    let spaces = [world.space(), world.space(), world.space()];
    let bases = spaces.map(|space| world.view(space, section, READ_WRITE));
    for (count, (space, base)) in (1..).zip(spaces.into_iter().zip(bases)) {
        world.write(space, base, u64::from(count)).expect("a write");
        assert_eq!(world.share_count(space, base), count);
    }
    // The first goes: the frame stays, for the others.
    world.call(|manager| manager.empty_working_set(spaces[0])).expect("a space");
    assert_eq!(world.share_count(spaces[1], bases[1]), 2);
    unmap(&mut world, spaces[2], bases[2]);
    assert_eq!(world.share_count(spaces[1], bases[1]), 1);
    world.call(|manager| manager.empty_working_set(spaces[1])).expect("a space");
    let frame = world.frame_of(spaces[0], bases[0]);
    assert_eq!(frame.state, PageState::Modified, "the last sharer is gone");
    assert_eq!(frame.reference_count, 0);
    assert_eq!(world.read(spaces[0], bases[0]), Ok(3));
    assert_eq!(world.share_count(spaces[0], bases[0]), 1);
}

#[test]
fn the_walk_follows_a_prototype_pte_to_wherever_the_page_is() {
    for backing in [Backing::PageFile, Backing::File] {
        let mut world = world();
        let space = world.space();
        let section = world.section(2, backing);
        let base = world.view(space, section, READ_WRITE);
        let address = base + PAGE;
        let begins = world.prototype(space, address).expect("the PTE refers to the section");
        match backing {
            Backing::PageFile => assert!(matches!(begins, PteView::DemandZero(_))),
            Backing::File => assert_eq!(begins, PteView::File { section, page: 1 }),
        }
        assert_eq!(world.pte(space, address), PteView::Prototype { section, page: 1 });
        world.write(space, address, 4).expect("a write");
        let frame = world.frame(space, address);
        let walk = world.manager.snapshot().walk(space, address + 5).expect("a space");
        assert!(matches!(walk.pte, PteView::Valid { is_shared: true, .. }), "{walk:?}");
        assert_eq!(walk.physical, Some(u64::from(frame.0) * PAGE + 5));
        assert_eq!(walk.prototype, None);
        let PteView::Valid { frame: prototype, .. } =
            world.manager.snapshot().prototype(section, 1)
        else {
            panic!("the prototype PTE is not valid")
        };
        assert_eq!(prototype, frame);
        world.trim();
        assert_eq!(world.pte(space, address), PteView::Prototype { section, page: 1 });
        assert_eq!(world.prototype(space, address), Some(PteView::Transition { frame }));
        world.page_out();
        match (backing, world.prototype(space, address)) {
            (Backing::PageFile, Some(PteView::PageFile(_))) => {}
            (Backing::File, Some(PteView::File { page: 1, .. })) => {}
            (_, other) => panic!("{backing:?}: {other:?}"),
        }
    }
}

#[test]
fn views_outlive_the_handle_and_the_last_one_ends_the_section() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let before = world.charged();
    let section = world.section(4, Backing::PageFile);
    let (one, other) = (world.view(here, section, 0x04), world.view(there, section, 0x04));
    assert_eq!(world.charged(), before + 4);
    world.write(here, one, 3).expect("a write");
    close(&mut world, section);
    let gone = Refusal::NoSuch { what: "section", number: u64::from(section.0) };
    let view = View { section, address: 0, offset: 0, bytes: 0, protection: READ_WRITE };
    assert_eq!(world.call(|manager| manager.map_view(here, &view)), Err(gone));
    assert_eq!(world.call(|manager| manager.close_section(section)), Err(gone));
    world.page_out();
    assert_eq!(world.read(there, other), Ok(3), "the views go on");
    unmap(&mut world, here, one);
    assert_eq!(world.read(there, other), Ok(3));
    assert_eq!(sections(&world), [section]);
    unmap(&mut world, there, other);
    assert!(sections(&world).is_empty());
    assert_eq!(world.charged(), before);
    assert_eq!(free_frames(&world), 128);
    assert_eq!(world.manager.snapshot().page_files().map(|file| file.used).sum::<u32>(), 0);
}

#[test]
fn a_section_without_views_keeps_its_pages_for_the_next_view() {
    let mut world = world();
    let space = world.space();
    let section = world.section(2, Backing::PageFile);
    let base = world.view(space, section, READ_WRITE);
    world.write(space, base, 3).expect("a write");
    unmap(&mut world, space, base);
    world.page_out();
    let base = world.view(space, section, READ_WRITE);
    assert_eq!(world.read(space, base), Ok(3));
}

#[test]
fn dirty_pages_of_a_file_are_written_before_their_section_ends() {
    for failures in [0, 1, 5] {
        let mut world = world();
        let space = world.space();
        let section = world.section(6, Backing::File);
        let base = world.view(space, section, READ_WRITE);
        for page in [0, 1, 4] {
            world.write(space, base + page * PAGE, 60 + page).expect("a write");
        }
        let mut left = failures;
        world.faults = Box::new(move |io| match io {
            Io::Write(_) if left > 0 => {
                left -= 1;
                Err(IoError(5))
            }
            _ => Ok(()),
        });
        close(&mut world, section);
        unmap(&mut world, space, base);
        assert_eq!(sections(&world), [section], "it cannot end yet");
        world.complete_all();
        world.pass(Tick(5 * Tick::SECOND.0));
        world.complete_all();
        assert!(sections(&world).is_empty(), "{failures} failures");
        let written: Vec<_> = world.files.iter().map(|(key, value)| (key.1, *value)).collect();
        assert_eq!(written, [(0, 60), (1, 61), (4, 64)], "{failures} failures");
        assert_eq!(free_frames(&world), 128);
    }
}

#[test]
fn dirty_pages_of_a_file_are_written_where_private_pages_have_nowhere_to_go() {
    // No page file: the private pages stand at the head of the modified list for ever.
    let mut world = World::new(Config::new(128));
    let space = world.space();
    let private = world.committed(space, 20);
    for page in 0..20 {
        world.write(space, private + page * PAGE, page).expect("a write");
    }
    world.trim();
    let section = world.section(3, Backing::File);
    let base = world.view(space, section, READ_WRITE);
    world.write(space, base + PAGE, 9).expect("a write");
    world.write_out();
    assert_eq!(world.files.get(&(section, 1)), Some(&9));
    assert_eq!(world.manager.list_counts().modified, 20);
    world.write(space, base + PAGE, 10).expect("a write");
    close(&mut world, section);
    unmap(&mut world, space, base);
    world.complete_all();
    assert!(sections(&world).is_empty());
    assert_eq!(world.files.get(&(section, 1)), Some(&10));
    for page in 0..20 {
        assert_eq!(world.read(space, private + page * PAGE), Ok(page));
    }
}

#[test]
fn writes_that_are_held_back_wait_on_a_list_of_their_own() {
    let mut world = world();
    let space = world.space();
    let section = world.section(4, Backing::File);
    let base = world.view(space, section, READ_WRITE);
    world.write(space, base, 1).expect("a write");
    world.trim();
    world.call(|manager| manager.hold_writes(section)).expect("held");
    world.write(space, base + PAGE, 2).expect("a write");
    world.write_out();
    assert!(world.files.is_empty());
    let lists = world.manager.list_counts();
    assert_eq!((lists.modified, lists.modified_no_write), (0, 2));
    assert_eq!(world.read(space, base), Ok(1));
    world.call(|manager| manager.release_writes(section)).expect("held");
    world.write_out();
    assert_eq!(world.files.values().copied().collect::<Vec<_>>(), [1, 2]);

    // A section that ends while its writes are held lets them go first.
    world.write(space, base + PAGE, 3).expect("a write");
    world.call(|manager| manager.hold_writes(section)).expect("held");
    close(&mut world, section);
    unmap(&mut world, space, base);
    world.complete_all();
    assert!(sections(&world).is_empty());
    assert_eq!(world.files.get(&(section, 1)), Some(&3));
}

#[test]
fn a_read_error_reaches_every_thread_that_waits_and_the_next_access_reads_again() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let section = world.section(8, Backing::File);
    let (one, other) = (world.view(here, section, 0x04), world.view(there, section, 0x04));
    fail_reads(&mut world, 5);
    assert_eq!(world.begin(ThreadId(1), here, one, Access::Read), None);
    assert_eq!(world.begin(ThreadId(2), there, other, Access::Write), None);
    assert_eq!(world.manager.counters().collided, 1);
    world.complete_all();
    for (thread, address) in [(1, one), (2, other)] {
        let raised = Answer::Raised(Exception::InPage { address, error: IoError(5) });
        assert_eq!(world.answers.remove(&ThreadId(thread)), Some(raised));
    }
    assert_eq!(free_frames(&world), 128, "a failed read keeps no frame");
    world.faults = Box::new(|_| Ok(()));
    assert_eq!(world.read(here, one), Ok(file_mark(section, 0)));
}

#[test]
fn one_bad_page_of_a_cluster_does_not_fail_its_neighbours() {
    let mut world = world();
    let space = world.space();
    let section = world.section(32, Backing::File);
    let base = world.view(space, section, READ_ONLY);
    for page in 0..4 {
        world.read(space, base + page * PAGE).expect("a stream begins");
    }
    // Whatever more than one page reads fails, as if one of them were bad.
    let address = base + 4 * PAGE;
    if world.begin(ThreadId(1), space, address, Access::Read).is_none() {
        assert_eq!(world.pending.len(), 1);
        world.complete_with(0, Err(IoError(5)));
        assert_eq!(world.pending.len(), 1, "the page alone is tried again");
        world.complete_all();
        assert_eq!(world.answers.remove(&ThreadId(1)), Some(Answer::Resumed));
    }
    assert_eq!(world.read(space, address), Ok(file_mark(section, 4)));
    for page in 0..32 {
        assert_eq!(world.read(space, base + page * PAGE), Ok(file_mark(section, page)));
    }
}

#[test]
fn any_address_of_a_view_names_it_and_nothing_else_does() {
    let mut world = world();
    let space = world.space();
    let section = world.section(20, Backing::PageFile);
    for inside in [0, 1, 7 * PAGE + 9, 20 * PAGE - 1] {
        let base = world.view(space, section, READ_WRITE);
        world.write(space, base, 1).expect("a write");
        let past = base + 20 * PAGE;
        let refused = world.call(|manager| manager.unmap_view(space, past));
        assert_eq!(refused, Err(Refusal::NotMappedView { address: past }));
        let refused = world.call(|manager| manager.free(space, base, 0, MEM_RELEASE));
        assert!(matches!(refused, Err(Refusal::WrongKind { .. })), "{refused:?}");
        unmap(&mut world, space, base + inside);
        let access = Access::Read;
        let violation = Exception::AccessViolation { address: base, access };
        assert_eq!(world.read(space, base), Err(violation));
    }
    let private = world.committed(space, 1);
    let refused = world.call(|manager| manager.unmap_view(space, private));
    assert_eq!(refused, Err(Refusal::NotMappedView { address: private }));
}

#[test]
fn a_section_may_end_while_its_pages_are_read() {
    for closes_first in [false, true] {
        let mut world = world();
        let space = world.space();
        let section = world.section(8, Backing::File);
        let base = world.view(space, section, READ_WRITE);
        assert_eq!(world.begin(ThreadId(1), space, base, Access::Write), None);
        if closes_first {
            close(&mut world, section);
        }
        unmap(&mut world, space, base);
        if !closes_first {
            close(&mut world, section);
        }
        assert!(sections(&world).is_empty(), "nothing of it is unwritten");
        // Its number may be given out again while the read still runs.
        let next = world.section(8, Backing::File);
        let view = world.view(space, next, READ_ONLY);
        world.complete_all();
        let violation = Exception::AccessViolation { address: base, access: Access::Write };
        let answer = world.answers.remove(&ThreadId(1));
        if view == base {
            assert!(matches!(answer, Some(Answer::Raised(_))), "the new view is read-only");
        } else {
            assert_eq!(answer, Some(Answer::Raised(violation)));
        }
        assert_eq!(world.read(space, view), Ok(file_mark(next, 0)));
        unmap(&mut world, space, view);
        close(&mut world, next);
        assert_eq!(free_frames(&world), 128);
    }
}

#[test]
fn a_page_that_is_read_stays_with_a_section_whose_view_goes() {
    let mut world = world();
    let space = world.space();
    let section = world.section(8, Backing::File);
    let base = world.view(space, section, READ_WRITE);
    assert_eq!(world.begin(ThreadId(1), space, base, Access::Read), None);
    unmap(&mut world, space, base);
    world.complete_all();
    assert!(matches!(world.answers.remove(&ThreadId(1)), Some(Answer::Raised(_))));
    let again = world.view(space, section, READ_WRITE);
    let frame = world.frame_of(space, again);
    assert_eq!(frame.state, PageState::Standby);
    let reads = world.manager.counters().reads;
    assert_eq!(world.read(space, again), Ok(file_mark(section, 0)));
    assert_eq!(world.manager.counters().reads, reads, "it is still in memory");
}

#[test]
fn a_destroyed_space_gives_its_views_back_and_loses_nothing() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let shared = world.section(4, Backing::PageFile);
    let filed = world.section(4, Backing::File);
    let views = [shared, filed].map(|section| world.view(here, section, READ_WRITE));
    let other = world.view(there, shared, READ_WRITE);
    let copies = world.view(here, shared, WRITE_COPY);
    world.write(here, views[0], 5).expect("a write");
    world.write(here, views[1], 6).expect("a write");
    world.write(here, copies + PAGE, 7).expect("a copy");
    for section in [shared, filed] {
        close(&mut world, section);
    }
    assert_eq!(world.begin(ThreadId(1), here, views[1] + 2 * PAGE, Access::Read), None);
    world.call(|manager| manager.destroy_space(here)).expect("a space");
    world.complete_all();
    assert!(matches!(world.answers.remove(&ThreadId(1)), Some(Answer::Raised(_))));
    assert_eq!(world.files.get(&(filed, 0)), Some(&6), "written before the section ended");
    assert_eq!(sections(&world), [shared]);
    world.page_out();
    assert_eq!(world.read(there, other), Ok(5));
    assert_eq!(world.read(there, other + PAGE), Ok(0));
    world.call(|manager| manager.destroy_space(there)).expect("a space");
    assert!(sections(&world).is_empty());
    assert_eq!((world.charged(), free_frames(&world)), (0, 128));
}

#[test]
fn a_shared_page_that_is_lost_takes_no_private_copy_with_it() {
    let mut world = world();
    let (here, there) = (world.space(), world.space());
    let section = world.section(2, Backing::File);
    let original = world.view(here, section, READ_ONLY);
    let copy = world.view(there, section, WRITE_COPY);
    world.write(there, copy, 1).expect("a copy");
    // The copy has a copy of its own in the page file, and is newer than that.
    world.page_out();
    world.write(there, copy, 2).expect("a write");
    world.read(here, original).expect("a read");
    let frame = world.frame(here, original);
    world.input(Input::Lost { frame, error: IoError(9) });
    let lost = Exception::InPage { address: original, error: IoError(9) };
    assert_eq!(world.read(here, original), Err(lost));
    assert!(world.manager.touch(there, copy, Access::Read), "the copy is where it was");
    world.page_out();
    assert_eq!(world.read(there, copy), Ok(2));
}

#[test]
fn a_view_needs_no_frames_until_it_is_touched_and_shares_those_it_has() {
    let mut world = world();
    let spaces: Vec<SpaceId> = (0..8).map(|_| world.space()).collect();
    let section = world.section(16, Backing::PageFile);
    let bases: Vec<u64> =
        spaces.iter().map(|space| world.view(*space, section, READ_WRITE)).collect();
    assert_eq!(free_frames(&world), 128);
    for (space, base) in spaces.iter().zip(&bases) {
        for page in 0..16 {
            world.write(*space, base + page * PAGE, page).expect("a write");
        }
    }
    assert_eq!(free_frames(&world), 128 - 16);
    let view = world.manager.snapshot().sections().next().expect("a section");
    assert_eq!((view.resident, view.views, view.charge), (16, 8, 16));
    let shapes = bases.iter().zip(&spaces).map(|(base, space)| world.frame_of(*space, *base).shape);
    for shape in shapes {
        assert!(matches!(shape, FrameShape::Active { share_count: 8, .. }), "{shape:?}");
    }
}

#[test]
fn sections_of_no_size_and_of_no_access_are_refused() {
    let mut world = world();
    let backing = Backing::PageFile;
    let mut create = |bytes, protection, backing, is_reserved| {
        let config = SectionConfig { bytes, protection, backing, is_reserved };
        world.call(|manager| manager.create_section(&config))
    };
    for (bytes, backing, is_reserved) in
        [(0, backing, false), (PAGE, Backing::File, true), (u64::MAX, backing, false)]
    {
        let refused = create(bytes, READ_WRITE, backing, is_reserved);
        assert!(matches!(refused, Err(Refusal::InvalidParameter { .. })), "{refused:?}");
    }
    for constant in [0x01, 0x104, 0, 3] {
        let refused = create(PAGE, constant, backing, false);
        assert_eq!(refused, Err(Refusal::InvalidPageProtection { constant }));
    }
    let refused = create(641 * PAGE, READ_WRITE, backing, false);
    assert!(matches!(refused, Err(Refusal::CommitmentLimit { .. })), "{refused:?}");
    assert_eq!(create(641 * PAGE, READ_WRITE, Backing::File, false), Ok(SectionId(0)));
    assert_eq!(create(640 * PAGE, 0x04, backing, true), Ok(SectionId(1)));
    let space = world.call(|m| m.create_space(SpaceConfig::default())).expect("a space");
    assert_eq!(world.manager.command(ListCommand::EmptyWorkingSets), 0);
    let view = View { section: SectionId(7), address: 0, offset: 0, bytes: 0, protection: 2 };
    let refused = world.call(|manager| manager.map_view(space, &view));
    assert_eq!(refused, Err(Refusal::NoSuch { what: "section", number: 7 }));
}

#[test]
fn a_failed_read_is_told_to_nobody_at_whose_address_another_page_lies_by_now() {
    let mut world = World::new(quiet(64));
    let space = world.space();
    let section = world.section(17, Backing::File);
    let view = |offset| View { section, address: 0, offset, bytes: PAGE_SIZE, protection: 0x02 };
    let last = world.call(|manager| manager.map_view(space, &view(16 * PAGE_SIZE)));
    let base = last.expect("a view");
    assert_eq!(world.begin(ThreadId(0), space, base, Access::Read), None);
    world.call(|manager| manager.unmap_view(space, base)).expect("a view");
    let first = world.call(|manager| manager.map_view(space, &view(0)));
    assert_eq!(first, Ok(base), "the other page lies at the same address");
    world.complete_with(0, Err(IoError(5)));
    assert_eq!(world.answers.get(&ThreadId(0)), None, "it waits for the page that it wants now");
    world.complete_all();
    assert_eq!(world.answers.remove(&ThreadId(0)), Some(Answer::Resumed));
    assert_eq!(world.read(space, base), Ok(file_mark(section, 0)));
}
