//! What may be done to a page: Windows' eight protections and their three modifiers.
//!
//! Source: Microsoft's documentation, "Memory Protection Constants".

use crate::page::Access;
use crate::refusal::Refusal;

/// One of the eight protections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Base {
    /// `PAGE_NOACCESS`: every access is a violation.
    NoAccess,
    /// `PAGE_READONLY`.
    ReadOnly,
    /// `PAGE_READWRITE`.
    ReadWrite,
    /// `PAGE_WRITECOPY`: reads; a write gets a private copy of the page.
    WriteCopy,
    /// `PAGE_EXECUTE`: instructions; reads work too, as x86-64 processors have it.
    Execute,
    /// `PAGE_EXECUTE_READ`.
    ExecuteRead,
    /// `PAGE_EXECUTE_READWRITE`.
    ExecuteReadWrite,
    /// `PAGE_EXECUTE_WRITECOPY`.
    ExecuteWriteCopy,
}

/// What may be added to a protection; Windows lets the three exclude one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Modifier {
    /// Nothing.
    #[default]
    None,
    /// `PAGE_GUARD`: the first access raises an exception and clears the modifier.
    Guard,
    /// `PAGE_NOCACHE`.
    NoCache,
    /// `PAGE_WRITECOMBINE`.
    WriteCombine,
}

const BASES: [Base; 8] = [
    Base::NoAccess,
    Base::ReadOnly,
    Base::ReadWrite,
    Base::WriteCopy,
    Base::Execute,
    Base::ExecuteRead,
    Base::ExecuteReadWrite,
    Base::ExecuteWriteCopy,
];

/// `PAGE_GUARD`, `PAGE_NOCACHE` and `PAGE_WRITECOMBINE` as bits of Windows' constant.
const MODIFIER_BITS: u32 = 0x700;

/// A protection with its modifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Protection {
    /// What may be done.
    pub base: Base,
    /// What is added.
    pub modifier: Modifier,
}

impl Protection {
    /// No access.
    pub const NO_ACCESS: Self = Self::plain(Base::NoAccess);
    /// Reads.
    pub const READ_ONLY: Self = Self::plain(Base::ReadOnly);
    /// Reads and writes.
    pub const READ_WRITE: Self = Self::plain(Base::ReadWrite);

    /// A protection without a modifier.
    #[must_use]
    pub const fn plain(base: Base) -> Self {
        Self { base, modifier: Modifier::None }
    }

    /// The same protection as a guard page.
    #[must_use]
    pub const fn guarded(self) -> Self {
        Self { modifier: Modifier::Guard, ..self }
    }

    /// The protection of a constant such as `0x104` (`PAGE_READWRITE | PAGE_GUARD`).
    ///
    /// # Errors
    /// [`Refusal::InvalidPageProtection`] for anything but one of the eight protections with at
    /// most one modifier, and for a modifier on `PAGE_NOACCESS`.
    pub fn from_windows(constant: u32) -> Result<Self, Refusal> {
        let refused = Err(Refusal::InvalidPageProtection { constant });
        let low = constant & !MODIFIER_BITS;
        if !low.is_power_of_two() || low > 0x80 {
            return refused;
        }
        let base = BASES[low.trailing_zeros() as usize];
        let modifier = match constant & MODIFIER_BITS {
            0 => Modifier::None,
            0x100 => Modifier::Guard,
            0x200 => Modifier::NoCache,
            0x400 => Modifier::WriteCombine,
            _ => return refused,
        };
        if base == Base::NoAccess && modifier != Modifier::None {
            return refused;
        }
        Ok(Self { base, modifier })
    }

    /// The constant of Windows.
    #[must_use]
    pub const fn windows(self) -> u32 {
        let modifier = match self.modifier {
            Modifier::None => 0,
            Modifier::Guard => 0x100,
            Modifier::NoCache => 0x200,
            Modifier::WriteCombine => 0x400,
        };
        (1 << self.base as u32) | modifier
    }

