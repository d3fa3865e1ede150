//! Who had the signals before us, and handing them on.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::Errno;

use super::fault::{FaultInfo, Signal};
use super::handler::{self, last_error};
use super::stack::Stacks;

/// What the kernel did with a signal before it was ours.
struct Previous {
    action: OnceLock<libc::sigaction>,
    /// It was to be handled once (SA_RESETHAND), and has been.
    is_spent: AtomicBool,
}

static BUS: Previous = Previous::unknown();
static SEGV: Previous = Previous::unknown();

impl Previous {
    const fn unknown() -> Self {
        Self { action: OnceLock::new(), is_spent: AtomicBool::new(false) }
    }

    fn of(signal: Signal) -> &'static Self {
        match signal {
            Signal::Bus => &BUS,
            Signal::Segv => &SEGV,
        }
    }
}

/// Keeps what is done with a signal, before it is ours.
///
/// # Errors
/// Those of sigaction(2).
pub(super) fn keep(signal: Signal) -> Result<(), Errno> {
    let _kept_by_the_first = Previous::of(signal).action.set(in_force(signal)?);
    Ok(())
}

/// What the kernel does with a signal now.
fn in_force(signal: Signal) -> Result<libc::sigaction, Errno> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the action lives through the call; no new one is given.
    if unsafe { libc::sigaction(signal.number(), std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return Err(last_error());
    }
    // SAFETY: the call succeeded, and so has written the action.
    Ok(unsafe { action.assume_init() })
}

/// Does with a signal what would be done if it were not ours. All signals are blocked.
pub(super) fn hand_on(signal: Signal, info: &mut libc::siginfo_t, context: &mut libc::ucontext_t) {
    let Some(action) = heir(signal) else { return die(signal, info, context) };
    let ignores = action.sa_sigaction == libc::SIG_IGN;
    if ignores && !FaultInfo::of(info).is_of_an_instruction() {
        return;
    }
    // The kernel lets nobody ignore a fault.
    if ignores || action.sa_sigaction == libc::SIG_DFL {
        return die(signal, info, context);
    }
    let mask = mask_of(signal, &action, context);
    // SAFETY: the set lives through the call. What it changes, the return from this signal undoes.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut()) };
    if action.sa_flags & libc::SA_ONSTACK != 0 {
        call(signal, &action, info, context);
    } else {
        Stacks::of(context).on_interrupted(|| call(signal, &action, info, context));
    }
}

/// The same with a fault that would not come again, as of a guard page. Many handlers report a
/// fault, set its signal back to the default, and let the same fault end the process: so it ends.
pub(super) fn hand_on_once(
    signal: Signal,
    info: &mut libc::siginfo_t,
    context: &mut libc::ucontext_t,
) {
    hand_on(signal, info, context);
    if in_force(signal).is_ok_and(|action| action.sa_sigaction == libc::SIG_DFL) {
        die(signal, info, context);
    }
}

/// Who a signal goes to: who had it before us, unless it is no longer ours.
///
/// A handler that reports a fault often sets its signal back to the default, so that the same
/// fault, tried again, ends the process. Where ours came as another signal, it is ours again.
fn heir(signal: Signal) -> Option<libc::sigaction> {
    let now = in_force(signal).ok()?;
    if now.sa_sigaction != handler::address() {
        return Some(now);
    }
    let previous = Previous::of(signal);
    let action = *previous.action.get()?;
    let once = action.sa_flags & libc::SA_RESETHAND != 0;
    let is_spent = once && previous.is_spent.swap(true, Ordering::AcqRel);
    (!is_spent).then_some(action)
}

/// The signals that the kernel would block: those of the thread, those of the action, and, unless
/// it says otherwise, the signal itself.
fn mask_of(signal: Signal, action: &libc::sigaction, context: &libc::ucontext_t) -> libc::sigset_t {
    let mut mask = context.uc_sigmask;
    for number in 1..=libc::SIGRTMAX() {
        // SAFETY: both sets are initialised, and the number is one of a signal.
        unsafe {
            if libc::sigismember(&action.sa_mask, number) == 1 {
                libc::sigaddset(&mut mask, number);
            }
        }
    }
    if action.sa_flags & libc::SA_NODEFER == 0 {
        // SAFETY: as above.
        unsafe { libc::sigaddset(&mut mask, signal.number()) };
    }
    mask
}

fn call(
    signal: Signal,
    action: &libc::sigaction,
    info: &mut libc::siginfo_t,
    context: &mut libc::ucontext_t,
) {
    if action.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: without SA_SIGINFO, and being neither SIG_DFL nor SIG_IGN, it is the address of
        // a function of this type.
        let handler: extern "C" fn(i32) = unsafe { std::mem::transmute(action.sa_sigaction) };
        handler(signal.number());
    } else {
        // SAFETY: with SA_SIGINFO it is the address of a function of this type.
        let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(action.sa_sigaction) };
        handler(signal.number(), info, std::ptr::from_mut(context).cast());
    }
}

/// Ends the process by a signal's default action, at the instruction that the signal came at.
///
/// The signal is sent again, to come as soon as ours returns: a core file then shows the fault,
/// not us. To only try the instruction again would not do, as it might fault otherwise.
fn die(signal: Signal, info: &mut libc::siginfo_t, context: &mut libc::ucontext_t) {
    let number = signal.number();
    // SAFETY: plain system calls, on sets and a siginfo that live through them. The default action
    // has no handler.
    unsafe {
        libc::signal(number, libc::SIG_DFL);
        libc::sigdelset(&mut context.uc_sigmask, number);
        let (process, thread) = (libc::getpid(), libc::gettid());
        let info = std::ptr::from_mut(info);
        if libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, number, info) == 0 {
            return;
        }
        if libc::syscall(libc::SYS_tgkill, process, thread, number) != 0 {
            libc::_exit(128 + number);
        }
    }
}
