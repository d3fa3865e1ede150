use super::*;
use alloc::collections::{BTreeMap, BTreeSet};
use proptest::prelude::*;

const OWNER: PteAddress = PteAddress(7);

/// Frame, offset and bytes.
fn at(placement: &Placement, place: Place) -> (u32, u16, u16) {
    match placement.stored_at(place) {
        Stored::Bytes { frame, offset, bytes } => (frame.0, offset, bytes),
        Stored::Same(word) => panic!("{place:?} is {word}"),
    }
}

/// The frames in the order in which they came, and what lies in each.
#[derive(Default)]
struct Model {
    /// Number of the frame, size of its places in bytes.
    frames: Vec<(u32, u32)>,
    /// Frame and offset: place, bytes and owner.
    entries: BTreeMap<(u32, u16), (Place, u16, PteAddress)>,
    next_owner: u64,
}

fn rounded(size: u16) -> u32 {
    let places = CAPACITIES.map(|capacity| 4096 / capacity);
    places.into_iter().filter(|bytes| u32::from(size) <= *bytes).min().unwrap()
}

impl Model {
    fn places_in(&self, frame: u32) -> Vec<Place> {
        let range = (frame, 0)..=(frame, u16::MAX);
        self.entries.range(range).map(|(_, (place, ..))| *place).collect()
    }

    fn has_room(&self, size: u16) -> bool {
        let bytes = rounded(size);
        let is_open = |frame: u32| self.places_in(frame).len() < (4096 / bytes) as usize;
        self.frames.iter().any(|(frame, of)| *of == bytes && is_open(*frame))
    }

    fn place(&mut self, placement: &mut Placement, size: u16, spare: &mut BTreeSet<u32>) {
        assert_eq!(placement.needs_frame(size), !self.has_room(size));
        if placement.needs_frame(size) {
            assert_eq!(placement.place(size, OWNER), None);
            let frame = spare.pop_first().unwrap();
            placement.add_frame(size, Pfn(frame));
            self.frames.push((frame, rounded(size)));
            placement.verify().unwrap();
        }
        let owner = PteAddress(self.next_owner);
        self.next_owner += 1;
        let place = placement.place(size, owner).unwrap();
        let (frame, offset, bytes) = at(placement, place);
        assert_eq!((bytes, placement.owner(place)), (size, owner));
        assert!(self.frames.contains(&(frame, rounded(size))), "{place:?} for {size}");
        let start = u32::from(offset);
        assert_eq!(start % rounded(size), 0, "{place:?} for {size}");
        assert!(start + u32::from(size) <= 4096, "{place:?} for {size}");
        let before = self.entries.insert((frame, offset), (place, size, owner));
        assert_eq!(before, None, "{place:?} was taken");
    }

    fn remove(&mut self, placement: &mut Placement, index: usize, spare: &mut BTreeSet<u32>) {
        let index = index % self.entries.len().max(1);
        let Some((frame, offset)) = self.entries.keys().nth(index).copied() else { return };
        let (place, ..) = self.entries.remove(&(frame, offset)).unwrap();
        let emptied = self.places_in(frame).is_empty().then_some(frame);
        assert_eq!(placement.remove(place), emptied.map(Pfn));
        if emptied.is_some() {
            self.frames.retain(|(held, _)| *held != frame);
            assert!(spare.insert(frame), "{frame} came back twice");
        }
    }

