//! The system calls that rustix has no safe form of.
//!
//! This is the only file of the crate with `unsafe` in it.
#![allow(unsafe_code)]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use rustix::process::Pid;
use std::ffi::CString;
use std::io;
use std::ops::Range;

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

/// Advises the kernel to take these ranges of another process' memory out of its working set.
///
/// Returns how many bytes were *advised*, from the first range on, which says nothing of how many
/// left; fewer than the ranges hold means that the range after them was refused.
///
/// Source: process_madvise(2), since Linux 5.10.
pub(crate) fn page_out(process: BorrowedFd<'_>, ranges: &[Range<u64>]) -> io::Result<u64> {
    let to_iovec = |range: &Range<u64>| -> io::Result<libc::iovec> {
        let address = usize::try_from(range.start).map_err(io::Error::other)?;
        let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        Ok(libc::iovec { iov_base: std::ptr::without_provenance_mut(address), iov_len: length })
    };
    let ranges = ranges.iter().map(to_iovec).collect::<io::Result<Vec<_>>>()?;
    // SAFETY: the vector lives through the call, which only reads it; the addresses in it are
    // another process', and advice to page out never changes what memory holds.
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            process.as_raw_fd(),
            ranges.as_ptr(),
            ranges.len(),
            libc::MADV_PAGEOUT,
            0,
        )
    };
    u64::try_from(advised).map_err(|_| io::Error::last_os_error())
}

/// Offers all memory of this process to KSM, for tests of combining.
///
/// Source: prctl(2), PR_SET_MEMORY_MERGE, since Linux 6.4.
#[cfg(test)]
pub(crate) fn offer_all_memory() -> io::Result<()> {
    // SAFETY: the call takes no pointer, and merging never changes what memory holds.
    done(unsafe { libc::prctl(libc::PR_SET_MEMORY_MERGE, 1, 0, 0, 0) })
}

/// The index that stands for all file systems at once in a [`write_back`] record.
pub(crate) const EVERYTHING: u32 = u32::MAX;

/// Starts a child process that writes the file systems of these directories back, one after the
/// other, and puts a record of eight bytes into `report` for each: its index and 0 or the error.
///
/// A directory that may not be opened is made up for by a write-back of everything at the end.
/// It is a child, not a thread, because a process can't end while one of its threads waits for a
/// disk: this one can be left behind.
pub(crate) fn write_back(directories: &[CString], report: OwnedFd) -> io::Result<Pid> {
    // SAFETY: the child of a program with threads may only make calls that are safe in a signal
    // handler until it ends; the child below makes system calls only, allocates nothing, takes no
    // lock, and ends with _exit.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => write_back_in_child(directories, report.as_raw_fd()),
        child => Pid::from_raw(child).ok_or_else(|| io::Error::other("fork returned no process")),
    }
}

fn write_back_in_child(directories: &[CString], report: libc::c_int) -> ! {
    let kept = libc::c_uint::try_from(report).unwrap_or_default();
    let mut refused = false;
    // SAFETY: plain system calls on numbers and on strings that end in zero and live on; SIGPIPE is
    // ignored so that a parent that has gone doesn't end the write-back.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        // Held open, the parent's other files would keep its readers waiting.
        libc::syscall(libc::SYS_close_range, 0, kept.saturating_sub(1), 0);
        libc::syscall(libc::SYS_close_range, kept.saturating_add(1), libc::c_uint::MAX, 0);
        let flags = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK;
        for (index, directory) in (0u32..).zip(directories) {
            let file = libc::open(directory.as_ptr(), flags);
            let failed = file < 0 || libc::syncfs(file) < 0;
            let error = if failed { *libc::__errno_location() } else { 0 };
            if file >= 0 {
                libc::close(file);
            }
            refused |= file < 0 && (error == libc::EACCES || error == libc::EPERM);
            put_record(report, index, error);
        }
        if refused {
            libc::sync();
            put_record(report, EVERYTHING, 0);
        }
        libc::_exit(0)
    }
}

/// # Safety
/// Only system calls: may be used in a child that shares nothing but memory copies.
unsafe fn put_record(report: libc::c_int, index: u32, error: i32) {
    let mut record = [0; 8];
    record[..4].copy_from_slice(&index.to_ne_bytes());
    record[4..].copy_from_slice(&error.to_ne_bytes());
    // SAFETY: the record lives through the call. A write this small to a pipe is whole or fails;
    // a failed one leaves the parent without a record, which it reads as an unfinished one.
    unsafe { libc::write(report, record.as_ptr().cast(), record.len()) };
}
