//! The service manager: to install the service, and to take it away.

use super::log::default_path;
use super::watcher::NAME;
use crate::Exit;
use crate::args::service::LogArgs;
use crate::args::{Global, ProfileName};
use crate::config::Context;
use memtide_view::fields::{self, ServiceChange};
use memtide_view::text;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use windows_service::service::{
    Service, ServiceAccess, ServiceErrorControl, ServiceInfo, ServiceStartType, ServiceState,
    ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// It may wait for events, and write where everybody may.
const ACCOUNT: &str = r"NT AUTHORITY\LocalService";

/// How long the service may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is asked whether it has.
const GLANCE: Duration = Duration::from_millis(50);

/// Tells the service manager of the service.
///
/// # Errors
/// The service manager's own; where the folder of the log cannot be made.
pub(super) fn install(context: &Context, global: &Global, args: &LogArgs) -> anyhow::Result<Exit> {
    let log = absolute(args.log.clone().unwrap_or_else(default_path))?;
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = connect(access)?;
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: "Memtide memory conditions".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe()?,
        launch_arguments: arguments(global, &log)?,
        dependencies: Vec::new(),
        account_name: Some(ACCOUNT.into()),
        account_password: None,
    };
    let created = manager.create_service(&info, ServiceAccess::CHANGE_CONFIG);
    let service = created.map_err(|error| refused("CreateService", error))?;
    service
        .set_description("Keeps a log of the memory conditions of this machine")
        .map_err(|error| refused("ChangeServiceConfig2", error))?;
    // The file is the service's to make: what an administrator makes, LocalService may not write.
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder).map_err(|source| file_error("making", folder, source))?;
    }
    told(context, &ServiceChange { name: NAME, done: "installed", log: Some(log) })
}

/// Stops the service where it runs, and takes it away.
///
/// # Errors
/// The service manager's own; where the service does not stop.
pub(super) fn uninstall(context: &Context) -> anyhow::Result<Exit> {
    let manager = connect(ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let opened = manager.open_service(NAME, access);
    let service = opened.map_err(|error| refused("OpenService", error))?;
    stop(&service)?;
    service.delete().map_err(|error| refused("DeleteService", error))?;
    told(context, &ServiceChange { name: NAME, done: "uninstalled", log: None })
}

fn stop(service: &Service) -> anyhow::Result<()> {
    let state = || {
        let status = service.query_status();
        status.map(|s| s.current_state).map_err(|error| refused("QueryServiceStatus", error))
    };
    if state()? == ServiceState::Stopped {
        return Ok(());
    }
    service.stop().map_err(|error| refused("ControlService", error))?;
    let began = Instant::now();
    while state()? != ServiceState::Stopped {
        if began.elapsed() > PATIENCE {
            anyhow::bail!("the service {NAME} did not stop within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}

fn connect(access: ServiceManagerAccess) -> anyhow::Result<ServiceManager> {
    ServiceManager::local_computer(None::<&str>, access)
        .map_err(|error| refused("OpenSCManager", error))
}

/// What the service is run with: what is in force where it is installed.
fn arguments(global: &Global, log: &Path) -> anyhow::Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(profile) = global.profile {
        let name = match profile {
            ProfileName::Windows => "windows",
            ProfileName::EarlyWarning => "early-warning",
        };
        arguments.extend(["--profile".into(), name.into()]);
    }
    for threshold in &global.threshold {
        arguments.extend(["--threshold".into(), threshold.into()]);
    }
    if let Some(config) = &global.config {
        arguments.extend(["--config".into(), absolute(config.clone())?.into()]);
    }
    arguments.extend(["service".into(), "run".into(), "--log".into(), log.into()]);
    Ok(arguments)
}

/// The service begins in another folder than whoever installs it is in.
fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    std::path::absolute(&path).map_err(|source| file_error("finding", &path, source))
}

fn file_error(doing: &'static str, path: &Path, source: std::io::Error) -> anyhow::Error {
    memtide_host::Error::File { doing, path: path.to_path_buf(), source }.into()
}

/// What the service manager said, with what would help.
pub(super) fn refused(call: &'static str, error: windows_service::Error) -> anyhow::Error {
    let windows_service::Error::Winapi(source) = error else {
        return anyhow::Error::new(error).context(call);
    };
    let help = match source.raw_os_error() {
        Some(5) => "; run it elevated (as administrator)",
        Some(1060) => "; it is not installed: 'memtide service install' does that",
        Some(1063) => {
            "; only the service manager can run it: 'memtide service install', then 'sc start \
             Memtide'; 'memtide watch' shows the same on a console"
        }
        Some(1072) => "; it is gone once every program that has it open is closed",
        Some(1073) => "; 'memtide service uninstall' takes it away",
        _ => "",
    };
    anyhow::anyhow!("{call}: {source}{help}")
}

fn told(context: &Context, change: &ServiceChange) -> anyhow::Result<Exit> {
    let row = fields::SERVICE_CHANGE.row(change);
    context.output.print(&row, text::record)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Cli;
    use clap::Parser;
    use std::io;

    #[test]
    fn what_was_refused_keeps_its_number_and_says_what_would_help() {
        for (number, help) in [(5, "administrator"), (1060, "install"), (1073, "uninstall")] {
            let error = windows_service::Error::Winapi(io::Error::from_raw_os_error(number));
            let text = refused("CreateService", error).to_string();
            assert!(text.starts_with("CreateService: "), "{text}");
            assert!(text.contains(&format!("os error {number}")) && text.contains(help), "{text}");
        }
    }

    #[test]
    fn the_service_is_run_with_what_was_in_force() {
        let line = ["memtide", "--profile", "early-warning", "--threshold"];
        let line = line.into_iter().chain(["LowMemoryThreshold=64", "service", "install"]);
        let cli = Cli::try_parse_from(line).expect("it parses");
        let arguments = arguments(&cli.global, Path::new(r"C:\l.log")).expect("they are made");
        let expected = [
            "--profile",
            "early-warning",
            "--threshold",
            "LowMemoryThreshold=64",
            "service",
            "run",
            "--log",
            r"C:\l.log",
        ];
        assert_eq!(arguments, expected);
        let again = std::iter::once("memtide".into()).chain(arguments);
        assert!(Cli::try_parse_from(again).is_ok(), "the command takes them");
    }
}
