//! The archive that a kernel unpacks into memory as its first file system: cpio in the form
//! `newc`, which the kernel's documentation describes in initramfs/buffer-format.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

const FOLDER: u32 = 0o040_755;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_777;

/// An archive in the making.
#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
    folders: BTreeSet<String>,
}

impl Archive {
    /// Adds a file at an absolute path, with the folders above it.
    pub(super) fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> Result<()> {
        self.folders_above(path)?;
        self.entry(path, FILE | permissions, content)
    }

    /// Adds a symbolic link at an absolute path, with the folders above it.
    pub(super) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.folders_above(path)?;
        self.entry(path, LINK, target.as_bytes())
    }

    /// Adds a folder, with the folders above it.
    pub(super) fn folder(&mut self, path: &str) -> Result<()> {
        self.folders_above(path)?;
        if self.folders.insert(path.to_owned()) {
            self.entry(path, FOLDER, &[])?;
        }
        Ok(())
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.entry("/TRAILER!!!", 0, &[])?;
        Ok(self.bytes)
    }

    fn folders_above(&mut self, path: &str) -> Result<()> {
        let ends = path.match_indices('/').skip(1).map(|(end, _)| &path[..end]);
        for folder in ends {
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, &[])?;
            }
        }
        Ok(())
    }

    /// One header of thirteen numbers in hexadecimal, the name, the content, each padded to four.
    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let name = path.trim_start_matches('/');
        let size = u32::try_from(content.len())
            .with_context(|| format!("{path} is too large for an initramfs"))?;
        let name_size = u32::try_from(name.len() + 1)?;
        self.entries += 1;
        // Inode, mode, user, group, links, time, size, four device numbers, name size, checksum.
        let numbers = [self.entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0];
        self.bytes.extend_from_slice(b"070701");
        for number in numbers {
            self.bytes.extend_from_slice(format!("{number:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
        Ok(())
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_headers_names_and_contents_in_fours() {
        let mut archive = Archive::default();
        archive.file("/bin/a", 0o755, b"hello").expect("small");
        archive.link("/bin/b", "a").expect("small");
        let bytes = archive.finish().expect("small");
        let text = String::from_utf8(bytes).expect("all is text");
        assert_eq!(text.len() % 4, 0);
        let names: Vec<&str> = text.split("070701").skip(1).map(|entry| &entry[104..]).collect();
        assert_eq!(names[0].trim_end_matches('\0'), "bin");
        assert_eq!(names[1], "bin/a\0hello\0\0\0", "header and name fill 116 bytes");
        assert_eq!(names[2].trim_end_matches('\0'), "bin/b\0a");
        assert_eq!(names[3].trim_end_matches('\0'), "TRAILER!!!");
        assert_eq!(&text[6 + 8..6 + 16], "000041ED", "a folder that all may enter");
    }
}
