//! `?`: what there is to be typed.

use super::arguments::Arguments;
use super::command::{COMMANDS, Command};
use super::error::{KdError, usage};
use super::format::Columns;

pub(super) fn help(mut arguments: Arguments<'_>) -> Result<String, KdError> {
    let Some(name) = arguments.next() else { return Ok(all()) };
    arguments.end()?;
    match Command::named(name) {
        Some(command) => Ok(one(command)),
        None => unknown(name),
    }
}

fn one(command: &Command) -> String {
    let others = match command.names {
        [_] | [] => String::new(),
        [_, others @ ..] => format!("\nAlso:    {}", others.join(", ")),
    };
    let Command { usage, help, example, .. } = command;
    format!("{usage}\n\n{help}\n\nExample: {example}{others}\n")
}

fn all() -> String {
    let mut columns = Columns::new(&["command", "what it does"], &[0, 1]);
    for command in &COMMANDS {
        let name = command.names.first().copied().unwrap_or_default();
        let first = command.help.split_inclusive(['.', ':']).next().unwrap_or_default();
        columns.row(vec![name.to_owned(), first.trim_end_matches([':', '.']).to_owned()]);
    }
    format!(
        "{columns}\nNumbers are hexadecimal, 0n10 is decimal ten; several commands stand between \
         semicolons.\n? COMMAND explains a command, with an example.\n"
    )
}

/// There is no such command.
pub(super) fn unknown<T>(name: &str) -> Result<T, KdError> {
    let nearest = Command::nearest(name);
    usage(format!("there is no command '{name}': did you mean {nearest}? ? lists all of them"))
}
