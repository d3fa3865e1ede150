//! A process that was opened, and what can be asked of it and done to it.

use super::handle::owned;
use super::security_identifier::SecurityIdentifier;
use super::status::NtStatus;
use super::token::information;
use crate::Error;
use crate::windows::answer::Answer;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use windows_sys::Wdk::System::Threading::NtQueryInformationProcess;
use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE};
use windows_sys::Win32::Security::{TOKEN_QUERY, TokenUser};
use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
use windows_sys::Win32::System::ProcessStatus::K32EmptyWorkingSet;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, OpenProcess, OpenProcessToken, PROCESS_DUP_HANDLE,
    PROCESS_QUERY_INFORMATION, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SET_QUOTA,
    PROCESS_VM_READ,
};

/// No token's user is longer: SID_AND_ATTRIBUTES and the longest identifier.
const TOKEN_USER_LONGEST: usize = 2 * size_of::<usize>() + 68;

/// What a process is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its user, its command line.
    Look,
    /// Its memory.
    Read,
    /// Its working set.
    Empty,
    /// Its handles.
    Duplicate,
}

impl Access {
    const fn mask(self) -> u32 {
        match self {
            Self::Look => PROCESS_QUERY_LIMITED_INFORMATION,
            Self::Read => PROCESS_QUERY_INFORMATION | PROCESS_VM_READ,
            Self::Empty => PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SET_QUOTA,
            Self::Duplicate => PROCESS_DUP_HANDLE,
        }
    }
}

/// A process that was opened; its number stays its own for as long as this lives.
#[derive(Debug)]
pub(crate) struct ProcessHandle(OwnedHandle);

impl ProcessHandle {
    /// Opens a process.
    ///
    /// # Errors
    /// The system's own: 87 where there is no such process, 5 where it may not be opened.
    pub(crate) fn open(pid: u32, access: Access) -> Result<Self, Error> {
        // SAFETY: the call takes no pointer, and the handle it returns is ours alone.
        let handle = unsafe { owned(OpenProcess(access.mask(), 0, pid)) };
        handle.map(Self).map_err(|error| Error::call("OpenProcess", error))
    }

    /// Who it runs as.
    ///
    /// # Errors
    /// The system's own.
    pub(crate) fn user(&self) -> Result<SecurityIdentifier, Error> {
        let mut token: HANDLE = std::ptr::null_mut();
        // SAFETY: the handle is open, and the call writes one handle to where the pointer points.
        let opened = unsafe { OpenProcessToken(self.0.as_raw_handle(), TOKEN_QUERY, &mut token) };
        // SAFETY: the call succeeded, and the handle is ours alone.
        let token = succeeded(opened).and_then(|()| unsafe { owned(token) });
        let token = token.map_err(|error| Error::call("OpenProcessToken", error))?;
        let answer = information(&token, TokenUser, TOKEN_USER_LONGEST);
        let answer = answer.map_err(|error| Error::call("GetTokenInformation", error))?;
        SecurityIdentifier::of_token_user(&answer).ok_or_else(|| {
            let none = io::Error::from(io::ErrorKind::InvalidData);
            Error::call("GetTokenInformation", none)
        })
    }

    /// What the system tells of it in a class whose answer has no more than `room` bytes.
    ///
    /// # Errors
    /// The system's status.
    pub(crate) fn query(&self, class: i32, room: usize) -> Result<Answer, Error> {
        let mut answer = Answer::with_room(room);
        let (room, mut written) = (length_of(&answer), 0);
        // SAFETY: the handle is open, and the buffer has room for as many bytes as are told.
        let status = unsafe {
            NtQueryInformationProcess(
                self.0.as_raw_handle(),
                class,
                answer.as_mut_ptr(),
                room,
                &mut written,
            )
        };
        let checked = NtStatus::check(status);
        checked.map_err(|status| Error::call("NtQueryInformationProcess", status))?;
        answer.truncate(usize::try_from(written).unwrap_or(0));
        Ok(answer)
    }

