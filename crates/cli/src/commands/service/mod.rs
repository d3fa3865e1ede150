//! `memtide service`: the watcher as a Windows service.

#[cfg(windows)]
mod log;
#[cfg(windows)]
mod manager;
#[cfg(windows)]
mod watcher;

use crate::Exit;
use crate::args::Global;
use crate::args::service::ServiceArgs;
use crate::config::Context;

/// Installs, runs or takes away the service.
///
/// # Errors
/// The service manager's own, with its number; where the log cannot be written.
#[cfg(windows)]
pub(crate) fn run(context: &Context, global: &Global, args: &ServiceArgs) -> anyhow::Result<Exit> {
    use crate::args::service::ServiceCommand;
    match &args.command {
        ServiceCommand::Install(args) => manager::install(context, global, args),
        ServiceCommand::Uninstall => manager::uninstall(context),
        ServiceCommand::Run(args) => watcher::run(context, args),
    }
}

/// Refuses: Linux has a service manager of its own.
///
/// # Errors
/// Always.
#[cfg(not(windows))]
pub(crate) fn run(_context: &Context, _: &Global, args: &ServiceArgs) -> anyhow::Result<Exit> {
    use crate::args::service::ServiceCommand;
    let what = match &args.command {
        ServiceCommand::Install(_) => "service install",
        ServiceCommand::Uninstall => "service uninstall",
        ServiceCommand::Run(_) => "service run",
    };
    let why = "it is for Windows' service manager; on Linux let systemd run 'memtide watch', by a \
               unit such as /etc/systemd/system/memtide.service with ExecStart=/usr/bin/memtide \
               watch --json and DynamicUser=yes"
        .to_owned();
    Err(memtide_host::Error::Unsupported { what, why }.into())
}
