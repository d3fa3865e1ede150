//! The page files, and how far they may grow.

use crate::Error;
use crate::doctor::Capability;
use crate::doctor::Finding;
use crate::windows::page_files::{PageFile, list, maximum_of};
use memtide_core::units::Bytes;

const ADD: &str = "add a page file: System, Advanced, Performance, Virtual memory";

pub(super) fn examine() -> Vec<Capability> {
    vec![page_files(list()).of("page-files", "where private memory can go, and commit's maximum")]
}

fn page_files(files: Result<Vec<PageFile>, Error>) -> Finding {
    match files {
        Ok(files) if files.is_empty() => {
            Finding::fails("there is no page file: private memory cannot leave", ADD)
        }
        Ok(files) => {
            let told: Vec<_> = files.iter().map(told).collect();
            let all = maximum_of(&files).map(|maximum| format!("; {maximum} together at most"));
            Finding::works(format!("{}{}", told.join(", "), all.unwrap_or_default()))
        }
        Err(error) => Finding::unknown(error.to_string()),
    }
}

fn told(file: &PageFile) -> String {
    let name = file.name.as_deref().unwrap_or("one without a name");
    let maximum = file.maximum.map_or("unknown".to_owned(), |maximum| maximum.to_string());
    let (size, used): (Bytes, Bytes) = (file.size, file.used);
    format!("{name}: {used} of {size} in use, may grow to {maximum}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_machine_without_page_files_is_told_how_to_add_one() {
        let none = page_files(Ok(Vec::new())).of("x", "y");
        assert_eq!((none.verdict, none.remedy.as_deref()), (Verdict::Fails, Some(ADD)));
    }

    #[test]
    fn a_page_file_is_told_with_its_maximum_or_that_it_is_unknown() {
        let mut file = PageFile {
            name: Some(r"\??\C:\pagefile.sys".to_owned()),
            size: Bytes::from_mib(512),
            used: Bytes::from_mib(100),
            maximum: Some(Bytes::from_mib(2048)),
        };
        let evidence = |file: &PageFile| page_files(Ok(vec![file.clone()])).of("x", "y").evidence;
        let told = evidence(&file);
        assert!(told.contains(r"\??\C:\pagefile.sys: 100 MiB of 512 MiB in use"), "{told}");
        assert!(told.ends_with("; 2 GiB together at most"), "{told}");
        file.maximum = None;
        assert!(evidence(&file).ends_with("may grow to unknown"));
    }
}
