//! Our handler of the signals of faults.

use std::ffi::c_void;
use std::sync::OnceLock;

use rustix::io::Errno;

use super::blocked::every_signal;
use super::fault::{Fault, FaultInfo, Signal, Verdict, access};
use super::previous;

type Handler = fn(&Fault) -> Verdict;

static HANDLER: OnceLock<Handler> = OnceLock::new();

/// Gives the faults of the process to a handler; once, later calls with the same one do nothing.
///
/// The handler runs in the thread that faulted with all its signals blocked, wherever that thread
/// was: in the middle of malloc, too. A fault of its own ends the process, and so does a panic.
/// errno is what it was once it returns.
///
/// # Errors
/// EBUSY where another handler has them; those of sigaction(2).
pub(crate) fn install(handler: Handler) -> Result<(), Errno> {
    let mut first = false;
    let installed = *HANDLER.get_or_init(|| {
        first = true;
        handler
    });
    if !first {
        let same = std::ptr::fn_addr_eq(installed, handler);
        return if same { Ok(()) } else { Err(Errno::BUSY) };
    }
    for signal in Signal::ALL {
        previous::keep(signal)?;
        let action = libc::sigaction {
            sa_sigaction: on_signal as extern "C" fn(_, _, _) as usize,
            sa_mask: every_signal(),
            sa_flags: libc::SA_SIGINFO,
            sa_restorer: None,
        };
        // SAFETY: the action lives through the call; its handler is one of three arguments, as
        // SA_SIGINFO wants it.
        let result = unsafe { libc::sigaction(signal.number(), &action, std::ptr::null_mut()) };
        if result != 0 {
            return Err(last_error());
        }
    }
    Ok(())
}

pub(super) fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// What the kernel calls.
extern "C" fn on_signal(number: i32, info: *mut libc::siginfo_t, context: *mut c_void) {
    let error = ErrorNumber::keep();
    // SAFETY: the kernel gives a handler with SA_SIGINFO both, on its stack, for as long as it
    // runs, and the handler has them to itself.
    let (info, context) = unsafe { (&mut *info, &mut *context.cast::<libc::ucontext_t>()) };
    let fields = FaultInfo::of(info);
    let Some(signal) = Signal::of(number) else { return };
    match verdict(signal, &fields, context) {
        Verdict::Resume => {}
        Verdict::NotOurs => previous::hand_on(signal, info, context),
        Verdict::Die { as_signal, code, address } => {
            FaultInfo::put(as_signal, code, address, info);
            previous::hand_on(as_signal, info, context);
        }
    }
    error.restore();
}

fn verdict(signal: Signal, fields: &FaultInfo, context: &libc::ucontext_t) -> Verdict {
    match HANDLER.get() {
        Some(handler) if fields.is_of_an_instruction() => {
            let access = access(context);
            handler(&Fault { address: fields.address, access, signal, code: fields.code })
        }
        _ => Verdict::NotOurs,
    }
}

/// errno of this thread, as it was when the signal came.
struct ErrorNumber(i32);

impl ErrorNumber {
    fn keep() -> Self {
        // SAFETY: every thread has an errno.
        Self(unsafe { *libc::__errno_location() })
    }

    fn restore(self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 }
    }
}
