//! Processes on a simulated machine: turns, faults, time, death.

use memtide_core::conditions::{Condition, State};
use memtide_core::page::{Access, PAGE_SIZE, Tick};
use memtide_core::{Allocation, Call, Config, ListCommand, Refusal, Reply, SpaceConfig};
use memtide_sim::{
    Action, Context, Ending, InjectedFaults, Machine, Moments, ProcessState, Program, Reference,
    Simulation, Step,
};

const REFERENCE: Tick = Tick(100);

/// Writes so many pages of memory of its own, one after the other, so many times.
struct Loop {
    pages: u64,
    rounds: u64,
    base: u64,
}

impl Loop {
    fn boxed(pages: u64, rounds: u64) -> Box<dyn Program> {
        Box::new(Self { pages, rounds, base: 0 })
    }
}

impl Program for Loop {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        if self.base == 0 {
            let memory = Allocation::committed(self.pages * PAGE_SIZE);
            return Step::Call(Call::Allocate(context.space, memory));
        }
        if self.rounds == 0 {
            return Step::End;
        }
        self.rounds -= 1;
        let page =
            |page| Reference { address: self.base + page * PAGE_SIZE, access: Access::Write };
        references.extend((0..self.pages).map(page));
        Step::References
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        match reply {
            Ok(Reply::Address(base)) => self.base = base,
            other => panic!("no memory: {other:?}"),
        }
    }
}

fn machine(frames: u32) -> Machine {
    Machine::new(Config::new(frames).with_page_file(4_096, 65_536))
}

fn run(machine: &Machine, seed: u64, programs: &[(u64, u64)]) -> Simulation {
    let mut simulation = Simulation::new(machine, seed).expect("a machine");
    for (pages, rounds) in programs {
        let program = Loop::boxed(*pages, *rounds);
        simulation.spawn("loop", SpaceConfig::default(), REFERENCE, program).expect("a process");
    }
    simulation
}

#[test]
fn a_program_that_fits_faults_once_a_page() {
    let mut simulation = run(&machine(1_024), 1, &[(100, 50)]);
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let process = &simulation.processes()[0];
    assert!(matches!(process.state, ProcessState::Done(_)), "{:?}", process.state);
    assert_eq!(process.references, 5_000);
    assert_eq!(process.counters.demand_zero, 100);
    assert_eq!(process.counters.faults(), 100);
    assert_eq!(process.time.own, Tick(5_000 * REFERENCE.0));
    assert_eq!(process.time.waited, Tick(0));
    assert!(process.time.serviced > Tick(0));
    simulation.world().manager().verify().expect("a sound state");
}

#[test]
fn a_program_that_does_not_fit_waits_for_its_disk() {
    let mut simulation = run(&machine(256), 1, &[(512, 4)]);
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let process = &simulation.processes()[0];
    assert!(process.counters.hard > 0, "{:?}", process.counters);
    assert!(process.time.waited > Tick(70_000), "{:?}", process.time);
    let read = simulation.world().disks()[0].counters().pages_read;
    assert_eq!(read, process.counters.pages_read);
    let total = process.time.own.0 + process.time.lost().0;
    let ProcessState::Done(at) = process.state else { panic!("{:?}", process.state) };
    assert!(at.0 >= total, "{at:?} is before its {total} ns were over");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    let mut slow = machine(256);
    slow.faults = InjectedFaults { slow_permille: 300, slow_max: Tick(500_000), ..slow.faults };
    slow.processors = 2;
    let result = |seed| {
        let mut simulation = run(&slow, seed, &[(200, 5), (300, 5), (100, 9)]);
        simulation.sample_every(Tick(1_000_000));
        assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
        (simulation.now(), simulation.samples().to_vec())
    };
    assert_eq!(result(7), result(7));
    assert_ne!(result(7).0, result(8).0);
}

#[test]
fn two_processors_do_twice_the_work() {
    let duration = |processors| {
        let mut machine = machine(4_096);
        machine.processors = processors;
        let mut simulation = run(&machine, 1, &[(100, 1_000), (100, 1_000)]);
        assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
        simulation.now().0
    };
    let (one, two) = (duration(1), duration(2));
    assert!(one >= two * 19 / 10 && one <= two * 21 / 10, "{one} ns and {two} ns");
}