    /// Whether an access is allowed, a guard aside; a write that makes a copy is.
    #[must_use]
    pub const fn allows(self, access: Access) -> bool {
        match access {
            Access::Read => !matches!(self.base, Base::NoAccess),
            Access::Write => self.writable() || self.copies_on_write(),
            Access::Execute => self.executable(),
        }
    }

    /// Whether writes go to the page itself.
    #[must_use]
    pub const fn writable(self) -> bool {
        matches!(self.base, Base::ReadWrite | Base::ExecuteReadWrite)
    }

    /// Whether a write gets a private copy.
    #[must_use]
    pub const fn copies_on_write(self) -> bool {
        matches!(self.base, Base::WriteCopy | Base::ExecuteWriteCopy)
    }

    /// Whether instructions may be fetched.
    #[must_use]
    pub const fn executable(self) -> bool {
        matches!(
            self.base,
            Base::Execute | Base::ExecuteRead | Base::ExecuteReadWrite | Base::ExecuteWriteCopy
        )
    }

    /// Whether it is a guard page.
    #[must_use]
    pub const fn is_guard(self) -> bool {
        matches!(self.modifier, Modifier::Guard)
    }

    /// Whether it changes how the processor caches the page.
    #[must_use]
    pub const fn is_uncached(self) -> bool {
        matches!(self.modifier, Modifier::NoCache | Modifier::WriteCombine)
    }

    /// The same without its guard, as after the first access.
    #[must_use]
    pub const fn without_guard(self) -> Self {
        match self.modifier {
            Modifier::Guard => Self::plain(self.base),
            _ => self,
        }
    }

    /// The protection of the private copy that a write makes.
    #[must_use]
    pub const fn after_copy(self) -> Self {
        let base = match self.base {
            Base::WriteCopy => Base::ReadWrite,
            Base::ExecuteWriteCopy => Base::ExecuteReadWrite,
            other => other,
        };
        Self { base, ..self }
    }

    /// Whether a view or a page of a section made with `self` may have `wanted`: no access that
    /// `self` lacks; a private copy counts as reading.
    ///
    /// Source: Microsoft's documentation of `CreateFileMapping` and `MapViewOfFile`.
    #[must_use]
    pub const fn covers(self, wanted: Self) -> bool {
        (matches!(wanted.base, Base::NoAccess) || !matches!(self.base, Base::NoAccess))
            && (!wanted.executable() || self.executable())
            && (!wanted.writable() || self.writable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_is_one_protection_or_refused() {
        let mut accepted = 0;
        for constant in 0..=0xfff_u32 {
            if let Ok(protection) = Protection::from_windows(constant) {
                assert_eq!(protection.windows(), constant);
                accepted += 1;
            }
        }
        // Eight plain ones, and three modifiers on all but no-access.
        assert_eq!(accepted, 8 + 3 * 7);
        for refused in [0, 0x3, 0x101, 0x201, 0x401, 0x304, 0x504, 0x604, 0x1000, 0x8000_0004] {
            let error = Protection::from_windows(refused).expect_err("not a protection");
            assert_eq!(error, Refusal::InvalidPageProtection { constant: refused });
        }
    }

    #[test]
    fn each_protection_allows_what_windows_says() {
        use Access::{Execute, Read, Write};
        for (constant, allowed) in [
            (0x01, &[][..]),
            (0x02, &[Read]),
            (0x04, &[Read, Write]),
            (0x08, &[Read, Write]),
            (0x10, &[Read, Execute]),
            (0x20, &[Read, Execute]),
            (0x40, &[Read, Write, Execute]),
            (0x80, &[Read, Write, Execute]),
        ] {
            let protection = Protection::from_windows(constant).expect("one of the eight");
            for access in [Read, Write, Execute] {
                let allows = protection.allows(access);
                assert_eq!(allows, allowed.contains(&access), "{constant:#x} {access:?}");
            }
        }
    }
}
