use super::*;
use crate::clean::{Effect, Estimate, Evidence, Mechanism, Prediction, Stop, Verdict, Weight};
use std::sync::{Arc, Mutex};

/// The regions that were tried, each with the limit it was given.
type Tried = Arc<Mutex<Vec<(Region, Option<Bytes>)>>>;

/// A machine of numbers: every region frees what its entry says.
#[derive(Default)]
struct Paper {
    yields: Vec<(Region, i64)>,
    occupied: u64,
    refaults: u64,
    tried: Tried,
}

const MIB: u64 = 1 << 20;

impl System for Paper {
    fn gauge(&mut self, _region: Region) -> Gauge {
        Gauge { occupied: Some(Bytes(self.occupied)), commit: Some(Bytes(7)), ..Gauge::default() }
    }

    fn predict(&mut self, region: Region) -> Prediction {
        Prediction {
            region,
            estimate: Estimate::Unknown,
            effect: Effect::MadeFree,
            basis: String::new(),
            mechanism: None,
            needs: None,
        }
    }

    fn carry_out(&mut self, region: Region, reins: &mut Reins<'_>) -> Outcome {
        self.tried.lock().expect("whole").push((region, reins.limit));
        reins.tell("half of it");
        if reins.stop() == Some(Stop::Cancelled) {
            return Outcome { status: Status::Cancelled, mechanism: None, notes: Vec::new() };
        }
        let entry = self.yields.iter().find(|(r, _)| *r == region).expect("an entry");
        self.occupied = self.occupied.checked_add_signed(-entry.1).expect("enough");
        let mechanism = Some(Mechanism { name: "paper".into(), evidence: Evidence::Refaults });
        Outcome { status: Status::Done, mechanism, notes: Vec::new() }
    }

    fn counters(&mut self, _settled: bool) -> Counters {
        self.refaults += 256;
        Counters {
            refault_file: Some(self.refaults),
            available: Some(Bytes::from_mib(500)),
            ..Counters::default()
        }
    }

    fn remarks(&self) -> Vec<String> {
        vec!["on paper".to_owned()]
    }
}

fn cleaner(yields: &[(Region, i64)], limit: Option<Bytes>) -> Cleaner {
    let paper = Paper { yields: yields.to_vec(), occupied: 1000 * MIB, ..Paper::default() };
    let request = Request { limit, ..Request::default() };
    let steps = yields.iter().map(|(region, _)| *region).collect();
    Cleaner::with(Box::new(paper), steps, &request)
}

#[test]
fn every_region_gets_a_line_and_amounts_keep_their_sign() {
    let yields = [(Region::WorkingSets, -3 << 20), (Region::Standby, 100 << 20)];
    let mut cleaner = cleaner(&yields, None);
    let report = cleaner.run(&AtomicBool::new(false), &mut |_| ());
    let freed: Vec<_> = report.steps.iter().map(|step| step.change.made_free).collect();
    assert_eq!(freed, [Some(ByteDelta(-3 << 20)), Some(ByteDelta(100 << 20))]);
    assert_eq!(report.made_free(), Some(ByteDelta(97 << 20)));
    let change = &report.steps[0].change;
    assert_eq!(change.returned_to_commit, Some(ByteDelta(0)));
    assert_eq!(change.moved_to_standby, None, "what is not measured is unknown");
}

#[test]
fn the_limit_is_what_is_left_of_it_and_then_it_is_enough() {
    let yields =
        [(Region::WorkingSets, 30 << 20), (Region::Standby, 80 << 20), (Region::Slab, 5 << 20)];
    let paper = Paper { yields: yields.to_vec(), occupied: 1000 * MIB, ..Paper::default() };
    let tried = Arc::clone(&paper.tried);
    let steps = yields.iter().map(|(region, _)| *region).collect();
    let request = Request { limit: Some(Bytes::from_mib(100)), ..Request::default() };
    let mut cleaner = Cleaner::with(Box::new(paper), steps, &request);
    let report = cleaner.run(&AtomicBool::new(false), &mut |_| ());
    assert!(matches!(report.steps[2].status, Status::Enough) && report.is_done());
    let limits: Vec<_> =
        tried.lock().expect("whole").iter().map(|(_, limit)| limit.map(|l| l.0 / MIB)).collect();
    assert_eq!(limits, [Some(100), Some(70)]);
}

#[test]
fn a_cancel_ends_the_step_and_the_rest_still_gets_its_lines() {
    let yields = [(Region::WorkingSets, 1), (Region::Standby, 1), (Region::Slab, 1)];
    let mut cleaner = cleaner(&yields, None);
    let cancel = AtomicBool::new(false);
    let mut begun = 0;
    let report = cleaner.run(&cancel, &mut |progress| match progress {
        Progress::Begun { .. } => begun += 1,
        Progress::Doing { region: Region::Standby, .. } => cancel.store(true, Ordering::Relaxed),
        _ => {}
    });
    let words: Vec<_> = report.steps.iter().map(|step| step.status.word()).collect();
    assert_eq!(words, ["done", "cancelled", "cancelled"]);
    assert_eq!(begun, 3);
    assert!(report.is_cancelled() && !report.is_done());
}

#[test]
fn watching_counts_from_the_end_of_the_last_step() {
    let mut cleaner = cleaner(&[(Region::Standby, 100 << 20)], None);
    cleaner.run(&AtomicBool::new(false), &mut |_| ());
    let cancel = AtomicBool::new(true);
    let seen = cleaner.observe(Duration::from_secs(60), &cancel, &mut |_| ());
    assert_eq!(seen.returned_file, Some(Bytes::from_mib(1)));
    assert_eq!(seen.verdict, Verdict::Helped);
    assert!(seen.window < Duration::from_secs(1), "a cancel ends the watch");
    assert_eq!(seen.remarks, ["on paper"]);
    assert_eq!(seen.available_before, Some(Bytes::from_mib(500)));
}

#[test]
fn a_plan_names_every_region_and_changes_nothing() {
    let mut cleaner = cleaner(&[(Region::Standby, 1), (Region::Combine, 1)], None);
    assert_eq!(cleaner.plan().predictions.len(), 2);
    assert!(cleaner.report().steps.is_empty());
    assert_eq!(Region::Standby.weight(), Weight::Heavy);
}
