//! Swap to compressed memory.

use super::swap::{Swap, room_for};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

const CONTROL: &str = "/sys/class/zram-control";

/// How long others, such as udev, may look at a device that is to go.
const PATIENCE: Duration = Duration::from_secs(2);

/// Swap to a zram device of its own, with LZ4; both are removed with it.
pub(in crate::linux) struct Zram {
    swap: Option<Swap>,
    device: Option<u32>,
}

impl Zram {
    pub(super) fn new(bytes: u64) -> Result<Self, String> {
        let path = Path::new(CONTROL).join("hot_add");
        let number = fs::read_to_string(&path)
            .map_err(|error| format!("{}: {error} (is the module zram loaded?)", path.display()))?;
        let number = number.trim().parse().map_err(|_| format!("zram{number} is no device"))?;
        let mut made = Self { swap: None, device: Some(number) };
        put(&block(number).join("comp_algorithm"), "lz4")?;
        put(&block(number).join("disksize"), &room_for(bytes).to_string())?;
        made.swap = Some(Swap::on(&PathBuf::from(format!("/dev/zram{number}")))?);
        Ok(made)
    }

    pub(super) fn undo(&mut self) -> Result<(), String> {
        if let Some(swap) = &mut self.swap {
            swap.undo()?;
            self.swap = None;
        }
        if let Some(number) = self.device {
            patiently(&block(number).join("reset"), "1")?;
            patiently(&Path::new(CONTROL).join("hot_remove"), &number.to_string())?;
            self.device = None;
        }
        Ok(())
    }
}

impl Drop for Zram {
    fn drop(&mut self) {
        super::left::tell(self.undo());
    }
}

fn block(number: u32) -> PathBuf {
    PathBuf::from(format!("/sys/block/zram{number}"))
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{} to {}: {error}", text, path.display()))
}

fn patiently(path: &Path, text: &str) -> Result<(), String> {
    let end = Instant::now() + PATIENCE;
    while let Err(error) = fs::write(path, text) {
        if error.kind() != io::ErrorKind::ResourceBusy || Instant::now() > end {
            return Err(format!("{}: {error}", path.display()));
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}
