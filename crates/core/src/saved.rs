//! How what serde does not know by itself is saved: hash maps in the order of their keys, so that
//! equal states are saved alike, and page tables.

/// A hash map, as a sequence of keys and values in ascending order.
pub(crate) mod map {
    use alloc::collections::BTreeMap;
    use core::hash::Hash;

    use hashbrown::HashMap;
    use rustc_hash::FxBuildHasher;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K: Ord + Serialize, S: Serializer>(
        map: &HashMap<K, u32, FxBuildHasher>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, K, D>(
        deserializer: D,
    ) -> Result<HashMap<K, u32, FxBuildHasher>, D::Error>
    where
        K: Ord + Hash + Deserialize<'de>,
        D: Deserializer<'de>,
    {
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
        tables: &[Box<[u64; ENTRIES]>],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tables.iter().map(|table| table.as_slice()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Box<[u64; ENTRIES]>>, D::Error> {
        let tables = Vec::<Table>::deserialize(deserializer)?;
        Ok(tables.into_iter().map(|table| table.0).collect())
    }
}
