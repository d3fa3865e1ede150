//! What stands behind a command: numbers, times, names.

use memtide_core::page::{Pfn, SpaceId, Tick};
use memtide_core::snapshot::Snapshot;

use super::error::{KdError, usage};
use super::target::Target;

/// The words behind a command.
pub(super) struct Arguments<'a> {
    words: Vec<&'a str>,
    /// How the command is meant to be used, for messages.
    usage: &'static str,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(text: &'a str, usage: &'static str) -> Self {
        Self { words: words(text).collect(), usage }
    }

    /// Takes the next word, if there is one.
    pub(super) fn next(&mut self) -> Option<&'a str> {
        (!self.words.is_empty()).then(|| self.words.remove(0))
    }

    /// Takes the next word.
    pub(super) fn need(&mut self, what: &str) -> Result<&'a str, KdError> {
        let usage = self.usage;
        self.next().ok_or_else(|| KdError::Usage(format!("{what} is missing: expected {usage}")))
    }

    /// Expects that every word is taken.
    pub(super) fn end(&self) -> Result<(), KdError> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => usage(format!("'{word}' is too much: expected {}", self.usage)),
        }
    }

    /// Takes a count such as `L20` or `L 20` from wherever it stands.
    pub(super) fn count(&mut self, default: usize) -> Result<usize, KdError> {
        let count = |word: &str| word.strip_prefix('L').is_some_and(|rest| number(rest).is_ok());
        let Some(at) = self.words.iter().position(|word| *word == "L" || count(word)) else {
            return Ok(default);
        };
        let found = match self.words.remove(at) {
            "L" if at < self.words.len() => number(self.words.remove(at))?,
            "L" => return usage("the number behind L is missing"),
            word => number(&word[1..])?,
        };
        Ok(usize::try_from(found).unwrap_or(usize::MAX))
    }
}

/// The words of a text; quotes keep the spaces of a name together.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = text.split(move |letter: char| {
        is_quoted ^= letter == '"';
        letter.is_whitespace() && !is_quoted
    });
    parts.filter(|word| !word.is_empty())
}

/// A name, whether it is quoted or not.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// A number: hexadecimal, as in Windows' debugger; `0n10` is decimal.
pub(super) fn number(text: &str) -> Result<u64, KdError> {
    let plain = text.replace('`', "");
    let parsed = match plain.strip_prefix("0n") {
        Some(decimal) => decimal.parse().ok(),
        None => u64::from_str_radix(plain.strip_prefix("0x").unwrap_or(&plain), 16).ok(),
    };
    parsed.filter(|_| !plain.starts_with('+')).ok_or_else(|| {
        KdError::Usage(format!(
            "'{text}' is not a number of up to 64 bits: expected hexadecimal digits such as 1a2b \
             or 00007ff6`00010000, or 0n10 for decimal ten"
        ))
    })
}

/// A number of something there are so many of.
pub(super) fn below(text: &str, what: &str, count: u64) -> Result<u64, KdError> {
    let found = number(text)?;
    if found < count {
        return Ok(found);
    }
    match count {
        0 => usage(format!("{what} {found:x}: there is none")),
        _ => usage(format!("{what} {found:x} is out of range: expected 0 to {:x}", count - 1)),
    }
}

/// A page frame number.
pub(super) fn frame(text: &str, snapshot: &Snapshot<'_>) -> Result<Pfn, KdError> {
    let found = below(text, "page frame", u64::from(snapshot.frames()))?;
    Ok(Pfn(u32::try_from(found).unwrap_or(u32::MAX)))
}

/// A process by its number or its name.
pub(super) fn process(text: &str, target: &Target) -> Result<SpaceId, KdError> {
    let spaces: Vec<SpaceId> = target.manager().snapshot().spaces().collect();
    if let Ok(found) = number(text)
        && let Some(space) = spaces.iter().find(|space| u64::from(space.0) == found)
    {
        return Ok(*space);
    }
    let name = unquoted(text);
    if let Some(space) = spaces.iter().find(|space| target.name(**space) == name) {
        return Ok(*space);
    }
    let word = |space: &SpaceId| format!("{:x} ({})", space.0, target.name(*space));
    let known: Vec<String> = spaces.iter().map(word).collect();
    match known.is_empty() {
        true => usage(format!("there is no process '{name}': none lives")),
        false => usage(format!("there is no process '{name}': expected {}", known.join(", "))),
    }
}

/// A length of time such as `5s`, `1.5ms` or `200us`.
pub(super) fn span(text: &str) -> Option<Tick> {
    const UNITS: [(&str, u64); 5] =
        [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000)];
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (amount, unit) = text.split_at(digits);
    let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    if part.len() > 9 || (whole.is_empty() && part.is_empty()) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut scale = 1;
    for _ in part.chars() {
        scale *= 10;
    }
    let part: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let part = u128::from(part) * u128::from(*nanoseconds) / scale;
    whole.checked_mul(*nanoseconds)?.checked_add(u64::try_from(part).ok()?).map(Tick)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_hexadecimal_unless_they_say_otherwise() {
        for (text, value) in [("12", 0x12), ("0n12", 12), ("0x1F", 31), ("1`00000000", 1 << 32)] {
            assert_eq!(number(text).expect("a number"), value);
        }
        for text in ["", "g", "0n", "0nff", "+1", "-1", "123456789abcdef01"] {
            let told = number(text).expect_err("no number").to_string();
            assert!(told.contains(&format!("'{text}'")), "{told}");
        }
    }

    #[test]
    fn quotes_keep_a_name_together() {
        let found: Vec<&str> = words(" 10000  \"photo editor\" process=\"a b\" ").collect();
        assert_eq!(found, ["10000", "\"photo editor\"", "process=\"a b\""]);
        assert_eq!(unquoted("\"photo editor\""), "photo editor");
        assert_eq!(unquoted("\""), "\"");
    }

    #[test]
    fn spans_have_a_unit() {
        for (text, value) in
            [("5s", 5_000_000_000), ("1.5ms", 1_500_000), ("200us", 200_000), ("7ns", 7)]
        {
            assert_eq!(span(text), Some(Tick(value)));
        }
        for text in ["5", "s", ".s", "5h", "-1s", "99999999999999999999s", "1.0000000001s"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