#[test]
fn a_killed_process_gives_everything_back() {
    let mut simulation = run(&machine(256), 1, &[(200, 1_000_000), (200, 10)]);
    let victim = memtide_sim::ProcessId(0);
    simulation.schedule(Tick(1_500_000), Action::Kill(victim));
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    assert_eq!(simulation.processes()[0].state, ProcessState::Killed(Tick(1_500_000)));
    assert_eq!(simulation.world().manager().snapshot().commit().charged(), 0);
    simulation.world().manager().verify().expect("a sound state");
}

#[test]
fn a_scheduled_command_is_carried_out_at_its_moment() {
    let mut simulation = run(&machine(1_024), 1, &[(100, 100_000)]);
    simulation.schedule(Tick(5_000_000), Action::Command(ListCommand::EmptyWorkingSets));
    simulation.sample_every(Tick(2_000_000));
    let ending = simulation.run_until(Tick(8_000_000));
    assert_eq!(ending, Ending::TimeOut);
    let soft = |at: usize| simulation.samples()[at].counters.soft;
    assert_eq!(soft(2), 0, "before");
    assert_eq!(soft(3), 100, "behind: every page came back from the modified list");
}

#[test]
fn an_unreadable_page_ends_its_process_and_no_other() {
    let mut broken = machine(256);
    broken.faults.read_error_permille = 1_000;
    let mut simulation = run(&broken, 1, &[(512, 4), (10, 2_000)]);
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let states: Vec<_> = simulation.processes().iter().map(|process| process.state).collect();
    assert!(matches!(states[0], ProcessState::Crashed(..)), "{states:?}");
    assert!(matches!(states[1], ProcessState::Done(_)), "{states:?}");
    assert!(simulation.world().injected_errors() > 0);
}

/// Asks for more than there is, and gives up.
struct Greedy {
    refusal: Option<Refusal>,
}

impl Program for Greedy {
    fn step(&mut self, context: &Context<'_>, _: &mut Vec<Reference>) -> Step {
        match self.refusal {
            Some(refusal) => Step::Abort(refusal),
            None => Step::Call(Call::Allocate(context.space, Allocation::committed(1 << 40))),
        }
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        self.refusal = reply.err();
    }
}

#[test]
fn a_process_that_cannot_go_on_without_what_was_refused_ends_and_says_why() {
    let mut simulation = Simulation::new(&machine(256), 1).expect("a machine");
    let program = Box::new(Greedy { refusal: None });
    simulation.spawn("greedy", SpaceConfig::default(), REFERENCE, program).expect("a process");
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let process = &simulation.processes()[0];
    let refusal = match process.state {
        ProcessState::Aborted(_, refusal) => refusal,
        other => panic!("{other:?}"),
    };
    assert!(matches!(refusal, Refusal::CommitmentLimit { .. }), "{refusal:?}");
    assert_eq!(process.refused, 1);
}

#[test]
fn a_process_begins_at_its_moment_and_one_in_the_background_keeps_nothing_going() {
    let mut simulation = run(&machine(1_024), 1, &[(10, 1_000_000_000)]);
    simulation.put_in_background(memtide_sim::ProcessId(0));
    let late = simulation.create_process("late", SpaceConfig::default(), REFERENCE).expect("one");
    simulation.add_thread_at(Tick(3_000_000), late, Loop::boxed(100, 10));
    simulation.sample_every(Tick(1_000_000));
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let process = &simulation.processes()[1];
    assert_eq!(process.began, Tick(3_000_000));
    assert_eq!(process.references, 1_000);
    assert_eq!(simulation.samples()[2].processes[1].working_set, 0, "before it began");
}

