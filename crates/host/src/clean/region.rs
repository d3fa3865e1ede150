//! What can be cleaned.

use std::fmt;

/// How much a region's cleaning disturbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    /// It takes what nobody has used for a while; it is done when no region is named.
    Light,
    /// Programs may wait for a disk afterwards, or for the cleaning itself.
    Heavy,
}

impl Weight {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Heavy => "heavy",
        }
    }
}

/// The systems a region exists on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    Both,
    Linux,
    Windows,
}

/// A part of memory that can be cleaned on its own.
///
/// The order of the variants is the order that works: what leaves the working sets must be
/// written before it can be given up, and free memory is combined and compacted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Region {
    /// The pages that programs have mapped.
    WorkingSets,
    /// The working set of the system's file cache (Windows).
    FileCache,
    /// Changed pages of files, volume by volume (Windows).
    ModifiedFiles,
    /// Changed pages that are not on a disk yet.
    Modified,
    /// Clean pages that could be reused.
    Standby,
    /// The part of those that has not been used for longest.
    StandbyLow,
    /// Pages of the registry (Windows).
    Registry,
    /// The kernel's cache of names and files (Linux).
    Slab,
    /// Equal pages, kept once.
    Combine,
    /// Free memory in larger blocks (Linux).
    Compact,
}

impl Region {
    /// Every region of every system, in the order that works.
    pub const ALL: [Self; 10] = [
        Self::WorkingSets,
        Self::FileCache,
        Self::ModifiedFiles,
        Self::Modified,
        Self::Standby,
        Self::StandbyLow,
        Self::Registry,
        Self::Slab,
        Self::Combine,
        Self::Compact,
    ];

    /// Its name, as it is written on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkingSets => "working-sets",
            Self::FileCache => "file-cache",
            Self::ModifiedFiles => "modified-files",
            Self::Modified => "modified",
            Self::Standby => "standby",
            Self::StandbyLow => "standby-low",
            Self::Registry => "registry",
            Self::Slab => "slab",
            Self::Combine => "combine",
            Self::Compact => "compact",
        }
    }

    /// The region of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.name() == name)
    }

    /// What cleaning it does, in one line, for where it is chosen.
    #[must_use]
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::WorkingSets => {
                "take pages away from programs; each is read back when it is used again"
            }
            Self::FileCache => "trim the file cache's working set",
            Self::ModifiedFiles => "write changed pages of files to their volumes",
            Self::Modified => "write changed pages to disk, so that they can be reused; frees none",
            Self::Standby => {
                "give up cached file contents; files are read from disk when used again"
            }
            Self::StandbyLow => "give up only cached file contents not used for a while",
            Self::Registry => "write the registry's changed pages out and give up its cache",
            Self::Slab => "give up the kernel's cache of file names and attributes",
            Self::Combine if cfg!(windows) => "keep equal pages once, until one is written to",
            Self::Combine => "keep equal pages once, in programs that offer theirs for it (KSM)",
            Self::Compact => {
                "move pages together so that free memory forms large blocks; frees none"
            }
        }
    }

    /// How much it disturbs.
    ///
    /// Compacting moves pages that programs are using: measured 0.3 s of a core for 4 GiB of
    /// scattered pages, and it makes nothing free, so it isn't done unasked.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::StandbyLow | Self::Combine => Weight::Light,
            _ => Weight::Heavy,
        }
    }

    const fn home(self) -> Home {
        match self {
            Self::FileCache | Self::ModifiedFiles | Self::Registry => Home::Windows,
            Self::Slab | Self::Compact => Home::Linux,
            _ => Home::Both,
        }
    }

    /// Whether this system has it.
    #[must_use]
    pub const fn is_here(self) -> bool {
        match self.home() {
            Home::Both => true,
            Home::Linux => cfg!(target_os = "linux"),
            Home::Windows => cfg!(windows),
        }
    }

    /// The system it exists on, where it exists on one only.
    #[must_use]
    pub const fn only_on(self) -> Option<&'static str> {
        match self.home() {
            Home::Both => None,
            Home::Linux => Some("Linux"),
            Home::Windows => Some("Windows"),
        }
    }

    /// The regions of this system, in the order that works.
    pub fn here() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|region| region.is_here())
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_read_back() {
        for region in Region::ALL {
            assert_eq!(Region::from_name(region.name()), Some(region));
            assert!(region.explanation().len() < 80, "{region}: one line");
        }
        assert_eq!(Region::from_name("standbye"), None);
    }

    #[test]
    fn all_stand_in_the_order_that_works() {
        assert!(Region::ALL.is_sorted());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_has_seven_regions() {
        let names: Vec<_> = Region::here().map(Region::name).collect();
        let expected =
            ["working-sets", "modified", "standby", "standby-low", "slab", "combine", "compact"];
        assert_eq!(names, expected);
    }
}
