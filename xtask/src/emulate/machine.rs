//! The machine itself: qemu under software emulation, its disks, and its last line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{self as std_process, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::guest::Guest;
use crate::debian;
use crate::process;

const MIB: u64 = 1 << 20;

/// The disk at /disk: larger than the memory of any machine here, so that a file can be. It is
/// sparse: only what is written takes room.
const DISK_BYTES: u64 = 2048 * MIB;

/// Enough to hold what a test pushes out, little enough to fill.
const SWAP_BYTES: u64 = 256 * MIB;

/// The kernel's parameters:
/// - `panic`, `oops`: any fault of the kernel ends the machine, which is a failure;
/// - `psi`: Debian leaves it on, others do not;
/// - `loglevel=4`: errors and a line for each kill, without the tables that go with it;
/// - `no_timer_check`: the check takes an emulated timer that a busy machine holds up for broken;
/// - `mitigations`, `random`, `nowatchdog`, `rcupdate`: faster, and calm where emulation is slow.
const PARAMETERS: &str = "console=ttyS0 rdinit=/init panic=-1 oops=panic psi=1 loglevel=4 \
    mitigations=off no_timer_check random.trust_cpu=on nowatchdog \
    rcupdate.rcu_cpu_stall_suppress=1";

/// One thread emulates all processors in turns. With one each, a processor sometimes ran an
/// instruction that another was just patching (the kernel does, as it boots), and the kernel
/// died of the breakpoint that stood there for that moment.
const EMULATION: &str = "tcg,thread=single";

/// All that qemu can emulate, but for the string instructions: the kernel would clear and copy
/// pages with them, and qemu takes those a byte at a time.
const PROCESSOR: &str = "max,-erms,-fsrm";

/// How the guest says that it is done, and with what.
const LAST_LINE: &str = "emulate: exit ";

/// The size of an emulated machine.
pub(super) struct Machine {
    /// Its memory.
    pub(super) memory_mib: u32,
    /// Its processors.
    pub(super) cpus: u32,
    /// How long it may run.
    pub(super) seconds_max: u32,
}

impl Machine {
    /// Boots, shows what the guest prints, and succeeds if the guest says so. A run of tests in
    /// which none ran is an error: it proved nothing.
    pub(super) fn run(&self, guest: &Guest<'_>, folder: &Path) -> Result<()> {
        // Two runs side by side do not meet.
        let scratch = folder.join(format!("run-{}", std_process::id()));
        fs::create_dir_all(&scratch)?;
        let result = self.run_in(guest, &scratch);
        fs::remove_dir_all(&scratch)?;
        if result? == 0 && guest.script.is_none() {
            bail!("no test ran: none has such a name");
        }
        Ok(())
    }

    fn run_in(&self, guest: &Guest<'_>, scratch: &Path) -> Result<u32> {
        let initramfs = scratch.join("initramfs");
        fs::write(&initramfs, guest.initramfs(scratch)?)?;
        let disk = scratch.join("disk");
        make_disk(&disk)?;

        // A machine must not outlive a run that was killed; `timeout` sees to that as well.
        let mut command = Command::new("timeout");
        command.args(["--foreground", "--signal=KILL", &self.seconds_max.to_string()]);
        command.args(["qemu-system-x86_64", "-accel", EMULATION, "-cpu", PROCESSOR]);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        command.args(["-serial", "stdio", "-append", PARAMETERS]);
        command.args(["-m", &self.memory_mib.to_string(), "-smp", &self.cpus.to_string()]);
        command.arg("-kernel").arg(&guest.kernel.image).arg("-initrd").arg(&initramfs);
        command.arg("-drive").arg(drive(&disk)?);
        if guest.swap {
            let swap = scratch.join("swap");
            File::create(&swap)?.set_len(SWAP_BYTES)?;
            command.arg("-drive").arg(drive(&swap)?);
        }
        self.watch(&mut command)
    }

    /// Passes on what the guest prints and judges the end; returns how many tests ran.
    fn watch(&self, command: &mut Command) -> Result<u32> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run qemu-system-x86_64 under timeout")?;
        let output = child.stdout.take().context("qemu has no output")?;
        let mut result = None;
        let mut tests = 0;
        for line in BufReader::new(output).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            result = last_line(line).or(result);
            tests += tests_begun(line).unwrap_or(0);
            // A pipe that was closed is no reason to leave the machine running unread.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
        let status = child.wait()?;
        match result {
            Some(0) => Ok(tests),
            Some(code) => bail!("it ended with {code}"),
            None if status.code() == Some(TIMED_OUT) => {
                bail!("it had not finished after {} s", self.seconds_max)
            }
            None => bail!("it stopped before its end, see the last lines above ({status})"),
        }
    }
}

/// What `timeout` exits with after a SIGKILL: 128 + 9.
const TIMED_OUT: i32 = 137;

/// The result that a line of the guest tells, if it is the last.
fn last_line(line: &str) -> Option<u8> {
    line.strip_prefix(LAST_LINE)?.trim().parse().ok()
}

/// How many tests an executable is about to run, if a line says so.
fn tests_begun(line: &str) -> Option<u32> {
    let (count, unit) = line.strip_prefix("running ")?.split_once(' ')?;
    unit.starts_with("test").then(|| count.parse().ok())?
}

/// An empty ext4 without a journal, and with nothing left to initialise later: no write on it
/// but those of the tests.
fn make_disk(path: &Path) -> Result<()> {
    File::create(path)?.set_len(DISK_BYTES)?;
    let mkfs = debian::find("mkfs.ext4").context("mkfs.ext4 is gone")?;
    let mut command = Command::new(mkfs);
    command.args(["-q", "-F", "-m", "0", "-N", "4096", "-O", "^has_journal"]);
    process::run(command.args(["-E", "lazy_itable_init=0"]).arg(path))
}

/// A virtio disk; its image is thrown away, so nothing waits for the host's disk.
fn drive(image: &Path) -> Result<String> {
    let path = image.to_str().context("the path of the checkout is not UTF-8")?;
    // In qemu's options a comma is doubled.
    let path = path.replace(',', ",,");
    Ok(format!("file={path},format=raw,if=virtio,cache=unsafe,discard=unmap,detect-zeroes=unmap"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_tells_the_result() {
        assert_eq!(last_line("emulate: exit 0"), Some(0));
        assert_eq!(last_line("emulate: exit 101"), Some(101));
        assert_eq!(last_line("test says emulate: exit 0"), None);
        assert_eq!(last_line("emulate: exit"), None);
    }

    #[test]
    fn the_tests_that_ran_are_counted() {
        assert_eq!(tests_begun("running 12 tests"), Some(12));
        assert_eq!(tests_begun("running 1 test"), Some(1));
        assert_eq!(tests_begun("running 3 machines"), None);
    }
}
