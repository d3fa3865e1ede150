//! Exceptions of a space's memory, by a vectored handler of the process.
//!
//! Windows asks vectored handlers before those of frames. Ours answers for addresses of spaces
//! alone: every other exception passes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use memtide_core::page::Access;
use memtide_core::{Exception, IoError, Protection};
use windows_sys::Win32::Foundation::{
    STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION, STATUS_IN_PAGE_ERROR,
};

use super::native::exceptions::{self, Raised};
use super::native::memory;
use super::regions::Regions;
use crate::error::Error;
use crate::exception::{Disposition, Handler};

/// A space as its exceptions see it.
#[derive(Default)]
pub(super) struct SpaceMemory {
    /// Nobody touches memory of a space with this locked.
    regions: Mutex<Regions>,
    handler: Mutex<Option<Arc<Handler>>>,
}

impl SpaceMemory {
    pub(super) fn regions(&self) -> MutexGuard<'_, Regions> {
        self.regions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handle(&self, handler: Handler) {
        let handler = Some(Arc::new(handler));
        let before = std::mem::replace(&mut *self.handler(), handler);
        // A program's destructor may do anything, so that it runs without the lock.
        drop(before);
    }

    fn handler(&self) -> MutexGuard<'_, Option<Arc<Handler>>> {
        self.handler.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All spaces of the process. An exception only reads it, and allocates nothing.
static SPACES: RwLock<Vec<Arc<SpaceMemory>>> = RwLock::new(Vec::new());

/// A space that exceptions are looked up in; until this is dropped.
pub(super) struct Registration(Arc<SpaceMemory>);

impl Registration {
    /// # Errors
    /// [`Error::System`] where there can be no vectored handler.
    pub(super) fn new(memory: &Arc<SpaceMemory>) -> Result<Self, Error> {
        exceptions::install(is_to_be_made_again)
            .map_err(Error::system("a vectored exception handler"))?;
        let mut spaces = SPACES.write().unwrap_or_else(PoisonError::into_inner);
        spaces.push(Arc::clone(memory));
        Ok(Self(Arc::clone(memory)))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut spaces = SPACES.write().unwrap_or_else(PoisonError::into_inner);
        spaces.retain(|space| !Arc::ptr_eq(space, &self.0));
    }
}

/// The space whose memory an address is of.
fn space_at(address: u64) -> Option<Arc<SpaceMemory>> {
    let spaces = SPACES.read().unwrap_or_else(PoisonError::into_inner);
    spaces.iter().find(|space| space.regions().at(address).is_some()).cloned()
}

/// What an exception is, if it is one of memory.
///
/// Source: Microsoft's documentation of `EXCEPTION_RECORD`.
fn exception_of(raised: &Raised) -> Option<Exception> {
    let [how, address, status] = raised.words;
    if raised.count < 2 {
        return None;
    }
    let address = address as u64;
    let access = match how {
        0 => Access::Read,
        1 => Access::Write,
        8 => Access::Execute,
        _ => return None,
    };
    match raised.code {
        STATUS_ACCESS_VIOLATION => Some(Exception::AccessViolation { address, access }),
        STATUS_GUARD_PAGE_VIOLATION => Some(Exception::GuardPage { address, access }),
        STATUS_IN_PAGE_ERROR if raised.count >= 3 => {
            let error = IoError(u32::try_from(status).unwrap_or(u32::MAX));
            Some(Exception::InPage { address, error })
        }
        _ => None,
    }
}

/// Whether another thread has mended what was in the way of an access.
fn is_mended(exception: &Exception) -> bool {
    let Exception::AccessViolation { address, access } = *exception else { return false };
    memory::query(address).is_ok_and(|run| {
        let protection = Protection::from_windows(run.protection);
        run.is_committed && protection.is_ok_and(|protection| protection.allows(access))
    })
}

/// Asks the space's handler.
fn decide(exception: &Exception) -> Option<Disposition> {
    let (Exception::AccessViolation { address, .. }
    | Exception::GuardPage { address, .. }
    | Exception::InPage { address, .. }
    | Exception::StackOverflow { address }
    | Exception::NoMemory { address }) = *exception;
    let space = space_at(address)?;
    if is_mended(exception) {
        return Some(Disposition::Retry);
    }
    let handler = space.handler().clone()?;
    Some(handler(exception))
}

/// Whether the access that raised an exception is to be made again: it was one of ours, and what
/// was in its way is gone.
fn is_to_be_made_again(raised: &Raised) -> bool {
    let decided = exception_of(raised).and_then(|exception| decide(&exception));
    decided == Some(Disposition::Retry)
}
