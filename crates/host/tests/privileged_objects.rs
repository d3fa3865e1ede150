//! Listeners on the files of a memory cgroup, in one made for the test.
#![cfg(target_os = "linux")]

use memtide_host::linux::cgroup::{Location, Version};
use memtide_host::objects::{Access, Channel, Domain, Listener, Listeners};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A cgroup that is removed however the test ends.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
#[ignore = "needs root and a memory cgroup: cargo xtask privileged"]
fn open_event_files_of_a_cgroup_are_found() {
    let location = Location::of_this_process(Path::new("/")).expect("a memory cgroup");
    let path = location.top.join(format!("memtide-objects-{}", std::process::id()));
    std::fs::create_dir(&path).expect("a cgroup");
    let group = Group(path);
    let open = |name: &str, write: bool| {
        let path = group.0.join(name);
        File::options().read(!write).write(write).open(&path).expect("a file of the cgroup")
    };
    let (files, expected) = match location.version {
        Version::V1 => (
            [open("cgroup.event_control", true), open("memory.pressure_level", false)],
            [
                ("cgroup.event_control", Channel::EventControl, Access::Registers),
                ("memory.pressure_level", Channel::EventControl, Access::Reads),
            ],
        ),
        Version::V2 => (
            [open("memory.events", false), open("memory.pressure", true)],
            [
                ("memory.events", Channel::Events, Access::Reads),
                ("memory.pressure", Channel::Pressure, Access::Registers),
            ],
        ),
    };
    let listeners = Listeners::find().expect("a search");
    let here = |l: &&Listener| l.pid == std::process::id() && l.file.starts_with(&group.0);
    let found: Vec<_> = listeners.found.iter().filter(here).collect();
    drop(files);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (listener, (name, channel, access)) in found.into_iter().zip(expected) {
        assert_eq!(listener.file, group.0.join(name));
        assert_eq!((listener.channel, listener.access), (channel, access));
        assert_eq!(listener.domain, Domain::Cgroup(group.0.clone()));
    }
}
