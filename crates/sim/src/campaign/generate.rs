//! Makes runs from seeds. Nothing is executed: what is planned supposes that every call succeeds,
//! and a step about something that is not there does nothing.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::machine::{Choices, Hardware, PageFile};
use super::run::Run;
use super::step::{Command, Step};
use crate::contents::Plant;
use crate::disk::DiskKind;
use crate::injected::FaultKind;

/// How many faults are injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Amount {
    /// None: all that was promised is had.
    None,
    /// Now and then.
    Some,
    /// All the time.
    Many,
}

impl Amount {
    /// Thousandths of steps that inject a fault.
    const fn permille(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Some => 10,
            Self::Many => 50,
        }
    }
}

/// What runs are made like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    /// Steps of a run.
    pub steps: u64,
    /// How many faults are injected; each seed decides for itself where nothing is said.
    pub faults: Option<Amount>,
    /// A defect that is planted in the middle of each run, to prove that it is found.
    pub plant: Option<Plant>,
}

const PROCESSES_MOST: usize = 4;
const THREADS_MOST: usize = 8;
const REGIONS_MOST: usize = 24;
const SECTIONS_MOST: usize = 5;
/// Mostly memory that can be written.
const PROTECTIONS: [u32; 9] = [0x04, 0x04, 0x02, 0x01, 0x104, 0x102, 0x40, 0x20, 0x204];
const VIEW_PROTECTIONS: [u32; 5] = [0x04, 0x02, 0x08, 0x01, 0x08];
const SECTION_PROTECTIONS: [u32; 4] = [0x04, 0x04, 0x02, 0x40];
const COMMANDS: [Command; 8] = [
    Command::EmptyWorkingSets,
    Command::EmptyWorkingSets,
    Command::FlushModifiedList,
    Command::PurgeStandbyList,
    Command::PurgeStandbyList,
    Command::PurgeLowPriorityStandbyList,
    Command::CaptureAccessedBits,
    Command::CaptureAndResetAccessedBits,
];

#[derive(Clone, Copy)]
struct Region {
    number: u32,
    process: u32,
    pages: u64,
    is_window: bool,
}

/// A run being made: what there would be if every call succeeded.
struct Planner {
    random: Xoshiro256PlusPlus,
    faults: Amount,
    frames: u32,
    processes: Vec<u32>,
    threads: Vec<(u32, u32)>,
    regions: Vec<Region>,
    sections: Vec<(u32, u64)>,
    /// The next number of anything: none is given twice.
    next: u32,
    /// Words are never written twice, so that a stale one shows.
    word: u64,
    steps: Vec<Step>,
}

impl Run {
    /// The run of a seed.
    #[must_use]
    pub fn generate(seed: u64, generation: Generation) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let machine = hardware(&mut random);
        let of_seed = [Amount::None, Amount::Some, Amount::Many][random.random_range(0..3)];
        let mut planner = Planner {
            random,
            faults: generation.faults.unwrap_or(of_seed),
            frames: machine.frames,
            processes: Vec::new(),
            threads: Vec::new(),
            regions: Vec::new(),
            sections: Vec::new(),
            next: 1,
            word: 1,
            steps: Vec::new(),
        };
        planner.begin();
        for at in 0..generation.steps {
            if let Some(what) = generation.plant.filter(|_| at == generation.steps / 2) {
                planner.steps.push(Step::Plant { what });
            }
            planner.step();
        }
        Self { machine, steps: planner.steps }
    }
}

