//! userfaultfd: paging in user space.

use super::probe::Probe;
use crate::doctor::{Capability, Finding};
use crate::linux::system_calls::{
    FaultMode, userfaultfd, userfaultfd_features, userfaultfd_of_device,
};
use rustix::fd::OwnedFd;
use std::fs::OpenOptions;
use std::io;

const NO_USERFAULTFD: &str = "a kernel with CONFIG_USERFAULTFD";

/// The features a space can use: name in `UFFD_FEATURE_…`, bit, purpose, and the first kernel.
const FEATURES: [(&str, &str, u32, &str, &str); 4] = [
    ("userfaultfd-sigbus", "SIGBUS", 7, "handling a fault in the thread that took it", "4.14"),
    ("userfaultfd-poison", "POISON", 14, "telling a program that a page could not be read", "6.6"),
    ("userfaultfd-wp-async", "WP_ASYNC", 15, "learning which pages were written", "6.7"),
    ("userfaultfd-move", "MOVE", 16, "moving pages out and back without a copy", "6.8"),
];

pub(super) fn examine(probe: &Probe) -> Vec<Capability> {
    let full = userfaultfd(FaultMode::Full);
    let user = userfaultfd(FaultMode::UserOnly);
    let path = probe.path("dev/userfaultfd");
    let device = OpenOptions::new().read(true).write(true).open(&path);
    let device_file = device.and_then(userfaultfd_of_device);
    let from_device = match &device_file {
        Ok(_) => Finding::works(format!("{} gives one", path.display())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Finding::fails(
            format!("opening {}: {error}", path.display()),
            format!("an ACL on {} for this user (setfacl -m u:USER:rw)", path.display()),
        ),
        Err(error) => Probe::refused("opening", &path, error, "a kernel from 6.1 on"),
    };
    let call = |tried: &io::Result<OwnedFd>, what, permitted| match tried {
        Ok(_) => Finding::works(what),
        Err(error) => probe.call_failed("userfaultfd", error, NO_USERFAULTFD, permitted),
    };
    let kernel_faults = "vm.unprivileged_userfaultfd = 1, or access to /dev/userfaultfd";
    let mut found = vec![
        call(&full, "faults of programs and of system calls are handled", kernel_faults)
            .of("userfaultfd", "a space whose memory may be handed to system calls"),
        call(
            &user,
            "faults of programs are handled (UFFD_USER_MODE_ONLY)",
            "a kernel from 5.11 on",
        )
        .of("userfaultfd-user", "a space whose memory programs alone touch"),
        from_device.of("userfaultfd-device", "the first without root"),
    ];
    let any = [full, user, device_file].into_iter().find_map(Result::ok);
    let features = any.map(|file| userfaultfd_features(&file));
    found.extend(FEATURES.map(|(id, name, bit, purpose, since)| {
        feature(features.as_ref(), name, bit, since).of(id, purpose)
    }));
    found
}

fn feature(features: Option<&io::Result<u64>>, name: &str, bit: u32, since: &str) -> Finding {
    match features {
        Some(Ok(bits)) if bits & (1 << bit) != 0 => {
            Finding::works(format!("UFFD_FEATURE_{name} is offered"))
        }
        Some(Ok(bits)) => Finding::fails(
            format!("UFFD_FEATURE_{name} is not among the features {bits:#x}"),
            format!("a kernel from {since} on"),
        ),
        Some(Err(error)) => Finding::unknown(format!("UFFDIO_API: {error}")),
        None => Finding::unknown("without a userfaultfd its features cannot be asked for"),
    }
}
