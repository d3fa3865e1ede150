//! What could stand where the cursor is.

use memtide_core::PageState;
use memtide_core::conditions::Condition;

use super::arguments::words;
use super::command::{COMMANDS, Command, Completes};
use super::events::FaultKind;
use super::list::FILTERS;
use super::object::DIRECTORY;
use super::target::Target;

/// What could stand in a line from `start`, in bytes, up to the cursor.
pub(super) fn complete(target: &Target, line: &str, cursor: usize) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    let (command, start) = starts(before);
    let typed = before[command..].trim_start();
    let part = &before[start..];
    let name = words(typed).next().unwrap_or_default();
    let all = if start == before.len() - typed.len() {
        COMMANDS.iter().flat_map(|command| command.names).map(|name| (*name).to_owned()).collect()
    } else {
        Command::named(name).map_or(Vec::new(), |command| arguments(target, command.completes))
    };
    (start, all.into_iter().filter(|candidate| candidate.starts_with(part)).collect())
}

/// Where the last command of a line begins, and its last word.
fn starts(line: &str) -> (usize, usize) {
    let (mut command, mut word, mut is_quoted) = (0, 0, false);
    for (at, letter) in line.char_indices() {
        is_quoted ^= letter == '"';
        if !is_quoted && letter == ';' {
            command = at + 1;
            word = at + 1;
        } else if !is_quoted && letter.is_whitespace() {
            word = at + letter.len_utf8();
        }
    }
    (command, word)
}

fn arguments(target: &Target, completes: Completes) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match completes {
        Completes::Nothing => Vec::new(),
        Completes::Processes => processes(target),
        Completes::Lists => owned(&PageState::ALL.map(PageState::word)),
        Completes::Filters => {
            let states = PageState::ALL.map(|state| format!("state={}", state.word()));
            let named = processes(target).into_iter().map(|name| format!("process={name}"));
            owned(&FILTERS).into_iter().chain(states).chain(named).collect()
        }
        Completes::Objects => {
            let objects = Condition::ALL.map(|found| format!("{DIRECTORY}\\{}", found.name()));
            [DIRECTORY.to_owned()].into_iter().chain(objects).collect()
        }
        Completes::Stops => {
            let conditions: Vec<String> = owned(&Condition::ALL.map(Condition::argument));
            let names: Vec<String> = owned(&Condition::ALL.map(Condition::name));
            let kinds: Vec<String> = owned(&FaultKind::ALL.map(FaultKind::word));
            let words: Vec<String> = owned(&["fault", "at", "set", "clear"]);
            [words, conditions, kinds, names, processes(target)].concat()
        }
        Completes::Commands => {
            COMMANDS.iter().flat_map(|found| found.names).map(|name| (*name).to_owned()).collect()
        }
    }
}

/// The names of the processes, in quotes where they have spaces.
fn processes(target: &Target) -> Vec<String> {
    let quoted = |name: String| match name.contains(char::is_whitespace) {
        true => format!("\"{name}\""),
        false => name,
    };
    target.names().into_values().map(quoted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debugger::Plan;
    use crate::scenario::Scenario;

    fn target() -> Target {
        let scenario = Scenario::parse(
            "[machine]
             memory = '1MiB'
             [[process]]
             name = 'editor'
             memory = '64KiB'
             [[process.phase]]
             pattern = 'sequential'
             [[process]]
             name = 'photo viewer'
             memory = '64KiB'
             [[process.phase]]
             pattern = 'sequential'",
        );
        let simulation = scenario.expect("a scenario").start(1).expect("a machine");
        Target::simulation("test", simulation, Plan::default())
    }

    fn offered(line: &str) -> (usize, Vec<String>) {
        complete(&target(), line, line.len())
    }

    #[test]
    fn the_names_of_commands_are_completed() {
        assert_eq!(offered("!pf"), (0, vec!["!pfn".to_owned(), "!pfnlist".to_owned()]));
        assert_eq!(offered("!vm; !po"), (5, vec!["!pool".to_owned()]));
        assert!(offered("").1.len() > 20);
        assert_eq!(offered("!nothing"), (0, Vec::new()));
    }

    #[test]
    fn arguments_are_completed_with_what_there_is() {
        let cases: [(&str, usize, &[&str]); 8] = [
            ("!list sta", 6, &["standby"]),
            ("!object \\KernelObjects\\LowM", 8, &["\\KernelObjects\\LowMemoryCondition"]),
            ("g maximum", 2, &["maximum-commit"]),
            ("g fault copy", 8, &["copy-on-write"]),
            ("!process ed", 9, &["editor"]),
            ("!pte 10000 \"photo v", 11, &["\"photo viewer\""]),
            ("!pfnlist state=stand", 9, &["state=standby"]),
            ("? !mem", 2, &["!memusage"]),
        ];
        for (line, start, names) in cases {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            assert_eq!(offered(line), (start, names), "{line}");
        }
        assert_eq!(offered("!vm x").1, Vec::<String>::new(), "it takes nothing");
    }

    #[test]
    fn the_cursor_may_stand_within_the_line() {
        assert_eq!(complete(&target(), "!li standby", 3), (0, vec!["!list".to_owned()]));
        assert_eq!(complete(&target(), "ä!li", 1).1.len(), 0, "not between letters");
    }
}
