//! The memory lists, and the commands to the memory manager.

use super::ELEVATED;
use super::HOLLOW;
use crate::doctor::Capability;
use crate::doctor::Finding;
use crate::windows::clean::lists as memory_lists;
use crate::windows::native::version::Version;

const ON_WINDOWS: &str = "run it on Windows";

pub(super) fn examine(version: Version, wine: bool) -> Vec<Capability> {
    vec![
        lists(wine).of("memory-lists", "free, standby and modified memory, list by list"),
        command(version, wine, None).of("clean-lists", "cleaning working sets and the lists"),
        command(version, wine, Some((Version::WINDOWS_8_1, "Windows 8.1")))
            .of("clean-registry", "cleaning the registry's cache"),
        command(version, wine, Some((Version::WINDOWS_10, "Windows 10")))
            .of("clean-combine", "keeping equal pages once"),
    ]
}

fn lists(wine: bool) -> Finding {
    match memory_lists::read() {
        Ok(lists) => {
            let free = memory_lists::free(&lists).unwrap_or_default();
            let standby = lists.standby.unwrap_or_default();
            Finding::works(format!("{free} free, {standby} standby"))
        }
        Err(error) => Finding::fails(error.to_string(), if wine { ON_WINDOWS } else { ELEVATED }),
    }
}

/// A command cannot be tried without being carried out: what is told is whether it is there.
fn command(version: Version, wine: bool, since: Option<(Version, &str)>) -> Finding {
    let since = since.filter(|(since, _)| version < *since);
    match (wine, since) {
        (true, _) => Finding::fails(HOLLOW, ON_WINDOWS),
        (false, Some((since, name))) => {
            Finding::fails(format!("this is {version}"), format!("{name} ({since}) or newer"))
        }
        (false, None) => Finding::works(format!("Windows {version} has it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_a_windows_is_too_old_for_is_told_with_what_has_it() {
        let since = Some((Version::WINDOWS_10, "Windows 10"));
        let old = command(Version::WINDOWS_8_1, false, since).of("x", "y");
        assert_eq!(old.verdict, Verdict::Fails);
        assert_eq!(old.remedy.as_deref(), Some("Windows 10 (10.0.10240) or newer"));
        let new = command(Version::WINDOWS_10, false, since).of("x", "y");
        assert_eq!((new.verdict, new.remedy), (Verdict::Works, None));
    }

    #[test]
    fn a_yes_of_wine_is_not_taken_for_one() {
        let wine = command(Version::WINDOWS_10, true, None).of("x", "y");
        assert_eq!(wine.verdict, Verdict::Fails);
        assert!(wine.evidence.contains("hollow"), "{}", wine.evidence);
    }
}
