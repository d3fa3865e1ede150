//! The service at work: it watches, and writes what changes.

use super::log::{Log, default_path};
use super::manager::refused;
use crate::Exit;
use crate::args::service::LogArgs;
use crate::commands::watch;
use crate::config::Context;
use crate::output::Output;
use anyhow::Context as _;
use memtide_core::conditions::ConditionSet;
use memtide_host::Options;
use memtide_host::conditions::{Change, Conditions};
use memtide_view::text::Style;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    ServiceControlHandlerResult, ServiceStatusHandle, register,
};
use windows_service::{define_windows_service, service_dispatcher};

/// The name that the service manager knows it by.
pub(super) const NAME: &str = "Memtide";

/// What the service ends with where the system refused, as the command does.
const REFUSED: u32 = 3;

/// What the service was started with: the service manager calls a plain function.
static JOB: OnceLock<Job> = OnceLock::new();

#[derive(Debug)]
struct Job {
    options: Options,
    log: PathBuf,
}

/// What the service does next.
enum Event {
    Changed(Change),
    Stop,
}

define_windows_service!(begin, serve);

/// Hands this process to the service manager, until the service has stopped.
///
/// # Errors
/// Where no service manager has started it.
pub(super) fn run(context: &Context, args: &LogArgs) -> anyhow::Result<Exit> {
    let log = args.log.clone().unwrap_or_else(default_path);
    let job = Job { options: context.options.clone(), log };
    JOB.set(job).map_err(|_| anyhow::anyhow!("the service runs already"))?;
    service_dispatcher::start(NAME, begin)
        .map_err(|error| refused("StartServiceCtrlDispatcher", error))?;
    Ok(Exit::Done)
}

/// The service, in a thread of the service manager's; errors go to the log, since nobody else
/// listens.
fn serve(_arguments: Vec<OsString>) {
    let Some(job) = JOB.get() else { return };
    let (sender, receiver) = channel();
    let Ok(status) = register(NAME, handler(sender.clone())) else { return };
    let ended = watch(job, &status, sender, &receiver);
    if let Err(error) = &ended {
        let noted = Log::open(&job.log).and_then(|mut log| log.note(&format!("failed: {error:#}")));
        // Without a log the exit code is all that is left.
        drop(noted);
    }
    let code = match ended {
        Ok(()) => ServiceExitCode::NO_ERROR,
        Err(_) => ServiceExitCode::ServiceSpecific(REFUSED),
    };
    // The service manager notices the end of the process in any case.
    let _ = status.set_service_status(state(ServiceState::Stopped, code));
}

fn handler(
    sender: Sender<Event>,
) -> impl FnMut(ServiceControl) -> ServiceControlHandlerResult + Send + 'static {
    move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            // A service that has ended needs no telling.
            let _ = sender.send(Event::Stop);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    }
}

fn watch(
    job: &Job,
    status: &ServiceStatusHandle,
    sender: Sender<Event>,
    events: &Receiver<Event>,
) -> anyhow::Result<()> {
    let named = || job.log.display().to_string();
    let mut log = Log::open(&job.log).with_context(named)?;
    let conditions = Conditions::open(&job.options)?;
    log.note("started").with_context(named)?;
    let changes = conditions.changes(ConditionSet::ALL);
    std::thread::Builder::new().name("memtide-changes".into()).spawn(move || {
        while let Some(change) = changes.next_within(None) {
            if sender.send(Event::Changed(change)).is_err() {
                return;
            }
        }
    })?;
    status.set_service_status(state(ServiceState::Running, ServiceExitCode::NO_ERROR))?;
    let output = Output { json: false, style: Style::Plain };
    while let Ok(Event::Changed(change)) = events.recv() {
        log.line(&watch::line(output, &change)).with_context(named)?;
    }
    log.note("stopped").with_context(named)
}

fn state(current_state: ServiceState, exit_code: ServiceExitCode) -> ServiceStatus {
    let controls_accepted = match current_state {
        ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
        _ => ServiceControlAccept::empty(),
    };
    ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state,
        controls_accepted,
        exit_code,
        checkpoint: 0,
        wait_hint: Duration::ZERO,
        process_id: None,
    }
}