#[test]
fn a_command_is_repeated_and_only_while_its_condition_is_set() {
    let soft = |only_while| {
        let mut simulation = run(&machine(1_024), 1, &[(100, 100_000)]);
        let moments = Moments { first: Tick(2_500_000), every: Some(Tick(1_000_000)), only_while };
        simulation.schedule_at(moments, Action::Command(ListCommand::EmptyWorkingSets));
        simulation.run_until(Tick(5_000_000));
        simulation.world().manager().counters().soft
    };
    assert_eq!(soft(None), 300, "after 2.5, 3.5 and 4.5 ms");
    assert_eq!(soft(Some(Condition::HighMemory)), 300, "memory is plentiful all the time");
    assert_eq!(soft(Some(Condition::LowMemory)), 0);
}

#[test]
fn a_fault_that_is_answered_at_once_waits_on_no_processor() {
    let mut machine = machine(8_192);
    machine.processors = 3;
    let mut simulation = run(&machine, 1, &[(1_000, 3), (1_000, 5), (1_000, 7), (1_000, 9)]);
    assert_eq!(simulation.run_until(Tick(u64::MAX)), Ending::Done);
    let waited = simulation.processes().iter().map(|process| process.time.waited);
    assert!(waited.eq([Tick(0); 4]), "{:?}", simulation.processes());
}

/// Waits for a condition, then makes one reference.
struct Waiter {
    condition: Condition,
    base: u64,
    has_waited: bool,
}

impl Program for Waiter {
    fn step(&mut self, context: &Context<'_>, references: &mut Vec<Reference>) -> Step {
        if self.base == 0 {
            return Step::Call(Call::Allocate(context.space, Allocation::committed(PAGE_SIZE)));
        }
        if !std::mem::replace(&mut self.has_waited, true) {
            return Step::Await(self.condition);
        }
        if references.is_empty() && self.condition == Condition::LowMemory {
            self.condition = Condition::HighMemory;
            references.push(Reference { address: self.base, access: Access::Write });
            return Step::References;
        }
        Step::End
    }

    fn reply(&mut self, reply: Result<Reply, Refusal>) {
        if let Ok(Reply::Address(base)) = reply {
            self.base = base;
        }
    }
}

fn waiter(condition: Condition) -> Box<dyn Program> {
    Box::new(Waiter { condition, base: 0, has_waited: false })
}

#[test]
fn a_thread_that_awaits_a_condition_is_woken_when_it_is_set_and_not_before() {
    // Without a page file, a program that uses all memory makes it low.
    let machine = Machine::new(Config::new(1_024));
    let mut simulation = Simulation::new(&machine, 1).expect("a machine");
    let config = SpaceConfig::default();
    let low = simulation.spawn("low", config, REFERENCE, waiter(Condition::LowMemory));
    let high = simulation.spawn("high", config, REFERENCE, waiter(Condition::HighMemory));
    simulation.spawn("loop", config, REFERENCE, Loop::boxed(1_020, 1)).expect("a process");
    assert_eq!(simulation.run_until(Tick(Tick::SECOND.0)), Ending::Done);
    let set = simulation.world().readings().iter().find(|(_, reading)| {
        reading.condition == Condition::LowMemory && reading.state == State::Set
    });
    let ended = |process: memtide_sim::ProcessId| match simulation.processes()[process.0].state {
        ProcessState::Done(at) => at,
        other => panic!("{other:?}"),
    };
    let (set, _) = set.expect("memory was low");
    assert!(ended(low.expect("a process")) >= *set, "woken before memory was low");
    assert!(ended(high.expect("a process")) < *set, "high memory is set from the beginning");
}

#[test]
fn no_processor_is_idle_while_a_thread_is_ready() {
    let mut machine = machine(16_384);
    machine.processors = 2;
    let programs = [(2_000, 100), (2_000, 100), (2_000, 100), (2_000, 100)];
    let mut simulation = run(&machine, 1, &programs);
    let end = Tick(20_000_000);
    assert_eq!(simulation.run_until(end), Ending::TimeOut);
    let used: u64 = simulation
        .processes()
        .iter()
        .map(|process| process.time.own.0 + process.time.lost().0)
        .sum();
    assert!(used * 100 >= 2 * end.0 * 96, "{used} ns of twice {} ns", end.0);
}
