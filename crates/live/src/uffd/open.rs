//! Opening a userfaultfd, by the least privilege that will do.

use rustix::fd::{FromRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Updater};
use rustix::mm::UserfaultfdFlags;

use super::abi;
use super::features::{FaultPath, Without, wanted};

/// Why there is no userfaultfd for a space, and what would enable one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The kernel has none at all.
    #[error(
        "the kernel has no userfaultfd ({0}): it takes Linux 5.7 or later, built with \
         CONFIG_USERFAULTFD"
    )]
    NoUserfaultfd(Errno),
    /// This process may not have one that reports the faults of system calls.
    #[error(
        "a handler thread may not see the faults of system calls (userfaultfd: {call}; \
         /dev/userfaultfd: {device}): allow this user to open /dev/userfaultfd (setfacl -m \
         u:USER:rw /dev/userfaultfd), or set vm.unprivileged_userfaultfd = 1, or grant \
         CAP_SYS_PTRACE"
    )]
    NoKernelFaults {
        /// The error of the system call.
        call: Errno,
        /// The error of the device.
        device: Errno,
    },
    /// This process may not have any.
    #[error(
        "userfaultfd is not permitted (for user mode: {user}; in full: {call}; \
         /dev/userfaultfd: {device}): a container's seccomp profile must allow the userfaultfd \
         system call, or this user must be allowed to open /dev/userfaultfd, or on kernels \
         before 5.11 vm.unprivileged_userfaultfd must be 1"
    )]
    NotPermitted {
        /// The error of the system call for user mode only.
        user: Errno,
        /// The error of the system call for full mode.
        call: Errno,
        /// The error of the device.
        device: Errno,
    },
    /// The kernel's userfaultfd lacks what spaces can't do without.
    #[error("the kernel's userfaultfd has no {missing}: it takes {since} or later")]
    TooOld {
        /// The feature.
        missing: &'static str,
        /// The first kernel that has it.
        since: &'static str,
    },
    /// The process has no file descriptor left, or the kernel no memory.
    #[error("userfaultfd could not be opened: {0}")]
    Failed(Errno),
}

/// An open userfaultfd, its features not negotiated.
pub(super) struct Opened {
    pub(super) file: OwnedFd,
    pub(super) kernel_faults: bool,
}

/// Opens one for a path.
pub(super) fn open(path: FaultPath) -> Result<Opened, OpenError> {
    let user = match path {
        // As in full mode faults of system calls fail, so that the privilege would buy nothing.
        FaultPath::InThread => match by_call(abi::USER_MODE_ONLY) {
            Ok(file) => return Ok(Opened { file, kernel_faults: false }),
            Err(error) => Some(error),
        },
        FaultPath::Handler => None,
    };
    let kernel_faults = path == FaultPath::Handler;
    let call = match by_call(0) {
        Ok(file) => return Ok(Opened { file, kernel_faults }),
        Err(error) => error,
    };
    let device = match by_device() {
        Ok(file) => return Ok(Opened { file, kernel_faults }),
        Err(error) => error,
    };
    Err(match (call, user) {
        (Errno::NOSYS, _) => OpenError::NoUserfaultfd(call),
        (Errno::MFILE | Errno::NFILE | Errno::NOMEM, _) => OpenError::Failed(call),
        (_, None) => OpenError::NoKernelFaults { call, device },
        (_, Some(user)) => OpenError::NotPermitted { user, call, device },
    })
}

fn by_call(mode: u32) -> Result<OwnedFd, Errno> {
    let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK;
    let flags = flags | UserfaultfdFlags::from_bits_retain(mode);
    // SAFETY: it changes no memory before memory is registered with it, which `Uffd` answers for.
    unsafe { rustix::mm::userfaultfd(flags) }
}

fn by_device() -> Result<OwnedFd, Errno> {
    let device =
        rustix::fs::open("/dev/userfaultfd", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    // SAFETY: the request takes flags instead of a pointer, and opens a descriptor.
    unsafe { rustix::ioctl::ioctl(&device, New) }
}

/// `ioctl(USERFAULTFD_IOC_NEW, flags)`: its argument is a number and its result a descriptor.
struct New;

// SAFETY: the request reads and writes no memory; its argument is flags.
unsafe impl Ioctl for New {
    type Output = OwnedFd;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        abi::USERFAULTFD_IOC_NEW
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK;
        std::ptr::without_provenance_mut(flags.bits() as usize)
    }

    unsafe fn output_from_ptr(
        file: IoctlOutput,
        _: *mut core::ffi::c_void,
    ) -> Result<OwnedFd, Errno> {
        // SAFETY: the kernel has just opened this descriptor for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(file) })
    }
}

/// Asks for the features of a path, of those that the kernel has, and returns them as bits.
pub(super) fn negotiate(
    opened: &Opened,
    path: FaultPath,
    without: Without,
) -> Result<u64, OpenError> {
    // A descriptor negotiates once, and to ask what there is counts.
    let probe = open(path)?;
    let known = api(&probe.file, 0).map_err(OpenError::Failed)?;
    let wanted = wanted(path, without, known);
    if wanted & abi::FEATURE_PAGEFAULT_FLAG_WP == 0 {
        let since = if cfg!(target_arch = "aarch64") { "Linux 6.10" } else { "Linux 5.7" };
        return Err(OpenError::TooOld { missing: "write protection", since });
    }
    api(&opened.file, wanted).map_err(OpenError::Failed)?;
    Ok(wanted)
}

/// The features of a descriptor, having asked for some.
pub(super) fn api(file: &OwnedFd, features: u64) -> Result<u64, Errno> {
    let mut api = abi::Api { api: abi::API, features, ioctls: 0 };
    // SAFETY: UFFDIO_API reads and writes a `struct uffdio_api`, which lives through the call.
    let request = unsafe { Updater::<{ abi::UFFDIO_API }, _>::new(&mut api) };
    // SAFETY: as above.
    unsafe { rustix::ioctl::ioctl(file, request) }?;
    Ok(api.features)
}
