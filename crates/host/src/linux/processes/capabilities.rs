//! /proc/PID/status: what a process may do.

use super::stat::number;

/// The value of a line of /proc/PID/status.
fn value<'a>(status: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let mut lines = status.split(|b| *b == b'\n');
    let rest = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(b":"))?;
    Some(rest.trim_ascii())
}

/// The effective capabilities, as a set of bits by the numbers of capabilities(7).
#[must_use]
pub fn effective(status: &[u8]) -> Option<u64> {
    let bits = std::str::from_utf8(value(status, b"CapEff")?).ok()?;
    u64::from_str_radix(bits, 16).ok()
}

/// Whether a filter of system calls is in force.
#[must_use]
pub fn has_filter(status: &[u8]) -> bool {
    value(status, b"Seccomp").and_then(number::<u32>) == Some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_and_filters_read() {
        let status = b"CapPrm:\t0\nCapEff:\t000001fffeffffff\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(effective(status), Some(0x1ff_feff_ffff));
        assert!(has_filter(status));
        assert_eq!(effective(b"CapEff:\tnone\n"), None);
        assert!(!has_filter(b"Seccomp:\t0\nSeccomp_filters:\t2\n"));
    }
}
