//! Faults in the thread that faults: a signal, without a switch to another thread.

use memtide_core::Exception;

use crate::exception::Disposition;
use crate::fault_path::registry::{self, Found};
use crate::signal::{Fault, Signal, Verdict};
use crate::uffd::FaultPath;

/// What the signal's handler does about a fault.
pub(crate) fn handle(fault: &Fault) -> Verdict {
    let Some(found) = registry::find(fault.address) else { return Verdict::NotOurs };
    let address = fault.address - found.base;
    let result = match found.path {
        FaultPath::InThread => found.pager().fault_blocked(found.space, address, fault.access),
        FaultPath::Handler => found.pager().fault_let_go(found.space, address, fault.access),
    };
    match result {
        Ok(()) => Verdict::Resume,
        Err(exception) => decide(&found, exception, fault.address),
    }
}

fn decide(found: &Found, exception: Exception, address: u64) -> Verdict {
    let moved = at(exception, address);
    if let Some(handler) = found.handler()
        && handler(&moved) == Disposition::Retry
    {
        return Verdict::Resume;
    }
    match exception {
        Exception::AccessViolation { .. }
        | Exception::GuardPage { .. }
        | Exception::StackOverflow { .. } => {
            Verdict::Die { as_signal: Signal::Segv, code: SEGV_ACCERR, address }
        }
        Exception::InPage { .. } | Exception::NoMemory { .. } => {
            Verdict::Die { as_signal: Signal::Bus, code: libc::BUS_ADRERR, address }
        }
    }
}

/// The code of a SIGSEGV for a page that is there and may not be accessed so.
const SEGV_ACCERR: i32 = 2;

/// The same exception at an address of the process.
pub(crate) const fn at(exception: Exception, address: u64) -> Exception {
    match exception {
        Exception::AccessViolation { access, .. } => Exception::AccessViolation { address, access },
        Exception::GuardPage { access, .. } => Exception::GuardPage { address, access },
        Exception::StackOverflow { .. } => Exception::StackOverflow { address },
        Exception::InPage { error, .. } => Exception::InPage { address, error },
        Exception::NoMemory { .. } => Exception::NoMemory { address },
    }
}
