//! One process as the system lists it (SystemProcessInformation).
//!
//! Source: the winternl.h documentation of SYSTEM_PROCESS_INFORMATION, and *Windows Internals* for
//! the fields that it reserves: the private working set (Vista), hard faults (7).

use crate::windows::answer::{Answer, UnicodeString};
use std::mem::offset_of;

/// SYSTEM_PROCESS_INFORMATION; the threads of the process follow it.
#[repr(C)]
struct Layout {
    next: u32,
    threads: u32,
    private_working_set: i64,
    hard_faults: u32,
    threads_peak: u32,
    cycles: u64,
    created: i64,
    user_time: i64,
    kernel_time: i64,
    name: UnicodeString,
    base_priority: i32,
    pid: usize,
    parent: usize,
    handles: u32,
    session: u32,
    key: usize,
    virtual_peak: usize,
    virtual_size: usize,
    faults: u32,
    working_set_peak: usize,
    working_set: usize,
    paged_pool_peak: usize,
    paged_pool: usize,
    nonpaged_pool_peak: usize,
    nonpaged_pool: usize,
    commit: usize,
    commit_peak: usize,
    private_usage: usize,
    input_output: [i64; 6],
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Layout>() == 256);
    assert!(offset_of!(Layout, name) == 56);
    assert!(offset_of!(Layout, pid) == 80);
    assert!(offset_of!(Layout, faults) == 128);
    assert!(offset_of!(Layout, working_set) == 144);
    assert!(offset_of!(Layout, private_usage) == 200);
};
#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<Layout>() == 184);
    assert!(offset_of!(Layout, name) == 56);
    assert!(offset_of!(Layout, pid) == 68);
    assert!(offset_of!(Layout, faults) == 96);
    assert!(offset_of!(Layout, working_set) == 104);
    assert!(offset_of!(Layout, private_usage) == 132);
};

/// What the list says of one process; sizes in bytes, times in 100 ns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pid: u32,
    /// The name of its file; the first two processes have none.
    pub(crate) name: Option<String>,
    pub(crate) threads: u32,
    /// Since the year 1601.
    pub(crate) created: u64,
    pub(crate) working_set: u64,
    /// The part of it that it shares with nobody; `None` where the system doesn't count it.
    pub(crate) private_working_set: Option<u64>,
    /// What it has been promised; `None` where the system doesn't count it.
    pub(crate) commit: Option<u64>,
    /// Page faults and, of those, hard ones; `None` where the system doesn't count them.
    pub(crate) faults: Option<(u32, u32)>,
}

/// The processes of an answer, in its order; what is cut short is left out.
pub(crate) fn parse(answer: &Answer) -> Vec<Record> {
    let mut records = Vec::new();
    let mut start = 0;
    while let Some(record) = record(answer, start) {
        records.push(record);
        let next = answer.u32_at(start).and_then(|next| usize::try_from(next).ok());
        match next.filter(|next| *next >= size_of::<Layout>()) {
            Some(next) => start = start.saturating_add(next),
            None => break,
        }
    }
    records
}

fn record(answer: &Answer, start: usize) -> Option<Record> {
    let at = |offset: usize| start.saturating_add(offset);
    let word = |offset: usize| answer.word_at(at(offset)).and_then(|w| u64::try_from(w).ok());
    let pid = u32::try_from(word(offset_of!(Layout, pid))?).ok()?;
    let working_set = word(offset_of!(Layout, working_set))?;
    let private = answer.u64_at(at(offset_of!(Layout, private_working_set)))?;
    let faults = answer.u32_at(at(offset_of!(Layout, faults)))?;
    let hard_faults = answer.u32_at(at(offset_of!(Layout, hard_faults)))?;
    // Both are the commit charge; Wine fills in one of them alone.
    let commit = word(offset_of!(Layout, private_usage))?.max(word(offset_of!(Layout, commit))?);
    // A process that has memory has taken faults to get it, and has a stack that is its own:
    // zeros there were never written.
    let counted = |count: bool| count || working_set == 0;
    Some(Record {
        pid,
        name: answer.text_at(at(offset_of!(Layout, name))),
        threads: answer.u32_at(at(offset_of!(Layout, threads)))?,
        created: answer.u64_at(at(offset_of!(Layout, created)))?,
        working_set,
        private_working_set: counted(private > 0).then_some(private.min(working_set)),
        commit: counted(commit > 0).then_some(commit),
        faults: counted(faults > 0).then_some((faults, hard_faults)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: usize = size_of::<Layout>() + 64;

    fn two() -> Answer {
        let mut answer = Answer::with_room(SECOND + size_of::<Layout>() + 32);
        let next = u32::try_from(SECOND).expect("small");
        answer.put(0, &next.to_ne_bytes());
        answer.put(offset_of!(Layout, pid), &4_usize.to_ne_bytes());
        let mut put = |offset: usize, bytes: &[u8]| answer.put(SECOND + offset, bytes);
        put(offset_of!(Layout, pid), &1234_usize.to_ne_bytes());
        put(offset_of!(Layout, threads), &3_u32.to_ne_bytes());
        put(offset_of!(Layout, created), &77_u64.to_ne_bytes());
        put(offset_of!(Layout, working_set), &(9_usize << 20).to_ne_bytes());
        put(offset_of!(Layout, private_working_set), &(5_u64 << 20).to_ne_bytes());
        put(offset_of!(Layout, private_usage), &(6_usize << 20).to_ne_bytes());
        put(offset_of!(Layout, faults), &3000_u32.to_ne_bytes());
        put(offset_of!(Layout, hard_faults), &12_u32.to_ne_bytes());
        answer.put_text(SECOND + offset_of!(Layout, name), SECOND + size_of::<Layout>(), "a.exe");
        answer
    }

    #[test]
    fn a_list_reads_process_by_process() {
        let records = parse(&two());
        let system = Record {
            pid: 4,
            private_working_set: Some(0),
            commit: Some(0),
            faults: Some((0, 0)),
            ..Record::default()
        };
        let program = Record {
            pid: 1234,
            name: Some("a.exe".to_owned()),
            threads: 3,
            created: 77,
            working_set: 9 << 20,
            private_working_set: Some(5 << 20),
            commit: Some(6 << 20),
            faults: Some((3000, 12)),
        };
        assert_eq!(records, [system, program]);
    }

    #[test]
    fn what_the_system_left_empty_is_unknown_and_not_zero() {
        let mut answer = two();
        answer.put(SECOND + offset_of!(Layout, private_working_set), &0_u64.to_ne_bytes());
        answer.put(SECOND + offset_of!(Layout, faults), &0_u32.to_ne_bytes());
        let program = &parse(&answer)[1];
        assert_eq!((program.private_working_set, program.faults), (None, None));
    }

    #[test]
    fn a_list_that_is_cut_or_leads_astray_neither_panics_nor_loops() {
        let whole = two();
        for length in 0..whole.len() {
            let mut cut = whole.clone();
            cut.truncate(length);
            assert!(parse(&cut).len() <= 2, "{length} bytes");
        }
        let mut astray = two();
        astray.put(0, &1_u32.to_ne_bytes());
        assert_eq!(parse(&astray).len(), 1, "the next cannot begin within the first");
        astray.put(0, &u32::MAX.to_ne_bytes());
        assert_eq!(parse(&astray).len(), 1, "there is nothing so far away");
    }
}
