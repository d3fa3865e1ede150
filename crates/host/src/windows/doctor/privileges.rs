//! The privileges that cleaning and looking take.

use super::ELEVATED;
use crate::doctor::Capability;
use crate::doctor::Finding;
use crate::windows::native::privilege::Privilege;
use crate::windows::native::token::{Held, held};

pub(super) fn examine() -> Vec<Capability> {
    vec![
        privilege(Privilege::ProfileSingleProcess).of(
            "privilege-memory-lists",
            "reading and cleaning the memory lists (SeProfileSingleProcessPrivilege)",
        ),
        privilege(Privilege::IncreaseQuota).of(
            "privilege-file-cache",
            "cleaning the file cache's working set (SeIncreaseQuotaPrivilege)",
        ),
        privilege(Privilege::Debug)
            .of("privilege-debug", "looking into processes of others (SeDebugPrivilege)"),
    ]
}

fn privilege(privilege: Privilege) -> Finding {
    let name = privilege.name();
    match held(privilege) {
        Ok(Held::Enabled) => Finding::works(format!("{name} is held and enabled")),
        Ok(Held::Disabled) => {
            Finding::works(format!("{name} is held; it is enabled only while it is needed"))
        }
        Ok(Held::Absent) => Finding::fails(format!("this process does not hold {name}"), ELEVATED),
        Err(error) => Finding::unknown(format!("GetTokenInformation: {error}")),
    }
}
