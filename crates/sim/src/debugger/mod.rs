//! The debugger: commands as Windows' kernel debugger has them, in text out.
//!
//! It knows no terminal: [`Debugger::execute`] takes a command and gives its answer,
//! [`Debugger::complete`] says what could be typed, [`commands`] takes a script apart.

mod arguments;
mod command;
mod completion;
mod dump;
mod error;
mod events;
mod format;
mod help;
mod list;
mod memusage;
mod object;
mod open;
mod pfn;
mod pool;
mod process;
mod pte;
mod run;
mod script;
mod target;
mod vad;
mod vm;
mod working_set;

use memtide_core::page::{SpaceId, Tick};

pub use error::KdError;
pub use open::{OpenError, Options};
pub(crate) use pfn::entry as pfn_entry;
pub use script::{ScriptCommand, commands};
pub use target::{Plan, Target};

use arguments::Arguments;
use command::{COMMANDS, Command, Verb};
use dump::Width;
use error::usage;
use run::{Filter, Stop, parse_count, parse_go, run};

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Lines to be shown; none where there is nothing to tell.
    Text(String),
    /// The debugger is to be left.
    Quit,
}

/// A debugger at work on a target.
pub struct Debugger {
    target: Target,
    context: Option<SpaceId>,
    /// The moment that the target was last run to, where nothing happened up to it.
    reached: Tick,
}

impl Debugger {
    /// Opens a target.
    #[must_use]
    pub const fn new(target: Target) -> Self {
        Self { target, context: None, reached: Tick(0) }
    }

    /// What is debugged, for a reader who has just come.
    #[must_use]
    pub fn greeting(&self) -> String {
        let runs = match self.target.can_run() {
            true => "g runs it, t and p step",
            false => "read-only: a snapshot is one moment and cannot go on",
        };
        let (word, title) = (self.target.word(), self.target.title());
        format!("{word} {title}: {runs}, ? lists the commands, q leaves\n")
    }

    /// Every example of the help, in its order.
    pub fn examples() -> impl Iterator<Item = &'static str> {
        COMMANDS.iter().map(|command| command.example)
    }

    /// Carries out a command. While it runs the target, `goes_on` is told the moment that it has
    /// reached, and says whether it goes on.
    ///
    /// # Errors
    /// [`KdError`] where the command cannot be understood or carried out; nothing has changed then.
    pub fn execute(
        &mut self,
        text: &str,
        goes_on: &mut dyn FnMut(Tick) -> bool,
    ) -> Result<Answer, KdError> {
        let text = text.trim();
        let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if name.is_empty() {
            return Ok(Answer::Text(String::new()));
        }
        let Some(command) = Command::named(name) else { return help::unknown(name) };
        let arguments = Arguments::new(rest, command.usage);
        match command.verb {
            Verb::Quit => {
                arguments.end()?;
                Ok(Answer::Quit)
            }
            Verb::Go | Verb::Step | Verb::Fault => {
                self.go(command.verb, arguments, goes_on).map(Answer::Text)
            }
            Verb::Context => self.set_context(arguments).map(Answer::Text),
            Verb::Save => self.save(rest.trim()).map(Answer::Text),
            _ => self.show(command.verb, arguments).map(Answer::Text),
        }
    }

    /// What could stand in a line at the cursor, a place in bytes: where it begins, and each of it.
    #[must_use]
    pub fn complete(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        completion::complete(&self.target, line, cursor)
    }

    /// Commands that only look.
    fn show(&self, verb: Verb, arguments: Arguments<'_>) -> Result<String, KdError> {
        let (target, context) = (&self.target, self.context());
        match verb {
            Verb::Pfn => pfn::pfn(target, arguments),
            Verb::Pte => pte::pte(target, context, arguments),
            Verb::Vm => vm::vm(target, &arguments),
            Verb::MemUsage => memusage::memusage(target, &arguments),
            Verb::Process => process::processes(target, arguments),
            Verb::Vad => vad::vad(target, context, arguments),
            Verb::WorkingSet => working_set::working_set(target, context, arguments),
            Verb::Pool => pool::pool(target, &arguments),
            Verb::Object => object::object(target, arguments),
            Verb::Conditions => object::conditions(target, &arguments),
            Verb::List => list::list(target, arguments),
            Verb::PfnList => list::pfnlist(target, arguments),
            Verb::DumpDoubleWords => dump::dump(target, context, Width::Double, arguments),
            Verb::DumpWords => dump::dump(target, context, Width::Quad, arguments),
            Verb::Time => self.time(&arguments),
            Verb::Verify => self.verify(&arguments),
            Verb::Help => help::help(arguments),
            Verb::Go | Verb::Step | Verb::Fault | Verb::Context | Verb::Save | Verb::Quit => {
                unreachable!("handled by execute")
            }
        }
    }

    /// The moment that the target has reached.
    fn now(&self) -> Tick {
        self.target.now().max(self.reached)
    }

    fn go(
        &mut self,
        verb: Verb,
        arguments: Arguments<'_>,
        goes_on: &mut dyn FnMut(Tick) -> bool,
    ) -> Result<String, KdError> {
        let stop = match verb {
            Verb::Step => Stop::Events(parse_count(arguments)?),
            Verb::Fault => Stop::Faults(parse_count(arguments)?, Filter::default()),
            _ => parse_go(&self.target, self.now(), arguments)?,
        };
        let told = run(&mut self.target, stop, goes_on)?;
        if let Stop::Moment(at) = stop
            && told.ends_with(&format!("stopped at {}\n", format::time(at)))
        {
            self.reached = at;
        }
        Ok(told)
    }

    /// The process whose addresses are meant: the one that was set, or else the first.
    fn context(&self) -> Result<SpaceId, KdError> {
        let snapshot = self.target.manager().snapshot();
        let set = self.context.filter(|space| snapshot.spaces().any(|found| found == *space));
        match set.or_else(|| snapshot.spaces().next()) {
            Some(space) => Ok(space),
            None => usage("no process lives: there are no addresses to look at"),
        }
    }

    fn set_context(&mut self, mut arguments: Arguments<'_>) -> Result<String, KdError> {
        if let Some(word) = arguments.next() {
            let space = arguments::process(word, &self.target)?;
            arguments.end()?;
            self.context = Some(space);
        }
        let space = self.context()?;
        let name = self.target.name(space);
        Ok(format!("addresses are those of process {:x} ({name})\n", space.0))
    }

    fn time(&self, arguments: &Arguments<'_>) -> Result<String, KdError> {
        arguments.end()?;
        let (word, title) = (self.target.word(), self.target.title());
        Ok(format!("{word} {title} at {}\n", format::time(self.now())))
    }

    fn verify(&self, arguments: &Arguments<'_>) -> Result<String, KdError> {
        arguments.end()?;
        Ok(match self.target.manager().verify() {
            Ok(()) => "the state is sound\n".to_owned(),
            Err(unsound) => format!("{unsound}\n"),
        })
    }

    fn save(&self, path: &str) -> Result<String, KdError> {
        let path = path.trim_matches('"');
        if path.is_empty() {
            return usage("the file is missing: expected save FILE");
        }
        let failed = |error| KdError::File { path: path.to_owned(), error };
        let file = std::fs::File::create(path).map_err(|error| failed(error.into()))?;
        let file = std::io::BufWriter::new(file);
        memtide_recording::save(file, self.target.manager(), &self.target.names())
            .map_err(failed)?;
        Ok(format!("saved to {path}\n"))
    }
}