    /// Its memory at an address.
    ///
    /// # Errors
    /// The system's own; 299 where a part of it cannot be read.
    pub(crate) fn read(&self, address: usize, length: usize) -> Result<Answer, Error> {
        let mut answer = Answer::with_room(length);
        let mut read = 0;
        // SAFETY: the handle is open, the buffer has room for so many bytes, and the address is
        // one of the other process, whose memory the system looks up itself.
        let done = unsafe {
            ReadProcessMemory(
                self.0.as_raw_handle(),
                std::ptr::without_provenance(address),
                answer.as_mut_ptr(),
                length,
                &mut read,
            )
        };
        succeeded(done).map_err(|error| Error::call("ReadProcessMemory", error))?;
        answer.truncate(read);
        Ok(answer)
    }

    /// Takes its working set.
    ///
    /// # Errors
    /// The system's own.
    pub(crate) fn empty_working_set(&self) -> Result<(), Error> {
        // SAFETY: the handle is open.
        let emptied = unsafe { K32EmptyWorkingSet(self.0.as_raw_handle()) };
        succeeded(emptied).map_err(|error| Error::call("EmptyWorkingSet", error))
    }

    /// A handle of our own to what one of its handles is for.
    ///
    /// # Errors
    /// The system's own: 6 where the handle was closed meanwhile.
    pub(crate) fn duplicate(&self, handle: usize) -> Result<OwnedHandle, Error> {
        let mut ours: HANDLE = std::ptr::null_mut();
        // SAFETY: both processes are open, the call writes one handle to where the pointer points,
        // and what the other's handle is for is looked up by the system itself.
        let duplicated = unsafe {
            DuplicateHandle(
                self.0.as_raw_handle(),
                std::ptr::without_provenance_mut(handle),
                GetCurrentProcess(),
                &mut ours,
                0,
                0,
                DUPLICATE_SAME_ACCESS,
            )
        };
        // SAFETY: the call succeeded, and the handle is ours alone.
        succeeded(duplicated)
            .and_then(|()| unsafe { owned(ours) })
            .map_err(|error| Error::call("DuplicateHandle", error))
    }
}

/// Whether a process is gone, by the error that opening it gave.
pub(crate) fn is_gone(error: &Error) -> bool {
    // ERROR_INVALID_PARAMETER: there is no process of this number.
    matches!(error, Error::Call { source, .. } if source.raw_os_error() == Some(87))
}

fn length_of(answer: &Answer) -> u32 {
    u32::try_from(answer.len()).unwrap_or(u32::MAX)
}

fn succeeded(answer: i32) -> io::Result<()> {
    if answer != 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_not_there_is_gone_and_not_closed() {
        // Numbers of processes are multiples of four.
        let error = ProcessHandle::open(u32::MAX - 2, Access::Look).expect_err("no such process");
        assert!(is_gone(&error), "{error}");
        assert!(error.to_string().starts_with("OpenProcess: "), "{error}");
    }

    #[test]
    fn memory_is_read_as_it_is_and_not_where_there_is_none() {
        let word = std::hint::black_box(Box::new(0x1234_5678_9abc_def0_u64));
        let address = std::ptr::from_ref(word.as_ref()).addr();
        let this = ProcessHandle::open(std::process::id(), Access::Read).expect("our own");
        let read = this.read(address, 8).expect("our own memory");
        assert_eq!(read.u64_at(0), Some(*word));
        assert!(this.read(16, 8).is_err(), "nothing lies at the lowest addresses");
    }

    #[test]
    fn a_user_has_an_identifier_that_reads_as_windows_writes_it() {
        let this = ProcessHandle::open(std::process::id(), Access::Look).expect("our own");
        let user = this.user().expect("our own token");
        assert!(user.to_string().starts_with("S-1-5-"), "{user}");
    }
}
