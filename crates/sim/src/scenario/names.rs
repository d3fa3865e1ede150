//! Names that tables give each other.

use toml::Spanned;

use super::error::{Problem, nearest};
use super::value::Placed;

/// The names of tables of a kind, in their order.
///
/// # Errors
/// [`Problem`] for a name that is given twice, or that is empty.
pub(super) fn unique<'a>(
    said: impl Iterator<Item = &'a Placed<String>>,
    what: &str,
) -> Result<Vec<String>, Problem> {
    let mut names: Vec<String> = Vec::new();
    for name in said {
        // What lacks a name is told where the table is read.
        let Some(placed) = name else {
            names.push(String::new());
            continue;
        };
        let name = placed.get_ref();
        if name.trim().is_empty() || names.contains(name) {
            let text = format!("'{name}': expected a name that no other {what} has");
            return Err(Problem::new(placed.span(), text));
        }
        names.push(name.clone());
    }
    Ok(names)
}

/// The place of a name among those that are known.
///
/// # Errors
/// [`Problem`] for a name that nobody has.
pub(super) fn find(name: &Spanned<String>, known: &[String], what: &str) -> Result<usize, Problem> {
    let found = known.iter().position(|known| known == name.get_ref());
    found.ok_or_else(|| unknown(name, known, what))
}

/// A name that nobody has, with those that are known and the nearest of them.
pub(super) fn unknown(name: &Spanned<String>, known: &[String], what: &str) -> Problem {
    let unknown = name.get_ref();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let text = match (known.as_slice(), nearest(unknown, &known)) {
        ([], _) => format!("'{unknown}': there is no {what}"),
        (_, None) => format!("'{unknown}' is no {what}: expected {}", known.join(", ")),
        (_, Some(nearest)) => format!(
            "'{unknown}' is no {what}: expected {}; the nearest is '{nearest}'",
            known.join(", ")
        ),
    };
    Problem::new(name.span(), text)
}
