//! Where pages go that leave memory: Windows' own page files.

use std::path::PathBuf;

pub use crate::options::{Direct, IoEngine, PageFileOptions};

use crate::error::Error;

/// What stands for wherever Windows has its page files.
pub(crate) fn default_directory() -> PathBuf {
    std::env::temp_dir()
}

const fn unsupported(what: &'static str, reason: &'static str) -> Error {
    Error::Unsupported { what, reason }
}

/// Refuses what Windows decides by itself; how large the file may grow bounds what is promised.
pub(super) fn check(options: Option<&PageFileOptions>) -> Result<&PageFileOptions, Error> {
    let Some(options) = options else {
        return Err(unsupported(
            "page_file: None",
            "the native manager pages whatever it likes out; pin what is to stay",
        ));
    };
    let default = PageFileOptions::default();
    let PageFileOptions { directory, initial, maximum: _, encryption, direct, io } = options;
    let refused = |what| {
        Err(unsupported(what, "the page files are the system's own: leave it as it is by default"))
    };
    if *directory != default.directory {
        return refused("the page file's directory");
    }
    if *initial != default.initial {
        return refused("the page file's initial size");
    }
    if *encryption {
        return Err(unsupported(
            "the page file's encryption",
            "fsutil behavior set EncryptPagingFile 1 encrypts the system's own",
        ));
    }
    if *direct != default.direct {
        return refused("whether the page file goes around the cache");
    }
    if *io != default.io {
        return refused("how the page file is written");
    }
    Ok(options)
}
