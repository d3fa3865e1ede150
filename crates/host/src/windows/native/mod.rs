//! The calls of Windows, behind safe types.
//!
//! `unsafe` of `crates/host/src/windows` stands in this directory alone.
#![allow(unsafe_code)]

pub(crate) mod drive;
pub(crate) mod event;
pub(crate) mod handle;
pub(crate) mod memory;
pub(crate) mod object;
pub(crate) mod privilege;
pub(crate) mod procedure;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod security_identifier;
pub(crate) mod status;
pub(crate) mod system_information;
pub(crate) mod text;
pub(crate) mod token;
pub(crate) mod version;
