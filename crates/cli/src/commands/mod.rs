//! The commands, one a file.

pub(crate) mod clean;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod kd;
pub(crate) mod lists;
pub(crate) mod live;
pub(crate) mod man;
pub(crate) mod objects;
pub(crate) mod ps;
pub(crate) mod schema;
pub(crate) mod service;
pub(crate) mod sim;
pub(crate) mod status;
pub(crate) mod wait;
pub(crate) mod watch;
