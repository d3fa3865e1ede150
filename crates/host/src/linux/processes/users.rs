//! /etc/passwd: the names of users.

use super::stat::number;
use std::collections::BTreeMap;
use std::path::Path;

/// The names of users by number, as the machine's own list has them.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<u32, String>);

impl Users {
    /// Reads the list of a machine; one that cannot be read names nobody.
    pub(super) fn read(root: &Path) -> Self {
        let text = std::fs::read(root.join("etc/passwd")).unwrap_or_default();
        Self(parse_passwd(&text))
    }

    pub(super) fn name(&self, id: u32) -> Option<&str> {
        self.0.get(&id).map(String::as_str)
    }
}

/// The names of users by number, from the text of /etc/passwd; the first name of a number holds.
///
/// Source: passwd(5).
#[must_use]
pub fn parse_passwd(text: &[u8]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in text.split(|b| *b == b'\n') {
        let mut fields = line.split(|b| *b == b':');
        let (Some(name), Some(id)) = (fields.next(), fields.nth(1).and_then(number)) else {
            continue;
        };
        names.entry(id).or_insert_with(|| String::from_utf8_lossy(name).into_owned());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_and_the_first_of_a_number_holds() {
        let text = b"root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n\nx:y\na:b:-1\n\
            \xff:x:7:7::/:\n";
        let names: Vec<_> = parse_passwd(text).into_iter().collect();
        assert_eq!(names, [(0, "root".to_owned()), (7, "\u{fffd}".to_owned())]);
    }
}
