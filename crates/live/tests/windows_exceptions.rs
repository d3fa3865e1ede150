//! Exceptions that a space does not handle pass on to the handlers of the program.
#![cfg(windows)]

mod support;

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use memtide_core::Exception;
use memtide_core::page::Access;
use memtide_live::Disposition;
use support::{
    GUARD, MIB, NO_ACCESS, PAGE, PATHS, READ_WRITE, committed, load, machine, space, store,
};
use windows_sys::Win32::Foundation::{STATUS_ACCESS_VIOLATION, STATUS_GUARD_PAGE_VIOLATION};
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH,
    EXCEPTION_POINTERS, RemoveVectoredExceptionHandler,
};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, VirtualAlloc, VirtualFree, VirtualProtect,
};

/// One test at a time has a handler.
static TURN: Mutex<()> = Mutex::new(());

/// The page that the program's own handler mends, and how often it did.
static MENDED: AtomicU64 = AtomicU64::new(0);
static MENDS: AtomicU32 = AtomicU32::new(0);

fn pointer(address: u64) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(usize::try_from(address).expect("an address"))
}

unsafe extern "system" fn mend(pointers: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: Windows gives a record.
    let record = unsafe { &*(*pointers).ExceptionRecord };
    let page = MENDED.load(Ordering::Acquire);
    let [_, address, ..] = record.ExceptionInformation;
    match record.ExceptionCode {
        STATUS_ACCESS_VIOLATION | STATUS_GUARD_PAGE_VIOLATION => {}
        _ => return EXCEPTION_CONTINUE_SEARCH,
    }
    if page == 0 || address as u64 / PAGE != page / PAGE {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    MENDS.fetch_add(1, Ordering::AcqRel);
    let mut before = 0;
    // SAFETY: a page of the test's own.
    unsafe { VirtualProtect(pointer(page), 4096, READ_WRITE, &mut before) };
    EXCEPTION_CONTINUE_EXECUTION
}

/// How often the program's handler, which comes after ours, mends a page meanwhile.
fn mends(page: u64, act: impl FnOnce()) -> u32 {
    MENDED.store(page, Ordering::Release);
    MENDS.store(0, Ordering::Release);
    // SAFETY: a function of this program, of the type asked for.
    let handler = unsafe { AddVectoredExceptionHandler(0, Some(mend)) };
    assert!(!handler.is_null());
    act();
    // SAFETY: what was just added.
    assert_ne!(unsafe { RemoveVectoredExceptionHandler(handler) }, 0);
    MENDED.store(0, Ordering::Release);
    MENDS.load(Ordering::Acquire)
}

#[test]
fn what_a_space_does_not_handle_goes_to_the_programs_handlers() {
    let _turn = TURN.lock().expect("a turn");
    let space = space(&machine(8, None), PATHS[0]);
    let page = committed(&space, MIB);
    store(page, 1);
    for protection in [NO_ACCESS, READ_WRITE | GUARD] {
        space.protect(page, PAGE, protection).expect("a protection");
        assert_eq!(mends(page, || assert_eq!(load(page), 1)), 1, "{protection:#x}: no handler");
    }
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&seen);
    space.on_exception(Box::new(move |exception| {
        notes.lock().expect("notes").push(*exception);
        Disposition::Die
    }));
    space.protect(page, PAGE, NO_ACCESS).expect("a protection");
    assert_eq!(mends(page, || store(page + 8, 2)), 1, "a handler that gives up");
    let expected = Exception::AccessViolation { address: page + 8, access: Access::Write };
    assert_eq!(*seen.lock().expect("notes"), [expected]);
    assert_eq!((load(page), load(page + 8)), (1, 2));
}

#[test]
fn memory_of_the_program_is_none_of_a_spaces_business() {
    let _turn = TURN.lock().expect("a turn");
    let space = space(&machine(8, None), PATHS[0]);
    committed(&space, MIB);
    space.on_exception(Box::new(|exception| panic!("not of this space: {exception}")));
    // SAFETY: new memory, which nobody else has.
    let own =
        unsafe { VirtualAlloc(std::ptr::null(), 4096, MEM_RESERVE | MEM_COMMIT, PAGE_NOACCESS) };
    assert!(!own.is_null());
    let page = own.expose_provenance() as u64;
    assert_eq!(mends(page, || store(page, 3)), 1);
    assert_eq!(load(page), 3);
    // SAFETY: as above; nothing refers to it any more.
    assert_ne!(unsafe { VirtualFree(own, 0, MEM_RELEASE) }, 0);
}

#[test]
fn spaces_have_handlers_of_their_own() {
    let machine = machine(8, None);
    let spaces = [(); 2].map(|()| Arc::new(space(&machine, PATHS[0])));
    let pages = spaces.each_ref().map(|space| committed(space, MIB));
    let counts = [(); 2].map(|()| Arc::new(AtomicU32::new(0)));
    for (space, count) in spaces.iter().zip(&counts) {
        let (of, count) = (Arc::downgrade(space), Arc::clone(count));
        space.on_exception(Box::new(move |exception| {
            let (Some(space), Exception::AccessViolation { address, .. }) =
                (of.upgrade(), *exception)
            else {
                return Disposition::Die;
            };
            count.fetch_add(1, Ordering::AcqRel);
            space.protect(address, 1, READ_WRITE).expect("a protection");
            Disposition::Retry
        }));
    }
    for (place, page) in pages.iter().enumerate() {
        spaces[place].protect(*page, PAGE, NO_ACCESS).expect("a protection");
        store(*page, 5);
        let counted = counts.each_ref().map(|count| count.load(Ordering::Acquire));
        assert_eq!(counted, if place == 0 { [1, 0] } else { [1, 1] });
    }
}
