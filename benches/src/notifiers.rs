//! What people use today to learn that memory is low, reduced to how each one looks.

use memtide_core::units::Bytes;
use memtide_host::{Machine, Scope};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A way to learn that memory is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notifier {
    /// A PSI trigger with the shortest window that needs no capability: 100 ms of waiting in 2 s.
    PsiUnprivileged,
    /// A PSI trigger with the window that CAP_SYS_RESOURCE allows: 50 ms in 500 ms.
    PsiPrivileged,
    /// GLib's fallback: a look every ten seconds.
    GlibPoll,
    /// earlyoom's loop: 0.1 to 1 s, by how long 6 GB/s would take to fill what is left.
    EarlyoomLoop,
}

impl Notifier {
    pub(crate) const ALL: [Self; 4] =
        [Self::PsiUnprivileged, Self::PsiPrivileged, Self::GlibPoll, Self::EarlyoomLoop];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PsiUnprivileged => "PSI trigger, 2 s window",
            Self::PsiPrivileged => "PSI trigger, 500 ms window",
            Self::GlibPoll => "poll every 10 s (GLib's fallback)",
            Self::EarlyoomLoop => "poll every 0.1–1 s (earlyoom's loop)",
        }
    }

    /// Blocks until it notices; `None` when `over` came first, or where it cannot be had.
    pub(crate) fn notice(self, group: &Path, mark: Bytes, over: &AtomicBool) -> Option<i64> {
        match self {
            Self::PsiUnprivileged => psi(b"some 100000 2000000\0", over),
            Self::PsiPrivileged => psi(b"some 50000 500000\0", over),
            Self::GlibPoll => looking(group, mark, over, |_| Duration::from_secs(10)),
            Self::EarlyoomLoop => looking(group, mark, over, |left| {
                let filled_in = Duration::from_micros(left.0 / 6000);
                filled_in.clamp(Duration::from_millis(100), Duration::from_secs(1))
            }),
        }
    }

    /// Whether this process may use it.
    pub(crate) fn can_be_had(self) -> bool {
        let trigger: &[u8] = match self {
            Self::PsiUnprivileged => b"some 100000 2000000\0",
            Self::PsiPrivileged => b"some 50000 500000\0",
            Self::GlibPoll | Self::EarlyoomLoop => return true,
        };
        trigger_file(trigger).is_some()
    }
}

fn trigger_file(trigger: &[u8]) -> Option<std::os::fd::OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = open("/proc/pressure/memory", flags, Mode::empty()).ok()?;
    rustix::io::write(&file, trigger).ok()?;
    Some(file)
}

fn psi(trigger: &[u8], over: &AtomicBool) -> Option<i64> {
    let file = trigger_file(trigger)?;
    while !over.load(Ordering::SeqCst) {
        let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
        let mut descriptors = [PollFd::new(&file, PollFlags::PRI)];
        if poll(&mut descriptors, Some(&timeout)) == Ok(1) {
            return Some(crate::filler::monotonic_us());
        }
    }
    None
}

fn looking(
    group: &Path,
    mark: Bytes,
    over: &AtomicBool,
    interval: impl Fn(Bytes) -> Duration,
) -> Option<i64> {
    let mut machine = Machine::open(&Scope::Cgroup(group.to_path_buf())).ok()?;
    // A poller is anywhere in its interval when memory begins to fill.
    let mut sleep = interval(Bytes(u64::MAX)).mul_f64(phase());
    loop {
        let until = std::time::Instant::now() + sleep;
        while std::time::Instant::now() < until {
            if over.load(Ordering::SeqCst) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let available = machine.levels().ok()?.0.available?;
        if available < mark {
            return Some(crate::filler::monotonic_us());
        }
        sleep = interval(available.saturating_sub(mark));
    }
}

/// A number from 0 to 1 that differs from round to round.
#[expect(clippy::cast_precision_loss, reason = "a number below a thousand")]
fn phase() -> f64 {
    (crate::filler::monotonic_us() % 997) as f64 / 997.0
}
