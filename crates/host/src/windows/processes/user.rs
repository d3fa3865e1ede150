//! Whose a process is, by its token.

use crate::processes::User;
use crate::windows::native::process::ProcessHandle;
use crate::windows::native::security_identifier::SecurityIdentifier;
use std::collections::BTreeMap;

/// Users by their identifiers: a name is asked for once.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<SecurityIdentifier, User>);

impl Users {
    /// The user of a process; `None` where its token may not be read.
    pub(super) fn of(&mut self, process: &ProcessHandle) -> Option<User> {
        let identifier = process.user().ok()?;
        let user = self.0.entry(identifier).or_insert_with_key(|identifier| User {
            id: identifier.relative(),
            name: identifier.account().or_else(|| Some(identifier.to_string())),
        });
        Some(user.clone())
    }
}
