//! Pages of the store that are one word over and over.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::growth::make_room;
use crate::page::{narrow, wide};
use crate::pfn::PteAddress;

/// A word and its owner, for each page. Of a number that is not in use the owner is none, and the
/// word is the next such number.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Word {
    word: u64,
    owner: PteAddress,
}

/// The end of the chain of numbers that are not in use.
const END: u64 = u64::MAX;

/// The words, by their numbers.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Words {
    words: Vec<Word>,
    unused: u64,
    used: u32,
}

impl Words {
    pub(super) const fn new() -> Self {
        Self { words: Vec::new(), unused: END, used: 0 }
    }

    /// How many are kept.
    pub(super) const fn used(&self) -> u32 {
        self.used
    }

    /// Makes room for so many, so that keeping them allocates nothing.
    pub(super) fn reserve(&mut self, words: u64) {
        self.words.reserve(wide(words).saturating_sub(self.words.len()));
    }

    /// Keeps one, under the number that is returned.
    pub(super) fn put(&mut self, word: u64, owner: PteAddress) -> u32 {
        self.used += 1;
        let used = Word { word, owner };
        if self.unused == END {
            make_room(&mut self.words, 1);
            self.words.push(used);
            return narrow(self.words.len() - 1);
        }
        let number = wide(self.unused);
        self.unused = core::mem::replace(&mut self.words[number], used).word;
        narrow(number)
    }

    /// The word and its owner.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn get(&self, number: u32) -> (u64, PteAddress) {
        let Word { word, owner } = self.words[number as usize];
        assert!(owner != PteAddress::NONE, "word {number} of the store is not in use");
        (word, owner)
    }

    /// Lets one go.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn remove(&mut self, number: u32) {
        self.get(number);
        let unused = Word { word: self.unused, owner: PteAddress::NONE };
        self.words[number as usize] = unused;
        self.unused = u64::from(number);
        self.used -= 1;
    }

    /// The numbers in use, and their owners.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u32, PteAddress)> + '_ {
        let owners = (0..).zip(self.words.iter().map(|word| word.owner));
        owners.filter(|(_, owner)| *owner != PteAddress::NONE)
    }

    /// Checks that counts and chain agree.
    pub(super) fn verify(&self) -> Result<(), String> {
        let used = self.owners().count();
        let follow = |number: &u64| match self.words.get(wide(*number)) {
            Some(word) if word.owner == PteAddress::NONE && word.word != END => Some(word.word),
            _ => None,
        };
        let first = (self.unused != END).then_some(self.unused);
        let unused = core::iter::successors(first, follow).take(self.words.len() + 1).count();
        if used != self.used as usize || used + unused != self.words.len() {
            let (of, counted) = (self.words.len(), self.used);
            return Err(format!("{used} and {unused} words of {of} are used and not: {counted}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_agree_with_a_map_of_them(
            operations in proptest::collection::vec(any::<(bool, u8, u64)>(), 1..100),
        ) {
            let (mut words, mut model) = (Words::new(), BTreeMap::new());
            let mut most = 0;
            for (is_put, which, word) in operations {
                let owner = PteAddress(u64::from(which));
                let victim = model.keys().nth(usize::from(which) % model.len().max(1)).copied();
                match victim {
                    Some(number) if !is_put => {
                        words.remove(number);
                        model.remove(&number);
                    }
                    _ => {
                        let before = model.insert(words.put(word, owner), (word, owner));
                        prop_assert_eq!(before, None);
                    }
                }
                most = most.max(model.len());
                words.verify().unwrap();
                prop_assert_eq!(words.used() as usize, model.len());
                prop_assert_eq!(words.words.len(), most);
                let owners = model.iter().map(|(number, (_, owner))| (*number, *owner));
                prop_assert!(words.owners().eq(owners));
                for (number, kept) in &model {
                    prop_assert_eq!(words.get(*number), *kept);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "word 0 of the store is not in use")]
    fn removing_a_word_twice_is_a_bug() {
        let mut words = Words::new();
        let number = words.put(7, PteAddress(1));
        words.remove(number);
        words.remove(number);
    }
}
