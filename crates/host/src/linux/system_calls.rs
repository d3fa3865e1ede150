//! The system calls that rustix has no safe form of.
//!
//! This is the only file of the crate with `unsafe` in it.
#![allow(unsafe_code)]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::io;

/// `cachestat`, by the same number on every architecture Linux gained since 2019.
const CACHESTAT: libc::c_long = 451;

/// `_IOWR('f', 16, struct pm_scan_arg)`.
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;

/// `_IO(0xAA, 0x00)`.
const USERFAULTFD_NEW: libc::c_ulong = 0xaa00;

/// `_IOWR(0xAA, 0x3F, struct uffdio_api)`.
const USERFAULTFD_API: libc::c_ulong = 0xc018_aa3f;

/// Whether this process may advise the kernel on another's memory: asks with no range at all.
///
/// Source: process_madvise(2), since Linux 5.10.
pub(crate) fn may_advise(process: BorrowedFd<'_>) -> io::Result<()> {
    let nothing = std::ptr::null::<libc::iovec>();
    // SAFETY: a vector of no ranges is never read, and advice on nothing changes nothing.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            process.as_raw_fd(),
            nothing,
            0_usize,
            libc::MADV_COLD,
            0,
        )
    };
    done(advised)
}

/// Whether the kernel tells how much of a file is cached.
///
/// Source: cachestat(2), since Linux 6.5.
pub(crate) fn may_ask_for_cache(file: BorrowedFd<'_>) -> io::Result<()> {
    let range = [0_u64; 2];
    let mut counts = [0_u64; 5];
    // SAFETY: `struct cachestat_range` is two u64 that the call reads, `struct cachestat` five
    // that it writes; both live through it.
    let result = unsafe {
        libc::syscall(CACHESTAT, file.as_raw_fd(), range.as_ptr(), counts.as_mut_ptr(), 0)
    };
    done(result)
}

/// Whether the kernel finds pages by their state: scans an empty range of a pagemap file.
///
/// Source: the kernel's admin guide, "pagemap", since Linux 6.7.
pub(crate) fn may_scan_pages(pagemap: BorrowedFd<'_>) -> io::Result<()> {
    // `struct pm_scan_arg` is twelve u64, the first of them its own size; a scan from address 0
    // to address 0 that returns no region.
    let mut argument = [0_u64; 12];
    argument[0] = size_of_val(&argument) as u64;
    // SAFETY: the argument has the size that it says and lives through the call; without a
    // vector of regions the kernel writes nothing else.
    let result = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, argument.as_mut_ptr()) };
    done(result)
}

/// How a userfaultfd handles the faults of system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultMode {
    /// As those of the program.
    Full,
    /// Not: the system call fails.
    UserOnly,
}

/// A userfaultfd from the system call, with nothing registered.
///
/// Source: userfaultfd(2).
pub(crate) fn userfaultfd(mode: FaultMode) -> io::Result<OwnedFd> {
    let only = match mode {
        FaultMode::Full => 0,
        FaultMode::UserOnly => 1,
    };
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | only;
    // SAFETY: the call takes no pointer; until memory is registered the descriptor does nothing.
    owned(unsafe { libc::syscall(libc::SYS_userfaultfd, flags) })
}

/// A userfaultfd from the open file /dev/userfaultfd, with nothing registered.
pub(crate) fn userfaultfd_of_device(device: impl AsFd) -> io::Result<OwnedFd> {
    let flags = libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: the call takes no pointer; until memory is registered the descriptor does nothing.
    let file = unsafe { libc::ioctl(device.as_fd().as_raw_fd(), USERFAULTFD_NEW, flags) };
    owned(file.into())
}

/// The features of a new userfaultfd, as a set of bits.
///
/// Source: ioctl_userfaultfd(2), UFFDIO_API.
pub(crate) fn userfaultfd_features(file: &OwnedFd) -> io::Result<u64> {
    // `struct uffdio_api`: the version of the interface, features, ioctls. Asking for none
    // answers with all.
    let mut api = [0xaa_u64, 0, 0];
    // SAFETY: the argument is three u64 that live through the call, as it reads and writes.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), USERFAULTFD_API, api.as_mut_ptr()) };
    done(result)?;
    Ok(api[1])
}

fn done(result: impl Into<i64>) -> io::Result<()> {
    if result.into() < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(result) {
        // SAFETY: the kernel has just opened this descriptor for us alone.
        Ok(file @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(file) }),
        _ => Err(io::Error::last_os_error()),
    }
}
