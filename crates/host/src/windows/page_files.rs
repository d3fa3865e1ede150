//! The page files: how large they are, and how large they may grow.
//!
//! Source: *Windows Internals* for the two classes of NtQuerySystemInformation; Microsoft's
//! documentation of the registry's PagingFiles, in megabytes, for what is configured.

use super::answer::{Answer, UnicodeString};
use super::native::system_information::query_list;
use crate::Error;
use memtide_core::units::Bytes;
use std::mem::offset_of;

/// SystemPageFileInformation.
const PAGE_FILES: i32 = 18;
/// SystemPageFileInformationEx, since Windows 8.1: the same, and how large each may be.
const PAGE_FILES_WITH_LIMITS: i32 = 144;

/// SYSTEM_PAGEFILE_INFORMATION_EX; the first four fields and the name are
/// SYSTEM_PAGEFILE_INFORMATION.
#[repr(C)]
struct Layout {
    next: u32,
    size: u32,
    used: u32,
    peak: u32,
    name: UnicodeString,
    minimum: u32,
    maximum: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Layout>() == 40 && offset_of!(Layout, maximum) == 36);
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Layout>() == 32 && offset_of!(Layout, maximum) == 28);

/// One page file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PageFile {
    /// Its file, as the system names it.
    pub(crate) name: Option<String>,
    /// How large it is.
    pub(crate) size: Bytes,
    /// How much of it is in use.
    pub(crate) used: Bytes,
    /// How large it may grow; `None` where the system doesn't tell.
    pub(crate) maximum: Option<Bytes>,
}

/// The page files there are, none perhaps.
///
/// # Errors
/// The system's status.
pub(crate) fn list() -> Result<Vec<PageFile>, Error> {
    let (list, limits) = match query_list(PAGE_FILES_WITH_LIMITS) {
        Ok(list) => (Ok(list), true),
        Err(_) => (query_list(PAGE_FILES), false),
    };
    let list = list.map_err(|status| Error::call("NtQuerySystemInformation", status))?;
    Ok(parse(&Answer::from(list), limits))
}

/// What all of them may still grow by; `None` where that of one of them cannot be known.
pub(crate) fn growth() -> Option<Bytes> {
    growth_of(&list().ok()?)
}

fn growth_of(files: &[PageFile]) -> Option<Bytes> {
    let size = files.iter().fold(Bytes::ZERO, |sum, file| sum.saturating_add(file.size));
    maximum_of(files).map(|maximum| maximum.saturating_sub(size))
}

/// How large page files may grow together; `None` where that of one of them cannot be known.
pub(crate) fn maximum_of(files: &[PageFile]) -> Option<Bytes> {
    let mut sizes = files.iter().map(|file| file.maximum);
    sizes.try_fold(Bytes::ZERO, |sum, size| Some(sum.saturating_add(size?)))
}

fn parse(answer: &Answer, limits: bool) -> Vec<PageFile> {
    let mut files = Vec::new();
    let mut start = 0_usize;
    while let Some(file) = file(answer, start, limits) {
        files.push(file);
        let next = answer.u32_at(start).and_then(|next| usize::try_from(next).ok());
        match next.filter(|next| *next >= offset_of!(Layout, minimum)) {
            Some(next) => start = start.saturating_add(next),
            None => break,
        }
    }
    files
}

fn file(answer: &Answer, start: usize, limits: bool) -> Option<PageFile> {
    let at = |offset: usize| start.saturating_add(offset);
    let pages = |offset| answer.u32_at(at(offset)).map(|pages| Bytes::from_pages(pages.into()));
    let size = pages(offset_of!(Layout, size))?;
    let maximum = if limits { pages(offset_of!(Layout, maximum)) } else { None };
    Some(PageFile {
        name: answer.text_at(at(offset_of!(Layout, name))),
        size,
        used: pages(offset_of!(Layout, used))?,
        // One that the system couldn't make as large as it was configured is as large as it is.
        maximum: maximum.map(|maximum| maximum.max(size)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 256;

    fn two() -> Answer {
        let second = size_of::<Layout>() + 64;
        let mut answer = Answer::with_room(2 * second);
        for (start, size, maximum) in [(0, 512 * MIB, 2048 * MIB), (second, 16 * MIB, 8 * MIB)] {
            answer.put(start + offset_of!(Layout, size), &size.to_ne_bytes());
            answer.put(start + offset_of!(Layout, used), &MIB.to_ne_bytes());
            answer.put(start + offset_of!(Layout, maximum), &maximum.to_ne_bytes());
            let name = start + offset_of!(Layout, name);
            answer.put_text(name, start + size_of::<Layout>(), "\\??\\C:\\pagefile.sys");
        }
        let next = u32::try_from(second).expect("small");
        answer.put(0, &next.to_ne_bytes());
        answer
    }

    #[test]
    fn page_files_are_as_large_as_they_may_grow_together() {
        let answer = two();
        let files = parse(&answer, true);
        assert_eq!(files.len(), 2);
        assert_eq!(files[0].name.as_deref(), Some("\\??\\C:\\pagefile.sys"));
        assert_eq!((files[0].size, files[0].used), (Bytes::from_mib(512), Bytes::from_mib(1)));
        assert_eq!(files[1].maximum, Some(Bytes::from_mib(16)), "no less than it is");
        assert_eq!(maximum_of(&files), Some(Bytes::from_mib(2048 + 16)));
        assert_eq!(growth_of(&files), Some(Bytes::from_mib(2048 - 512)));
        assert_eq!(maximum_of(&[]), Some(Bytes::ZERO), "none is known to be nothing");
        let without = parse(&answer, false);
        assert_eq!((without.len(), maximum_of(&without)), (2, None), "what isn't told is unknown");
    }

    #[test]
    fn an_answer_that_is_cut_or_leads_astray_neither_panics_nor_loops() {
        let whole = two();
        for length in 0..whole.len() {
            let mut cut = whole.clone();
            cut.truncate(length);
            assert!(parse(&cut, true).len() <= 2);
        }
        let mut astray = two();
        astray.put(0, &3_u32.to_ne_bytes());
        assert_eq!(parse(&astray, true).len(), 1);
    }

    #[test]
    fn a_machine_that_does_not_tell_has_an_unknown_maximum_and_not_none() {
        match list() {
            Ok(files) => {
                assert!(files.iter().all(|file| file.used <= file.size), "{files:?}");
                assert_eq!(growth(), growth_of(&files));
            }
            // Wine knows neither class.
            Err(error) => {
                assert!(error.to_string().contains("0xC0000003"), "{error}");
                assert_eq!(growth(), None);
            }
        }
    }
}
