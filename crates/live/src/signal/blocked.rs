//! No signals for a while.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// While it lives, this thread takes no signals, so that no handler runs within.
///
/// What holds the pager's lock outside of a fault's handler holds this first: a handler that
/// touched managed memory would wait for the lock of its own thread.
#[derive(Debug)]
pub(crate) struct SignalsBlocked {
    before: libc::sigset_t,
    /// A mask is a thread's own.
    _not_send: PhantomData<*const ()>,
}

impl SignalsBlocked {
    /// Blocks all signals of this thread.
    pub(crate) fn new() -> Self {
        let all = every_signal();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets live through the call.
        let error = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, before.as_mut_ptr()) };
        assert_eq!(error, 0, "pthread_sigmask knows SIG_SETMASK");
        // SAFETY: it succeeded, and so has written the set.
        Self { before: unsafe { before.assume_init() }, _not_send: PhantomData }
    }
}

impl Drop for SignalsBlocked {
    fn drop(&mut self) {
        // SAFETY: the set lives through the call; no old one is asked for.
        unsafe {
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}

/// The set of all signals.
pub(super) fn every_signal() -> libc::sigset_t {
    let mut all = MaybeUninit::uninit();
    // SAFETY: sigfillset writes the whole set.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        all.assume_init()
    }
}
