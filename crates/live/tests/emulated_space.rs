//! Spaces on kernels other than this machine's: `cargo xtask emulate`.
#![cfg(target_os = "linux")]
#![allow(clippy::cast_possible_truncation, reason = "addresses and sizes have 64 bits here")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memtide_live::Disposition;
use support::{
    GUARD, MIB, PAGE, PATHS, READ_ONLY, READ_WRITE, bounded, check, committed, load, machine, mark,
    space, store,
};

#[test]
#[ignore = "for other kernels: cargo xtask emulate"]
fn spaces_keep_every_byte_and_tell_exceptions_on_this_kernel() {
    bounded(|| {
        for path in PATHS {
            for compression in [None, Some(25)] {
                let machine = machine(8, compression);
                let space = space(&machine, path);
                let base = committed(&space, 16 * MIB);
                mark(base, 16 * MIB, 3);
                check(base, 16 * MIB, 3);

                let seen = Arc::new(AtomicU32::new(0));
                let count = Arc::clone(&seen);
                space.on_exception(Box::new(move |_| {
                    count.fetch_add(1, Ordering::AcqRel);
                    Disposition::Retry
                }));
                space.protect(base, PAGE, READ_WRITE | GUARD).expect("a guard");
                store(base, 7);
                assert_eq!((load(base), seen.load(Ordering::Acquire)), (7, 1), "{path:?}");

                space.protect(base + PAGE, PAGE, READ_ONLY).expect("a protection");
                check(base + PAGE, PAGE, 4);
                assert_eq!(seen.load(Ordering::Acquire), 1, "{path:?}: reads are allowed");
                machine.verify().expect("a sound machine");
            }
        }
    });
}