    fn check(&self, placement: &Placement) {
        placement.verify().unwrap();
        assert_eq!(placement.frames() as usize, self.frames.len());
        assert_eq!(placement.entries() as usize, self.entries.len());
        let oldest = self.frames.first().map(|(frame, _)| self.places_in(*frame));
        assert_eq!(placement.oldest().collect::<Vec<_>>(), oldest.unwrap_or_default());
        for (where_to, (place, size, owner)) in &self.entries {
            let (frame, offset, bytes) = at(placement, *place);
            assert_eq!(((frame, offset), bytes), (*where_to, *size));
            assert_eq!(placement.owner(*place), *owner);
        }
        let owners = self.entries.values().map(|(place, _, owner)| (*place, *owner));
        let owners = owners.collect::<BTreeMap<_, _>>();
        assert!(placement.owners().eq(owners));
        let bytes_in =
            |(frame, of): &(u32, u32)| self.places_in(*frame).len() as u64 * u64::from(*of);
        let bytes: u64 = self.frames.iter().map(bytes_in).sum();
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
        placement.add_frame(size, Pfn(7));
        let mut offsets = Vec::new();
        while let Some(place) = placement.place(size, OWNER) {
            offsets.push(u32::from(at(&placement, place).1));
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
    placement.add_frame(1000, Pfn(1));
    let places: Vec<Place> = (0..4).map(|_| placement.place(1000, OWNER).unwrap()).collect();
    assert!(placement.needs_frame(1000));
    assert_eq!(placement.remove(places[2]), None);
    assert!(!placement.needs_frame(1000) && placement.needs_frame(1025));
    assert_eq!(placement.place(900, PteAddress(9)), Some(places[2]));
    assert_eq!(placement.owner(places[2]), PteAddress(9));
    assert_eq!(placement.oldest().collect::<Vec<_>>(), places);
}

#[test]
fn a_used_frame_with_room_goes_before_a_new_one() {
    let mut placement = Placement::new();
    let mut places = Vec::new();
    for frame in [1, 2] {
        placement.add_frame(2048, Pfn(frame));
        places.push(placement.place(2048, OWNER).unwrap());
        placement.place(2048, OWNER);
    }
    placement.remove(places[0]);
    assert_eq!(placement.place(2048, OWNER), Some(places[0]));
    assert_eq!(at(&placement, places[0]), (1, 0, 2048));
    assert_eq!(placement.oldest().count(), 2);
}

#[test]
fn a_frame_that_comes_back_is_the_youngest() {
    let mut placement = Placement::new();
    let mut places = Vec::new();
    for frame in [1, 2, 3] {
        placement.add_frame(4096, Pfn(frame));
        places.push(placement.place(4096, OWNER).unwrap());
    }
    assert_eq!(placement.remove(places[0]), Some(Pfn(1)));
    placement.add_frame(128, Pfn(1));
    assert_eq!(placement.oldest().collect::<Vec<_>>(), [places[1]]);
    placement.remove(places[1]);
    placement.remove(places[2]);
    assert_eq!(placement.oldest().count(), 0);
    let place = placement.place(128, OWNER).unwrap();
    assert_eq!(placement.oldest().collect::<Vec<_>>(), [place]);
    placement.verify().unwrap();
}

#[test]
fn a_steady_state_allocates_nothing() {
    let mut placement = Placement::new();
    let mut room = Vec::new();
    for _ in 0..50 {
        let mut places = Vec::new();
        for frame in 0..64 {
            placement.add_frame(1024, Pfn(frame));
            places.extend((0..4).map(|_| placement.place(1024, OWNER).unwrap()));
        }
        let class = &placement.classes[class_of(1024) as usize];
        room.push((placement.slabs.capacity(), class.contents.capacity()));
        assert_eq!(room.first(), room.last());
        let back: Vec<Pfn> = places.into_iter().filter_map(|p| placement.remove(p)).collect();
        assert_eq!(back, (0..64).map(Pfn).collect::<Vec<_>>());
    }
}

#[test]
#[should_panic(expected = "nothing lies at Place(32)")]
fn removing_from_a_strange_frame_is_a_bug() {
    let mut placement = Placement::new();
    placement.add_frame(1024, Pfn(3));
    placement.place(1024, OWNER);
    placement.remove(Place::new(1, 0));
}

#[test]
#[should_panic(expected = "nothing lies at Place(1)")]
fn removing_what_was_never_placed_is_a_bug() {
    let mut placement = Placement::new();
    placement.add_frame(1024, Pfn(3));
    placement.place(1024, OWNER);
    placement.remove(Place::new(0, 1));
}

#[test]
fn a_frame_that_is_given_twice_is_found() {
    let mut placement = Placement::new();
    placement.add_frame(1024, Pfn(3));
    placement.add_frame(64, Pfn(3));
    let found = placement.verify().unwrap_err();
    assert!(found.contains("is another's"), "{found}");
}

#[test]
#[should_panic(expected = "0 bytes are not a compressed page")]
fn an_empty_page_is_a_bug() {
    let _ = Placement::new().needs_frame(0);
}
