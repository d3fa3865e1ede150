//! A fault as the kernel tells it to a signal handler.

use memtide_core::page::Access;

/// The two signals that faults come as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGBUS.
    Bus,
    /// SIGSEGV.
    Segv,
}

impl Signal {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::Bus, Self::Segv];

    /// The system's number for it.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Bus => libc::SIGBUS,
            Self::Segv => libc::SIGSEGV,
        }
    }

    pub(super) fn of(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.number() == number)
    }
}

/// An access that the kernel didn't let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What was accessed.
    pub(crate) address: u64,
    /// How. On machines whose kernel doesn't tell, a write.
    pub(crate) access: Access,
    /// What it came as.
    pub(crate) signal: Signal,
    /// The kernel's reason, such as SEGV_ACCERR or BUS_ADRERR.
    pub(crate) code: i32,
}

/// What becomes of a thread that faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It tries again.
    Resume,
    /// The fault goes to who had the signal before.
    NotOurs,
    /// So does another, in its place: to most, the end of the process.
    Die {
        /// The signal.
        as_signal: Signal,
        /// Its `si_code`, positive, such as SEGV_ACCERR.
        code: i32,
        /// Its `si_addr`.
        address: u64,
    },
}

/// The part of `siginfo_t` that signals of faults have.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct FaultInfo {
    pub(super) signal: i32,
    pub(super) error: i32,
    pub(super) code: i32,
    padding: i32,
    pub(super) address: u64,
}

const _: () = {
    assert!(size_of::<FaultInfo>() == 24);
    assert!(size_of::<FaultInfo>() <= size_of::<libc::siginfo_t>());
    assert!(align_of::<FaultInfo>() <= align_of::<libc::siginfo_t>());
};

impl FaultInfo {
    /// That of a siginfo, and whether the thread itself caused it: not another's `kill`.
    pub(super) fn of(info: &libc::siginfo_t) -> Self {
        // SAFETY: a siginfo begins with these fields, at least as large and as aligned, and all
        // its bytes are initialised by the kernel.
        unsafe { *std::ptr::from_ref(info).cast() }
    }

    /// Whether an instruction of the thread caused it, so that it would cause it again.
    pub(super) const fn is_of_an_instruction(&self) -> bool {
        let advice = self.signal == libc::SIGBUS && self.code == libc::BUS_MCEERR_AO;
        self.code > 0 && !advice
    }

    /// The same siginfo, with these fields instead.
    pub(super) fn put(signal: Signal, code: i32, address: u64, into: &mut libc::siginfo_t) {
        let fields = Self { signal: signal.number(), error: 0, code, padding: 0, address };
        // SAFETY: as in `of`.
        unsafe { *std::ptr::from_mut(into).cast() = fields }
    }
}

/// How memory was accessed: the page fault's error code, bit 1 a write, bit 4 a fetch.
#[cfg(target_arch = "x86_64")]
pub(super) fn access(context: &libc::ucontext_t) -> Access {
    let error = context.uc_mcontext.gregs[libc::REG_ERR as usize];
    match (error & 1 << 4 != 0, error & 1 << 1 != 0) {
        (true, _) => Access::Execute,
        (false, true) => Access::Write,
        (false, false) => Access::Read,
    }
}

/// How memory was accessed: the exception syndrome, which the kernel puts among the records that
/// follow the registers. Each begins with its kind and its size; a kind of zero ends them.
#[cfg(target_arch = "aarch64")]
pub(super) fn access(context: &libc::ucontext_t) -> Access {
    const ESR_MAGIC: u32 = 0x4553_5201;
    const RECORDS_BYTES: usize = 4096;
    let registers = &raw const context.uc_mcontext;
    // SAFETY: the records are the last field of the registers, 4096 bytes aligned to 16, which
    // the libc crate keeps private.
    let records: &[u8; RECORDS_BYTES] =
        unsafe { &*registers.byte_add(size_of_val(&context.uc_mcontext) - RECORDS_BYTES).cast() };
    let word = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&records[at..at + 4]);
        u32::from_ne_bytes(bytes)
    };
    let mut at = 0;
    while at + 16 <= RECORDS_BYTES {
        match (word(at), word(at + 4)) {
            (0, _) | (_, 0..8) => break,
            (ESR_MAGIC, _) => return access_of_syndrome(word(at + 8)),
            (_, bytes) => at = at.saturating_add(bytes as usize),
        }
    }
    Access::Write
}

/// The class of exception is bits 26 to 31; of a data abort bit 6 is a write, unless bit 8 says
/// that it is cache maintenance.
#[cfg(target_arch = "aarch64")]
const fn access_of_syndrome(syndrome: u32) -> Access {
    const INSTRUCTION_ABORT: u32 = 0x20;
    const DATA_ABORT: u32 = 0x24;
    match syndrome >> 26 {
        INSTRUCTION_ABORT => Access::Execute,
        DATA_ABORT if syndrome & 1 << 6 == 0 || syndrome & 1 << 8 != 0 => Access::Read,
        _ => Access::Write,
    }
}

/// How memory was accessed, where nothing tells: a write is granted what any access needs.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) const fn access(_: &libc::ucontext_t) -> Access {
    Access::Write
}
