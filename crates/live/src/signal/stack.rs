//! Running on the stack of the thread that faulted, though the signal came on another.
//!
//! Signals of faults are taken on the thread's alternate stack where it has one, so that a
//! thread whose stack has overflowed still gets to whoever reports that. It is too small for
//! anything else.

/// What a fault's handler may use of a thread's stack.
const ROOM_BYTES: usize = 64 << 10;

/// What a function may keep below its stack pointer, and a little more.
const RED_ZONE_BYTES: usize = 256;

const PAGE_BYTES: usize = 4096;

/// Whether machines of this kind can change stacks here.
pub(super) const CHANGES: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The stacks of a thread that a signal interrupted.
#[derive(Clone, Copy)]
pub(super) struct Stacks {
    /// The stack pointer where it was interrupted.
    pointer: usize,
    /// The first address of its alternate stack, and the one after; the same where it has none.
    alternate: [usize; 2],
}

impl Stacks {
    pub(super) fn of(context: &libc::ucontext_t) -> Self {
        let start = context.uc_stack.ss_sp.addr();
        let alternate = [start, start + context.uc_stack.ss_size];
        Self { pointer: pointer(context), alternate }
    }

    /// Runs a function on the interrupted stack.
    pub(super) fn on_interrupted<R>(self, run: impl FnOnce() -> R) -> R {
        let here = std::ptr::from_ref(&self).addr();
        if !CHANGES || !self.is_alternate(here) || self.is_alternate(self.pointer) {
            return run();
        }
        let mut call = Call { run: Some(run), result: None };
        let top = (self.pointer - RED_ZONE_BYTES) & !0xf;
        // SAFETY: the memory below the interrupted stack pointer and its red zone is free until
        // the signal returns; `call` is what its `perform` expects, and lives through it.
        unsafe { switch(top, call.perform(), std::ptr::from_mut(&mut call).cast()) };
        call.result.unwrap_or_else(|| unreachable!("the function has run"))
    }

    /// Whether the interrupted stack has the room that a handler needs.
    ///
    /// Each page is tried, as beyond a guard page may be the stack of another thread.
    pub(super) fn has_room(self) -> bool {
        (0..=ROOM_BYTES / PAGE_BYTES).all(|page| {
            let below = self.pointer.checked_sub(RED_ZONE_BYTES + page * PAGE_BYTES);
            below.is_some_and(|at| is_writable(at & !0xf))
        })
    }

    fn is_alternate(self, address: usize) -> bool {
        (self.alternate[0]..self.alternate[1]).contains(&address)
    }
}

/// Whether eight bytes can be written: has the kernel try, which doesn't fault.
fn is_writable(at: usize) -> bool {
    let at: *mut u64 = std::ptr::with_exposed_provenance_mut(at);
    let none = std::ptr::null::<u64>();
    // SAFETY: the call changes nothing without a new mask, and writes the old one, eight bytes,
    // to free memory of a stack.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, none, at, 8_usize) == 0 }
}

struct Call<R, F> {
    run: Option<F>,
    result: Option<R>,
}

impl<R, F: FnOnce() -> R> Call<R, F> {
    /// What performs calls of this type.
    fn perform(&self) -> extern "C" fn(*mut u8) {
        perform::<R, F>
    }
}

extern "C" fn perform<R, F: FnOnce() -> R>(call: *mut u8) {
    // SAFETY: `on_interrupted` gives a call of this type, to this alone.
    let call = unsafe { &mut *call.cast::<Call<R, F>>() };
    call.result = call.run.take().map(|run| run());
}

/// # Safety
/// Memory below `top`, a multiple of 16, is a stack that nobody uses; `argument` suits `function`.
#[cfg(target_arch = "x86_64")]
unsafe fn switch(top: usize, function: extern "C" fn(*mut u8), argument: *mut u8) {
    // SAFETY: r12 outlives the call, by the ABI, and brings the stack pointer back.
    unsafe {
        std::arch::asm!(
            "mov r12, rsp",
            "mov rsp, {top}",
            "call {function}",
            "mov rsp, r12",
            top = in(reg) top,
            function = in(reg) function,
            in("rdi") argument,
            out("r12") _,
            clobber_abi("C"),
        );
    }
}

/// # Safety
/// Memory below `top`, a multiple of 16, is a stack that nobody uses; `argument` suits `function`.
#[cfg(target_arch = "aarch64")]
unsafe fn switch(top: usize, function: extern "C" fn(*mut u8), argument: *mut u8) {
    // SAFETY: x20 outlives the call, by the ABI, and brings the stack pointer back.
    unsafe {
        std::arch::asm!(
            "mov x20, sp",
            "mov sp, {top}",
            "blr {function}",
            "mov sp, x20",
            top = in(reg) top,
            function = in(reg) function,
            in("x0") argument,
            out("x20") _,
            clobber_abi("C"),
        );
    }
}

/// # Safety
/// None is needed: [`CHANGES`] is false.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn switch(_: usize, function: extern "C" fn(*mut u8), argument: *mut u8) {
    function(argument);
}

/// The interrupted stack pointer.
#[cfg(target_arch = "x86_64")]
fn pointer(context: &libc::ucontext_t) -> usize {
    let pointer = context.uc_mcontext.gregs[libc::REG_RSP as usize];
    usize::from_ne_bytes(pointer.to_ne_bytes())
}

#[cfg(target_arch = "aarch64")]
fn pointer(context: &libc::ucontext_t) -> usize {
    usize::from_ne_bytes(context.uc_mcontext.sp.to_ne_bytes())
}

/// Any address, as it is where the signal came.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn pointer(context: &libc::ucontext_t) -> usize {
    std::ptr::from_ref(context).addr()
}