fn hardware(random: &mut Xoshiro256PlusPlus) -> Hardware {
    let frames = match random.random_range(0..8) {
        0 => random.random_range(1..8),
        1..4 => random.random_range(8..32),
        _ => random.random_range(32..192),
    };
    let disks = DiskKind::all();
    let mut disk = || disks[random.random_range(0..disks.len())].name.clone();
    let (file_disk, first, second) = (disk(), disk(), disk());
    let mut page_files: Vec<PageFile> = [first, second].map(|disk| page_file(random, disk)).into();
    page_files.truncate(random.random_range(0..3));
    let has_store = random.random_bool(0.5);
    Hardware {
        frames,
        store: if has_store { random.random_range(1..frames / 3 + 2) } else { 0 },
        dirty_by_fault: random.random_bool(0.5),
        file_disk,
        page_files,
        policy: Choices {
            demand_zero_max: random.random_range(1..9),
            read_cluster_max: random.random_range(1..17),
            map_ahead_max: random.random_range(1..9),
            read_ahead_min: random.random_range(0..5),
            write_cluster: random.random_range(1..17),
            modified_high: random.random_range(1..33),
            writes_max: random.random_range(1..5),
            age_batch: random.random_range(1..65),
            working_set_minimum: if random.random_bool(0.3) { 0 } else { frames / 64 },
        },
    }
}

fn page_file(random: &mut Xoshiro256PlusPlus, disk: String) -> PageFile {
    let initial = random.random_range(0..200);
    PageFile { initial, maximum: initial + random.random_range(0..300), disk }
}

