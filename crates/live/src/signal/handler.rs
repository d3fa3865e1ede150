//! Our handler of the signals of faults.

use std::ffi::c_void;
use std::sync::OnceLock;

use rustix::io::Errno;

use super::blocked::every_signal;
use super::fault::{Fault, FaultInfo, Signal, Verdict, access};
use super::previous;
use super::stack::{self, Stacks};
use crate::uffd::Origin;

type Handler = fn(&Fault) -> Verdict;

const FLAGS: i32 =
    if stack::CHANGES { libc::SA_SIGINFO | libc::SA_ONSTACK } else { libc::SA_SIGINFO };

/// Set before the signals are ours, so that the handler of signals finds it.
static HANDLER: OnceLock<Handler> = OnceLock::new();

static INSTALLED: OnceLock<Result<(), Errno>> = OnceLock::new();

/// Gives the faults of the process to a handler; once, later calls with the same one do nothing.
///
/// The handler runs in the thread that faulted with all its signals blocked, wherever that thread
/// was: in the middle of malloc, too. A fault of its own ends the process, and so does a panic.
/// errno is what it was once it returns. A child of fork has the handler too, once it has memory of
/// its own; its parent's isn't there.
///
/// # Errors
/// EBUSY where another handler has them; those of sigaction(2).
pub(crate) fn install(handler: Handler) -> Result<(), Errno> {
    if !std::ptr::fn_addr_eq(*HANDLER.get_or_init(|| handler), handler) {
        return Err(Errno::BUSY);
    }
    *INSTALLED.get_or_init(|| Signal::ALL.into_iter().try_for_each(take))
}

fn take(signal: Signal) -> Result<(), Errno> {
    previous::keep(signal)?;
    let action = libc::sigaction {
        sa_sigaction: address(),
        sa_mask: every_signal(),
        sa_flags: FLAGS,
        sa_restorer: None,
    };
    // SAFETY: the action lives through the call; its handler is one of three arguments, as
    // SA_SIGINFO wants it.
    match unsafe { libc::sigaction(signal.number(), &action, std::ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// What the kernel knows our handler by.
pub(super) fn address() -> usize {
    on_signal as extern "C" fn(_, _, _) as usize
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
            previous::hand_on_once(as_signal, info, context);
        }
    }
    error.restore();
}

fn verdict(signal: Signal, fields: &FaultInfo, context: &libc::ucontext_t) -> Verdict {
    let Some(handler) = HANDLER.get() else { return Verdict::NotOurs };
    let stacks = Stacks::of(context);
    // The overflow of a stack is a SIGSEGV; faults that are ours hardly ever are.
    let overflows = signal == Signal::Segv && !stacks.has_room();
    if overflows || !fields.is_of_an_instruction() || !Origin::is_any_here() {
        return Verdict::NotOurs;
    }
    let access = access(context);
    let fault = Fault { address: fields.address, access, signal, code: fields.code };
    stacks.on_interrupted(|| handler(&fault))
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
