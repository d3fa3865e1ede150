use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use proptest::prelude::*;

/// The frames in the order in which they came, and what lies in each.
#[derive(Default)]
struct Model {
    /// Number of the frame, size of its places in bytes.
    frames: Vec<(u32, u32)>,
    /// Frame and offset: entry.
    entries: BTreeMap<(u32, u16), u32>,
    next_entry: u32,
}

fn rounded(size: u16) -> u32 {
    let places = CAPACITIES.map(|capacity| 4096 / capacity);
    places.into_iter().filter(|bytes| u32::from(size) <= *bytes).min().unwrap()
}

impl Model {
    fn entries_in(&self, frame: u32) -> Vec<u32> {
        let range = (frame, 0)..=(frame, u16::MAX);
        self.entries.range(range).map(|(_, entry)| *entry).collect()
    }

    fn has_room(&self, size: u16) -> bool {
        let bytes = rounded(size);
        let is_open = |frame: u32| self.entries_in(frame).len() < (4096 / bytes) as usize;
        self.frames.iter().any(|(frame, of)| *of == bytes && is_open(*frame))
    }

    fn place(&mut self, placement: &mut Placement, size: u16, spare: &mut BTreeSet<u32>) {
        assert_eq!(placement.needs_frame(size), !self.has_room(size));
        if placement.needs_frame(size) {
            assert_eq!(placement.place(size, 0), None);
            let frame = spare.pop_first().unwrap();
            placement.add_frame(size, frame);
            self.frames.push((frame, rounded(size)));
            placement.verify().unwrap();
        }
        let place = placement.place(size, self.next_entry).unwrap();
        assert!(self.frames.contains(&(place.frame, rounded(size))), "{place:?} for {size}");
        let start = u32::from(place.offset);
        assert_eq!(start % rounded(size), 0, "{place:?} for {size}");
        assert!(start + u32::from(size) <= 4096, "{place:?} for {size}");
        let before = self.entries.insert((place.frame, place.offset), self.next_entry);
        assert_eq!(before, None, "{place:?} was taken");
        self.next_entry += 1;
    }

    fn remove(&mut self, placement: &mut Placement, index: usize, spare: &mut BTreeSet<u32>) {
        let index = index % self.entries.len().max(1);
        let Some((frame, offset)) = self.entries.keys().nth(index).copied() else { return };
        self.entries.remove(&(frame, offset));
        let emptied = self.entries_in(frame).is_empty().then_some(frame);
        assert_eq!(placement.remove(Place { frame, offset }), emptied);
        if emptied.is_some() {
            self.frames.retain(|(held, _)| *held != frame);
            assert!(spare.insert(frame), "{frame} came back twice");
        }
    }

