//! Who somebody is: a security identifier (SID).
//!
//! Source: MS-DTYP 2.4.2: revision, count, six bytes of authority, big-endian, and so many numbers
//! of four bytes, little-endian.

use crate::windows::answer::Answer;
use std::fmt;
use windows_sys::Win32::Security::LookupAccountSidW;

/// Revision, count and authority.
const HEAD: usize = 8;

/// The most numbers there are behind them.
const MOST: usize = 15;

/// No name of an account or a domain is longer (UNLEN and DNLEN are 256 and 255).
const NAME_LONGEST: usize = 257;

/// A security identifier, as the system writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecurityIdentifier(Vec<u8>);

impl SecurityIdentifier {
    /// The identifier in a TOKEN_USER.
    pub(crate) fn of_token_user(answer: &Answer) -> Option<Self> {
        let start = answer.offset_of_address(answer.word_at(0)?)?;
        Self::new((start..).map_while(|place| answer.u8_at(place)))
    }

    fn new(bytes: impl Iterator<Item = u8>) -> Option<Self> {
        let mut bytes: Vec<u8> = bytes.take(HEAD + 4 * MOST).collect();
        let count = usize::from(*bytes.get(1)?);
        let length = HEAD + 4 * count;
        let whole = bytes[0] == 1 && count <= MOST && bytes.len() >= length;
        bytes.truncate(length);
        whole.then_some(Self(bytes))
    }

    fn numbers(&self) -> impl DoubleEndedIterator<Item = u32> {
        let (numbers, _) = self.0[HEAD..].as_chunks::<4>();
        numbers.iter().map(|number| u32::from_le_bytes(*number))
    }

    /// Its last number, which tells the accounts of a machine or a domain apart.
    pub(crate) fn relative(&self) -> u32 {
        self.numbers().next_back().unwrap_or_default()
    }

    /// The account as `DOMAIN\NAME`; `None` where nobody knows it any more.
    pub(crate) fn account(&self) -> Option<String> {
        let (mut name, mut domain) = ([0_u16; NAME_LONGEST], [0_u16; NAME_LONGEST]);
        let room = u32::try_from(NAME_LONGEST).ok()?;
        let (mut name_length, mut domain_length, mut kind) = (room, room, 0);
        // SAFETY: the identifier is whole, each buffer has room for as many units as are told, and
        // the lengths and the kind may be written.
        let found = unsafe {
            LookupAccountSidW(
                std::ptr::null(),
                self.0.as_ptr().cast_mut().cast(),
                name.as_mut_ptr(),
                &mut name_length,
                domain.as_mut_ptr(),
                &mut domain_length,
                &mut kind,
            )
        };
        let text = |units: &[u16], length: u32| {
            let length = usize::try_from(length).unwrap_or(0).min(units.len());
            String::from_utf16_lossy(&units[..length])
        };
        let (name, domain) = (text(&name, name_length), text(&domain, domain_length));
        match (found != 0, domain.is_empty()) {
            (false, _) => None,
            (true, true) => Some(name),
            (true, false) => Some(format!("{domain}\\{name}")),
        }
    }
}

impl fmt::Display for SecurityIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.0[2..HEAD].iter().fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
        write!(f, "S-{}-{authority}", self.0[0])?;
        self.numbers().try_for_each(|number| write!(f, "-{number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL_SYSTEM: [u8; 12] = [1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0];

    #[test]
    fn an_identifier_reads_as_windows_writes_it() {
        let system = SecurityIdentifier::new(LOCAL_SYSTEM.into_iter()).expect("it is whole");
        assert_eq!((system.to_string().as_str(), system.relative()), ("S-1-5-18", 18));
        let behind = LOCAL_SYSTEM.into_iter().chain([9, 9, 9]);
        assert_eq!(SecurityIdentifier::new(behind), Some(system), "what follows is no part of it");
    }

    #[test]
    fn what_is_cut_or_of_another_revision_is_none() {
        for length in 0..LOCAL_SYSTEM.len() {
            assert_eq!(SecurityIdentifier::new(LOCAL_SYSTEM.into_iter().take(length)), None);
        }
        let mut other = LOCAL_SYSTEM;
        other[0] = 2;
        assert_eq!(SecurityIdentifier::new(other.into_iter()), None);
        other = LOCAL_SYSTEM;
        other[1] = 16;
        let long = other.into_iter().chain([0; 64]);
        assert_eq!(SecurityIdentifier::new(long), None);
    }

    #[test]
    fn an_account_that_nobody_knows_has_no_name() {
        let unknown = [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0]
            .into_iter()
            .chain([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        let unknown = SecurityIdentifier::new(unknown).expect("it is whole");
        assert_eq!(unknown.account(), None);
    }
}
