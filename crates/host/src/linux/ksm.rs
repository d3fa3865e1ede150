//! KSM: whether a process offers pages for merging.

use super::proc_file::lines;

/// Whether a process offers pages for merging, by the text of /proc/PID/ksm_stat.
///
/// `None` where this kernel doesn't say: the file is of 6.1, this line of 6.16.
/// Source: the kernel's admin guide, "Kernel Samepage Merging".
#[must_use]
pub fn parse_mergeable(text: &[u8]) -> Option<bool> {
    lines(text).find_map(|line| match line.split_once(':') {
        Some(("ksm_mergeable", answer)) => match answer.trim() {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_counts() {
        let text = |answer: &str| format!("ksm_rmap_items 0\nksm_mergeable: {answer}\n");
        assert_eq!(parse_mergeable(text("yes").as_bytes()), Some(true));
        assert_eq!(parse_mergeable(text("no").as_bytes()), Some(false));
        assert_eq!(parse_mergeable(text("maybe").as_bytes()), None);
        assert_eq!(parse_mergeable(b"ksm_rmap_items 0\n"), None);
    }
}