    fn check(&self, placement: &Placement) {
        placement.verify().unwrap();
        assert_eq!(placement.frames() as usize, self.frames.len());
        assert_eq!(placement.entries() as usize, self.entries.len());
        assert_eq!(placement.oldest_frame(), self.frames.first().map(|(frame, _)| *frame));
        let mut bytes = 0;
        for (frame, of) in &self.frames {
            let entries = self.entries_in(*frame);
            bytes += u64::from(*of) * entries.len() as u64;
            assert_eq!(placement.entries_in(*frame).collect::<Vec<_>>(), entries);
        }
        assert_eq!(placement.bytes(), bytes);
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Place(u16),
    Remove(usize),
    RemoveFrame(usize),
}

fn any_operation() -> impl Strategy<Value = Operation> {
    // Few sizes, so that classes fill, and all sizes, so that none is forgotten.
    let sizes = prop_oneof![
        3 => prop_oneof![Just(100_u16), Just(700), Just(1300), Just(2048), Just(4096)],
        1 => 1..=4096_u16,
    ];
    prop_oneof![
        6 => sizes.prop_map(Operation::Place),
        4 => any::<usize>().prop_map(Operation::Remove),
        1 => any::<usize>().prop_map(Operation::RemoveFrame),
    ]
}

proptest! {
    #[test]
    fn the_frames_agree_with_a_map_of_places(
        operations in proptest::collection::vec(any_operation(), 1..250),
    ) {
        let mut placement = Placement::new();
        let mut model = Model::default();
        let mut spare: BTreeSet<u32> = (0..300).map(|index| index * 77_777).collect();
        for operation in &operations {
            match *operation {
                Operation::Place(size) => model.place(&mut placement, size, &mut spare),
                Operation::Remove(index) => model.remove(&mut placement, index, &mut spare),
                Operation::RemoveFrame(index) => {
                    let count = model.frames.len().max(1);
                    let frame = model.frames.get(index % count).map(|(frame, _)| *frame);
                    let range = |frame| (frame, 0)..=(frame, u16::MAX);
                    while let Some(at) = frame.and_then(|frame| {
                        let first = *model.entries.range(range(frame)).next()?.0;
                        model.entries.keys().position(|key| *key == first)
                    }) {
                        model.remove(&mut placement, at, &mut spare);
                        model.check(&placement);
                    }
                }
            }
            model.check(&placement);
        }
        // Whatever happened, every frame comes back once its entries are gone.
        while !model.entries.is_empty() {
            model.remove(&mut placement, 0, &mut spare);
        }
        model.check(&placement);
        prop_assert_eq!(spare.len(), 300);
        prop_assert_eq!((placement.frames(), placement.entries(), placement.bytes()), (0, 0, 0));
    }
}

#[test]
fn a_frame_holds_as_many_places_as_fit() {
    for size in 1..=4096_u16 {
        let mut placement = Placement::new();
        placement.add_frame(size, 7);
        let mut offsets = Vec::new();
        while let Some(place) = placement.place(size, 1) {
            offsets.push(u32::from(place.offset));
        }
        let count = 4096 / rounded(size);
        assert_eq!(offsets, (0..count).map(|place| place * rounded(size)).collect::<Vec<_>>());
        assert!(placement.needs_frame(size));
        assert_eq!(placement.bytes(), u64::from(count * rounded(size)));
    }
}

#[test]
fn a_place_is_filled_again_before_a_frame_is_needed() {
    let mut placement = Placement::new();
    placement.add_frame(1000, 1);
    let places: Vec<Place> = (0..4).map(|entry| placement.place(1000, entry).unwrap()).collect();
    assert!(placement.needs_frame(1000));
    assert_eq!(placement.remove(places[2]), None);
    assert!(!placement.needs_frame(1000) && placement.needs_frame(1025));
    assert_eq!(placement.place(900, 9), Some(places[2]));
    assert_eq!(placement.entries_in(1).collect::<Vec<_>>(), [0, 1, 9, 3]);
}

#[test]
fn a_used_frame_with_room_goes_before_a_new_one() {
    let mut placement = Placement::new();
    for frame in [1, 2] {
        placement.add_frame(2048, frame);
        placement.place(2048, 0);
        placement.place(2048, 0);
    }
    placement.remove(Place { frame: 1, offset: 0 });
    assert_eq!(placement.place(2048, 5), Some(Place { frame: 1, offset: 0 }));
    assert_eq!(placement.oldest_frame(), Some(1));
}

#[test]
fn a_frame_that_comes_back_is_the_youngest() {
    let mut placement = Placement::new();
    let mut places = Vec::new();
    for frame in [1, 2, 3] {
        placement.add_frame(4096, frame);
        places.push(placement.place(4096, frame).unwrap());
    }
    assert_eq!(placement.remove(places[0]), Some(1));
    placement.add_frame(128, 1);
    assert_eq!(placement.oldest_frame(), Some(2));
    assert_eq!(placement.entries_in(1).count(), 0);
    placement.remove(places[1]);
    placement.remove(places[2]);
    assert_eq!(placement.oldest_frame(), Some(1));
    placement.verify().unwrap();
}

#[test]
fn a_steady_state_allocates_nothing() {
    let mut placement = Placement::new();
    let mut room = Vec::new();
    for round in 0..50 {
        let mut places = Vec::new();
        for frame in 0..64 {
            placement.add_frame(1024, frame);
            places.extend((0..4).map(|entry| placement.place(1024, entry).unwrap()));
        }
        let class = &placement.classes[class_of(1024) as usize];
        room.push((
            placement.slabs.len(),
            class.entries.len(),
            placement.slab_of.allocation_size(),
        ));
        // The map of frames may grow once more when what was removed has left its marks.
        assert!(round < 10 || room[9] == room[round], "round {round}: {room:?}");
        let back: Vec<u32> = places.into_iter().filter_map(|p| placement.remove(p)).collect();
        assert_eq!(back, (0..64).collect::<Vec<_>>());
    }
}

#[test]
fn a_frame_that_is_not_the_stores_has_no_entries() {
    assert_eq!(Placement::default().entries_in(3).count(), 0);
}

fn one_place() -> Placement {
    let mut placement = Placement::new();
    placement.add_frame(1024, 3);
    placement.place(1024, 0);
    placement
}

#[test]
#[should_panic(expected = "nothing lies at Place { frame: 4, offset: 0 }")]
fn removing_from_a_strange_frame_is_a_bug() {
    one_place().remove(Place { frame: 4, offset: 0 });
}

#[test]
#[should_panic(expected = "nothing lies at Place { frame: 3, offset: 1024 }")]
fn removing_what_was_never_placed_is_a_bug() {
    one_place().remove(Place { frame: 3, offset: 1024 });
}

#[test]
#[should_panic(expected = "nothing lies at Place { frame: 3, offset: 128 }")]
fn removing_from_inside_a_place_is_a_bug() {
    one_place().remove(Place { frame: 3, offset: 128 });
}

#[test]
#[should_panic(expected = "nothing lies at Place { frame: 3, offset: 65408 }")]
fn removing_from_behind_the_frame_is_a_bug() {
    one_place().remove(Place { frame: 3, offset: 65408 });
}

#[test]
#[should_panic(expected = "frame 3 was given to the store twice")]
fn giving_a_frame_twice_is_a_bug() {
    one_place().add_frame(64, 3);
}

#[test]
#[should_panic(expected = "0 bytes are not a compressed page")]
fn an_empty_page_is_a_bug() {
    let _ = Placement::new().needs_frame(0);
}
