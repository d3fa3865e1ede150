//! Cleaning on Windows: pending.

use crate::Error;
use crate::clean::{Request, System};

/// Prepares a clean of this machine.
///
/// # Errors
/// [`Error::Unsupported`]: pending, as CONTRACT.md lists it.
pub(crate) fn open(_request: &Request) -> Result<Box<dyn System + Send>, Error> {
    let why = "cleaning through Windows' own memory manager is pending".to_owned();
    Err(Error::Unsupported { what: "clean", why })
}
