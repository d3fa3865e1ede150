//! What `<linux/userfaultfd.h>` says, as of Linux 6.18.
//!
//! linux-raw-sys stops at Linux 6.1, before POISON and MOVE.

use rustix::ioctl::{Opcode, opcode};

const GROUP: u8 = 0xaa;

/// The one version of the interface.
pub(super) const API: u64 = 0xaa;

pub(super) const UFFDIO_API: Opcode = opcode::read_write::<Api>(GROUP, 0x3f);
pub(super) const UFFDIO_REGISTER: Opcode = opcode::read_write::<Register>(GROUP, 0x00);
pub(super) const UFFDIO_UNREGISTER: Opcode = opcode::read::<Range>(GROUP, 0x01);
pub(super) const UFFDIO_WAKE: Opcode = opcode::read::<Range>(GROUP, 0x02);
pub(super) const UFFDIO_COPY: Opcode = opcode::read_write::<Transfer>(GROUP, 0x03);
#[cfg(test)]
pub(super) const UFFDIO_ZEROPAGE: Opcode = opcode::read_write::<Fill>(GROUP, 0x04);
pub(super) const UFFDIO_MOVE: Opcode = opcode::read_write::<Transfer>(GROUP, 0x05);
pub(super) const UFFDIO_WRITEPROTECT: Opcode = opcode::read_write::<WriteProtect>(GROUP, 0x06);
pub(super) const UFFDIO_CONTINUE: Opcode = opcode::read_write::<Fill>(GROUP, 0x07);
pub(super) const UFFDIO_POISON: Opcode = opcode::read_write::<Fill>(GROUP, 0x08);
/// Of /dev/userfaultfd.
pub(super) const USERFAULTFD_IOC_NEW: Opcode = opcode::none(GROUP, 0x00);

pub(super) const FEATURE_PAGEFAULT_FLAG_WP: u64 = 1 << 0;
pub(super) const FEATURE_SIGBUS: u64 = 1 << 7;
pub(super) const FEATURE_THREAD_ID: u64 = 1 << 8;
pub(super) const FEATURE_MINOR_SHMEM: u64 = 1 << 10;
pub(super) const FEATURE_EXACT_ADDRESS: u64 = 1 << 11;
pub(super) const FEATURE_WP_HUGETLBFS_SHMEM: u64 = 1 << 12;
pub(super) const FEATURE_POISON: u64 = 1 << 14;
pub(super) const FEATURE_MOVE: u64 = 1 << 16;

pub(super) const REGISTER_MODE_MISSING: u64 = 1 << 0;
pub(super) const REGISTER_MODE_WP: u64 = 1 << 1;
pub(super) const REGISTER_MODE_MINOR: u64 = 1 << 2;

/// Of COPY, ZEROPAGE, CONTINUE, MOVE and POISON.
pub(super) const MODE_DONTWAKE: u64 = 1 << 0;
pub(super) const COPY_MODE_WP: u64 = 1 << 1;
/// Since Linux 6.4; no feature tells it.
pub(super) const CONTINUE_MODE_WP: u64 = 1 << 1;
pub(super) const WRITEPROTECT_MODE_WP: u64 = 1 << 0;
pub(super) const WRITEPROTECT_MODE_DONTWAKE: u64 = 1 << 1;

/// Of the system call.
pub(super) const USER_MODE_ONLY: u32 = 1;

pub(super) const EVENT_PAGEFAULT: u8 = 0x12;
pub(super) const PAGEFAULT_FLAG_WRITE: u64 = 1 << 0;
pub(super) const PAGEFAULT_FLAG_WP: u64 = 1 << 1;

/// `struct uffdio_api`.
#[repr(C)]
pub(super) struct Api {
    pub(super) api: u64,
    pub(super) features: u64,
    pub(super) ioctls: u64,
}

/// `struct uffdio_range`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) bytes: u64,
}

/// `struct uffdio_register`.
#[repr(C)]
pub(super) struct Register {
    pub(super) range: Range,
    pub(super) mode: u64,
    pub(super) ioctls: u64,
}

/// `struct uffdio_copy` and `struct uffdio_move`.
#[repr(C)]
pub(super) struct Transfer {
    pub(super) to: u64,
    pub(super) from: u64,
    pub(super) bytes: u64,
    pub(super) mode: u64,
    /// Out: bytes done, or the error as a negative number.
    pub(super) done: i64,
}

/// `struct uffdio_zeropage`, `struct uffdio_continue` and `struct uffdio_poison`.
#[repr(C)]
pub(super) struct Fill {
    pub(super) range: Range,
    pub(super) mode: u64,
    /// Out: bytes done, or the error as a negative number.
    pub(super) done: i64,
}

/// `struct uffdio_writeprotect`.
#[repr(C)]
pub(super) struct WriteProtect {
    pub(super) range: Range,
    pub(super) mode: u64,
}

/// Bytes of a `struct uffd_msg`: the event, 7 bytes unused, then 24 that depend on the event.
pub(super) const MESSAGE_BYTES: usize = 32;

const _: () = {
    assert!(size_of::<Api>() == 24);
    assert!(size_of::<Range>() == 16);
    assert!(size_of::<Register>() == 32);
    assert!(size_of::<Transfer>() == 40);
    assert!(size_of::<Fill>() == 32);
    assert!(size_of::<WriteProtect>() == 24);
    assert!(UFFDIO_API == 0xc018_aa3f);
    assert!(UFFDIO_MOVE == 0xc028_aa05);
    assert!(UFFDIO_UNREGISTER == 0x8010_aa01);
};
