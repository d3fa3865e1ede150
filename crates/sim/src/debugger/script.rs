//! Commands from a text: a line each, or several between semicolons.

/// One command of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScriptCommand<'a> {
    /// Its line, counted from 1.
    pub line: usize,
    /// The command.
    pub command: &'a str,
}

/// The commands of a text. Lines that begin with `*`, `#` or `$$` are comments; quotes keep a
/// semicolon.
pub fn commands(text: &str) -> impl Iterator<Item = ScriptCommand<'_>> {
    let is_comment = |line: &&str| ["*", "#", "$$"].iter().any(|mark| line.starts_with(mark));
    let lines = (1..).zip(text.lines().map(str::trim));
    lines.filter(move |(_, line)| !is_comment(line)).flat_map(|(line, text)| {
        let mut is_quoted = false;
        let parts = text.split(move |letter| {
            is_quoted ^= letter == '"';
            letter == ';' && !is_quoted
        });
        let parts = parts.map(str::trim).filter(|command| !command.is_empty());
        parts.map(move |command| ScriptCommand { line, command })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_line_by_line_and_between_semicolons() {
        let text = "* first\n!vm; g 5s\n\n$$ no\n  save \"a;b\" ;;\n";
        let found: Vec<_> = commands(text).map(|found| (found.line, found.command)).collect();
        assert_eq!(found, [(2, "!vm"), (2, "g 5s"), (5, "save \"a;b\"")]);
    }
}
