//! How what serde does not know by itself is saved: hash maps in the order of their keys, so that
//! equal states are saved alike; page tables; and what is mostly zeros.

/// A hash map, as a sequence of keys and values in ascending order.
pub(crate) mod map {
    use alloc::collections::BTreeMap;

    use hashbrown::HashMap;
    use rustc_hash::FxBuildHasher;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        map: &HashMap<u64, u32, FxBuildHasher>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<HashMap<u64, u32, FxBuildHasher>, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}

/// The entries of page tables, 512 each.
pub(crate) mod tables {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const ENTRIES: usize = 512;

    /// One table.
    struct Table(Box<[u64; ENTRIES]>);

    impl<'de> Deserialize<'de> for Table {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let words = Vec::<u64>::deserialize(deserializer)?.into_boxed_slice();
            let table = words.try_into();
            table
                .map(Self)
                .map_err(|words: Box<[u64]>| D::Error::invalid_length(words.len(), &"512"))
        }
    }

    pub(crate) fn serialize<S: Serializer>(
        tables: &[[u64; ENTRIES]],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tables.iter().map(|table| table.as_slice()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<[u64; ENTRIES]>, D::Error> {
        let tables = Vec::<Table>::deserialize(deserializer)?;
        Ok(tables.into_iter().map(|table| *table.0).collect())
    }
}

/// A vector that is mostly zeros: its length, and what is not zero, each behind so many zeros.
pub(crate) mod sparse {
    use alloc::vec::Vec;
    use core::marker::PhantomData;

    use serde::de::{Error, SeqAccess, Visitor};
    use serde::ser::SerializeTuple;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// What is not zero.
    struct Nonzero<'a, T>(&'a [T]);

    impl<T: Default + PartialEq + Serialize> Serialize for Nonzero<'_, T> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let zero = T::default();
            let count = self.0.iter().filter(|value| **value != zero).count();
            let mut next = 0;
            let places = self.0.iter().enumerate().filter(|(_, value)| **value != zero);
            let gaps = places.map(move |(place, value)| {
                let gap = place - next;
                next = place + 1;
                (gap, value)
            });
            serializer.collect_seq(Counted { gaps, count })
        }
    }

    /// An iterator whose length is known, as formats without marks need it.
    struct Counted<I> {
        gaps: I,
        count: usize,
    }

    impl<I: Iterator> Iterator for Counted<I> {
        type Item = I::Item;

        fn next(&mut self) -> Option<I::Item> {
            self.gaps.next()
        }

        fn size_hint(&self) -> (usize, Option<usize>) {
            (self.count, Some(self.count))
        }
    }

    pub(crate) fn serialize<T, S>(values: &[T], serializer: S) -> Result<S::Ok, S::Error>
    where
        T: Default + PartialEq + Serialize,
        S: Serializer,
    {
        let mut tuple = serializer.serialize_tuple(2)?;
        tuple.serialize_element(&values.len())?;
        tuple.serialize_element(&Nonzero(values))?;
        tuple.end()
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: Clone + Default + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        deserializer.deserialize_tuple(2, Whole(PhantomData))
    }

    struct Whole<T>(PhantomData<T>);

    impl<'de, T: Clone + Default + Deserialize<'de>> Visitor<'de> for Whole<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a length, and what is not zero")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut tuple: A) -> Result<Vec<T>, A::Error> {
            let short = || A::Error::invalid_length(0, &"two parts");
            let len: usize = tuple.next_element()?.ok_or_else(short)?;
            // A length that cannot be is an error; the vector itself is of zeros that the host
            // gives without touching them.
            Vec::<T>::new().try_reserve_exact(len).map_err(A::Error::custom)?;
            let mut values = alloc::vec![T::default(); len];
            let nonzero: Vec<(usize, T)> = tuple.next_element()?.ok_or_else(short)?;
            let mut next = 0usize;
            for (gap, value) in nonzero {
                let place = next.checked_add(gap).filter(|place| *place < len);
                let place = place.ok_or_else(|| A::Error::custom("a value behind the end"))?;
                values[place] = value;
                next = place + 1;
            }
            Ok(values)
        }
    }
}