impl Planner {
    fn below(&mut self, end: u64) -> u64 {
        self.random.random_range(0..end.max(1))
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.random.random_range(0..from.len())]) }
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn small(&mut self, end: u64) -> u32 {
        u32::try_from(self.below(end)).unwrap_or(u32::MAX)
    }

    fn step(&mut self) {
        if self.below(1000) < self.faults.permille() {
            return self.fault();
        }
        match self.below(200) {
            0..100 => self.access(),
            100..130 => self.steps.push(Step::Event {}),
            130..142 => self.allocate(),
            142..146 => self.free(),
            146..154 => self.protect(),
            154..162 => self.contents(),
            162..170 => self.section(),
            170..174 => self.watch(),
            174..180 => self.lists(),
            180..182 => self.process(),
            182..186 => self.lock(),
            186..190 => self.physical(),
            190..192 => self.look(),
            192..196 => {
                let microseconds = self.below(5_000);
                self.steps.push(Step::Pass { microseconds });
            }
            196..199 => {
                let microseconds = self.below(3_000_000);
                self.steps.push(Step::Pass { microseconds });
            }
            _ => self.steps.push(Step::Rest {}),
        }
    }

    fn fault(&mut self) {
        let step = match self.below(20) {
            0..5 => Step::Fail { what: FaultKind::Read, times: 1 + self.small(4) },
            5..9 => Step::Fail { what: FaultKind::Write, times: 1 + self.small(6) },
            9 => Step::Fail { what: FaultKind::Write, times: 40 },
            10..12 => Step::Fail { what: FaultKind::Extend, times: 1 },
            12..15 => Step::Fail { what: FaultKind::Contents, times: 1 + self.small(2) },
            15..18 => {
                let microseconds = self.below(200_000);
                Step::Slow { microseconds, times: 1 + self.small(8) }
            }
            18 if self.frames > 32 => Step::MarkBad { frame: self.small(u64::from(self.frames)) },
            18 => Step::Heal {},
            _ => return self.end_thread(),
        };
        self.steps.push(step);
    }

    fn access(&mut self) {
        let Some((region, page)) = self.page() else { return self.process() };
        let own: Vec<u32> = self.threads_of(region.process);
        let Some(thread) = self.pick(&own) else { return self.begin_thread(region.process) };
        let region = region.number;
        let step = match self.below(100) {
            0..45 => {
                self.word += 1;
                Step::Write { thread, region, page, word: self.word }
            }
            45..48 => Step::Execute { thread, region, page },
            _ => Step::Read { thread, region, page },
        };
        self.steps.push(step);
    }

    fn threads_of(&self, process: u32) -> Vec<u32> {
        let own = self.threads.iter().filter(|(_, of)| *of == process);
        own.map(|(thread, _)| *thread).collect()
    }

    /// A page of a region, mostly: now and then one past its end.
    fn page(&mut self) -> Option<(Region, u64)> {
        let regions = std::mem::take(&mut self.regions);
        let region = self.pick(&regions);
        self.regions = regions;
        let region = region?;
        let beyond = if self.chance(2) { 3 } else { 0 };
        let page = self.below(region.pages + beyond);
        Some((region, page))
    }

    /// Pages of a region, mostly.
    fn span(&mut self) -> Option<(Region, u64, u64)> {
        let (region, page) = self.page()?;
        let left = region.pages.saturating_sub(page).max(1);
        let beyond = if self.chance(2) { left } else { 0 };
        let pages = 1 + self.below(left.min(12)) + beyond;
        Some((region, page, pages))
    }

    fn allocate(&mut self) {
        let Some(process) = self.any_process() else { return self.begin() };
        let protection = self.pick(&PROTECTIONS).unwrap_or(4);
        if self.chance(30)
            && let Some((region, page, pages)) = self.span()
        {
            let region = region.number;
            return self.steps.push(Step::Commit { region, page, pages, protection });
        }
        if self.regions.len() >= REGIONS_MOST {
            return self.free();
        }
        let (region, pages) = (self.number(), 1 + self.below(40));
        self.regions.push(Region { number: region, process, pages, is_window: false });
        let reserved = self.chance(30);
        let (top_down, watched) = (self.chance(20), self.chance(20));
        let step =
            Step::Allocate { process, region, pages, protection, reserved, top_down, watched };
        self.steps.push(step);
    }

    fn free(&mut self) {
        let Some((region, page, pages)) = self.span() else { return };
        let number = region.number;
        if self.chance(50) || region.is_window {
            self.regions.retain(|region| region.number != number);
            return self.steps.push(Step::Free { region: number });
        }
        self.steps.push(Step::Decommit { region: number, page, pages });
    }

    fn protect(&mut self) {
        let Some((region, page, pages)) = self.span() else { return };
        let from: &[u32] = if self.chance(20) { &VIEW_PROTECTIONS } else { &PROTECTIONS };
        let protection = self.pick(from).unwrap_or(4);
        self.steps.push(Step::Protect { region: region.number, page, pages, protection });
    }

    fn contents(&mut self) {
        let Some((region, page, pages)) = self.span() else { return };
        let region = region.number;
        let step = match self.below(6) {
            0 => Step::Reset { region, page, pages },
            1 => Step::UndoReset { region, page, pages },
            2 => Step::Offer { region, page, pages },
            3 => Step::Reclaim { region, page, pages },
            4 => Step::Discard { region, page, pages },
            _ => Step::Prefetch { region, page, pages },
        };
        self.steps.push(step);
    }

    fn section(&mut self) {
        let sections = self.sections.clone();
        let Some((section, all)) = self.pick(&sections) else { return self.make_section() };
        match self.below(8) {
            0 if sections.len() < SECTIONS_MOST => self.make_section(),
            0 | 1 => {
                self.sections.retain(|(number, _)| *number != section);
                self.steps.push(Step::CloseSection { section });
            }
            2 => self.steps.push(Step::HoldWrites { section }),
            3 | 4 => self.steps.push(Step::ReleaseWrites { section }),
            _ => self.map_view(section, all),
        }
    }

    fn make_section(&mut self) {
        let (section, pages) = (self.number(), 1 + self.below(60));
        let (file, reserved) = (self.chance(50), self.chance(30));
        let protection = self.pick(&SECTION_PROTECTIONS).unwrap_or(4);
        self.sections.push((section, pages));
        self.steps.push(Step::Section { section, pages, protection, file, reserved });
    }

    fn map_view(&mut self, section: u32, all: u64) {
        let Some(process) = self.any_process() else { return self.begin() };
        if self.regions.len() >= REGIONS_MOST {
            return self.free();
        }
        let first = self.below(all.div_ceil(16)) * 16;
        let (region, pages) = (self.number(), 1 + self.below(all - first));
        let protection = self.pick(&VIEW_PROTECTIONS).unwrap_or(4);
        self.regions.push(Region { number: region, process, pages, is_window: false });
        self.steps.push(Step::View { process, region, section, first, pages, protection });
    }

    fn watch(&mut self) {
        let Some((region, page, pages)) = self.span() else { return };
        let (most, resets) = (1 + self.below(8), self.chance(50));
        self.steps.push(Step::Watch { region: region.number, page, pages, most, resets });
    }

    fn lists(&mut self) {
        let Some(process) = self.any_process() else { return self.begin() };
        let step = match self.below(8) {
            0..5 => Step::Lists { command: self.pick(&COMMANDS).unwrap_or(COMMANDS[0]) },
            5 => Step::Zero { pages: 8 },
            6 => Step::Empty { process },
            _ if self.chance(30) => {
                Step::Priority { process, priority: u8::try_from(self.below(8)).unwrap_or(5) }
            }
            _ => Step::Limits { process, most: 13 + self.below(100), hard: self.chance(50) },
        };
        self.steps.push(step);
    }

    fn process(&mut self) {
        if self.processes.len() < PROCESSES_MOST {
            return self.begin();
        }
        let Some(process) = self.any_process() else { return };
        match self.below(8) {
            0..2 => {
                let threads_first = self.chance(30);
                self.processes.retain(|of| *of != process);
                self.threads.retain(|(_, of)| *of != process);
                self.regions.retain(|region| region.process != process);
                self.steps.push(Step::Kill { process, threads_first });
            }
            _ => self.begin_thread(process),
        }
    }

    fn begin(&mut self) {
        let process = self.number();
        self.processes.push(process);
        self.steps.push(Step::Begin { process });
        self.begin_thread(process);
        if self.chance(50) {
            self.begin_thread(process);
        }
    }

    fn begin_thread(&mut self, process: u32) {
        if self.threads.len() < THREADS_MOST || self.threads_of(process).is_empty() {
            let thread = self.number();
            self.threads.push((thread, process));
            self.steps.push(Step::Thread { thread, process });
        }
    }

    fn end_thread(&mut self) {
        let threads = self.threads.clone();
        let Some((thread, _)) = self.pick(&threads) else { return };
        self.threads.retain(|(of, _)| *of != thread);
        self.steps.push(Step::EndThread { thread });
    }

    fn any_process(&mut self) -> Option<u32> {
        let processes = self.processes.clone();
        self.pick(&processes)
    }

    fn lock(&mut self) {
        let Some((region, page, pages)) = self.span() else { return };
        let own = self.threads_of(region.process);
        let region = region.number;
        let step = match self.pick(&own) {
            Some(thread) if self.chance(50) => Step::Lock { thread, region, page, pages },
            _ => Step::Unlock { region, page, pages },
        };
        self.steps.push(step);
    }

    fn physical(&mut self) {
        let windows: Vec<Region> =
            self.regions.iter().copied().filter(|region| region.is_window).collect();
        let Some(process) = self.any_process() else { return self.begin() };
        let step = match (self.below(4), self.pick(&windows)) {
            (0, _) => Step::AllocateFrames { process, pages: 2 },
            (1, _) => Step::FreeFrame { process, which: self.small(8) },
            (_, Some(Region { number: region, .. })) => {
                Step::MapFrame { region, page: self.below(4), which: self.small(8) }
            }
            (_, None) => {
                let (region, pages) = (self.number(), 4);
                self.regions.push(Region { number: region, process, pages, is_window: true });
                Step::Window { process, region, pages }
            }
        };
        self.steps.push(step);
    }

    fn look(&mut self) {
        let Some((region, page)) = self.page() else { return };
        let region = region.number;
        let step = match self.chance(50) {
            true => Step::Query { region, page },
            false => Step::Used { region, page },
        };
        self.steps.push(step);
    }
}
