//! Which Windows this is, and what this process may do in it.

use super::ELEVATED;
use crate::doctor::Capability;
use crate::doctor::Finding;
use crate::windows::native::token::is_elevated;
use crate::windows::native::version::Version;

pub(super) fn examine(version: Version, wine: bool) -> Vec<Capability> {
    let windows = match wine {
        false => Finding::works(format!("Windows {version}")),
        true => Finding::fails(
            format!(
                "this is Wine, which says that it is Windows {version}: conditions and processes \
                 are real, and what it answers to the memory manager's commands is hollow"
            ),
            "run it on Windows, to see or to clean Windows' memory",
        ),
    };
    let elevated = match is_elevated() {
        Ok(true) => Finding::works("this process runs elevated"),
        Ok(false) => Finding::fails("this process doesn't run elevated", ELEVATED),
        Err(error) => Finding::unknown(format!("GetTokenInformation: {error}")),
    };
    vec![
        windows.of("windows", "the native memory manager"),
        elevated.of("elevated", "cleaning, and looking into processes of others"),
    ]
}
