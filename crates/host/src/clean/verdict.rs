//! Whether a clean was worth it.

use memtide_core::conditions::Permille;
use memtide_core::units::{ByteDelta, Bytes};

/// Less than this made free is within what a machine does by itself.
const LEAST_FREED: Bytes = Bytes::from_mib(1);

/// It came back when at least one part in so many did: who looks for half a minute and finds a
/// tenth back already is not told that it helped.
const CAME_BACK_PART: u64 = 10;

/// So many waits for a disk are more than a few stragglers.
const MANY_HARD_FAULTS: u64 = 100;

/// From this share of the time on, waiting for memory is felt.
const STALL_FELT: Permille = Permille(50);

/// How a clean did harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Programs waited for their pages.
    Waited {
        /// Faults that had to wait for a disk, and pages read from swap.
        hard_faults: u64,
        /// The share of the time in which a thread waited.
        stall: Permille,
    },
    /// More than twice of what was made free was read again: it thrashes.
    Thrashed,
}

/// What watching a clean says of it.
///
/// It *came back* when at least a tenth of what was made free did. It *hurt* when in addition
/// programs stopped for it: at least 100 hard faults (major faults and pages read from swap) with
/// at least 5% of the time stalled; or when more than twice of what was made free came back.
/// Otherwise it *helped*.
///
/// What is available at the end decides nothing: any other program that allocates meanwhile would
/// make every clean look harmful, and a page that comes back is available again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to speak of was made free: less than 1 MiB.
    NothingFreed,
    /// What was made free stayed free or was put to other use.
    Helped,
    /// It was needed and was fetched again.
    CameBack,
    /// It was needed, and programs paid for fetching it again.
    Hurt(Harm),
    /// What came back cannot be counted here, or the part that can decides nothing.
    Unknown,
}

/// What a verdict is given on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Case {
    pub(crate) freed: Option<ByteDelta>,
    pub(crate) returned: Option<Bytes>,
    /// What more may have come back.
    pub(crate) uncounted: Bytes,
    pub(crate) hard_faults: u64,
    pub(crate) stall: Option<Permille>,
}

impl Verdict {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NothingFreed => "nothing-freed",
            Self::Helped => "helped",
            Self::CameBack => "came-back",
            Self::Hurt(_) => "hurt",
            Self::Unknown => "unknown",
        }
    }

    pub(crate) fn on(case: &Case) -> Self {
        let Some(freed) = case.freed else { return Self::Unknown };
        let freed = Bytes(u64::try_from(freed.0).unwrap_or_default());
        if freed < LEAST_FREED {
            return Self::NothingFreed;
        }
        let Some(returned) = case.returned else { return Self::Unknown };
        let mark = freed.scale(1, CAME_BACK_PART);
        if returned < mark {
            let certain = returned.saturating_add(case.uncounted) < mark;
            return if certain { Self::Helped } else { Self::Unknown };
        }
        match harm(case, freed, returned) {
            Some(harm) => Self::Hurt(harm),
            None => Self::CameBack,
        }
    }
}

fn harm(case: &Case, freed: Bytes, returned: Bytes) -> Option<Harm> {
    let hard_faults = case.hard_faults;
    if let Some(stall) = case.stall.filter(|stall| *stall >= STALL_FELT)
        && hard_faults >= MANY_HARD_FAULTS
    {
        return Some(Harm::Waited { hard_faults, stall });
    }
    (returned > freed.scale(2, 1)).then_some(Harm::Thrashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(freed_mib: i64, returned_mib: u64) -> Case {
        Case {
            freed: Some(ByteDelta(freed_mib << 20)),
            returned: Some(Bytes::from_mib(returned_mib)),
            ..Case::default()
        }
    }

    #[test]
    fn a_tenth_that_comes_back_is_the_mark() {
        assert_eq!(Verdict::on(&case(400, 0)), Verdict::Helped);
        assert_eq!(Verdict::on(&case(400, 39)), Verdict::Helped);
        assert_eq!(Verdict::on(&case(400, 40)), Verdict::CameBack);
        assert_eq!(Verdict::on(&case(400, 800)), Verdict::CameBack);
    }

    #[test]
    fn a_loss_is_no_gain() {
        assert_eq!(Verdict::on(&case(-400, 0)), Verdict::NothingFreed);
        assert_eq!(Verdict::on(&case(0, 500)), Verdict::NothingFreed);
    }

    #[test]
    fn stopping_for_it_hurts_and_faults_alone_do_not() {
        let faults = Case { hard_faults: 5000, stall: Some(Permille(49)), ..case(400, 300) };
        assert_eq!(Verdict::on(&faults), Verdict::CameBack);
        let stalls = Case { stall: Some(Permille(50)), ..faults };
        let waited = Harm::Waited { hard_faults: 5000, stall: Permille(50) };
        assert_eq!(Verdict::on(&stalls), Verdict::Hurt(waited));
        let other = Case { hard_faults: 99, ..stalls };
        assert_eq!(Verdict::on(&other), Verdict::CameBack);
        let kept = Case { returned: Some(Bytes::from_mib(10)), ..stalls };
        assert_eq!(Verdict::on(&kept), Verdict::Helped, "what did not come back cannot hurt");
    }

    #[test]
    fn more_than_twice_is_thrashing() {
        assert_eq!(Verdict::on(&case(400, 800)), Verdict::CameBack);
        assert_eq!(Verdict::on(&case(400, 801)), Verdict::Hurt(Harm::Thrashed));
    }

    #[test]
    fn the_unknown_gets_no_verdict() {
        assert_eq!(Verdict::on(&Case { freed: None, ..case(400, 0) }), Verdict::Unknown);
        assert_eq!(Verdict::on(&Case { returned: None, ..case(400, 0) }), Verdict::Unknown);
        let uncounted = |mib| Case { uncounted: Bytes::from_mib(mib), ..case(400, 30) };
        assert_eq!(Verdict::on(&uncounted(9)), Verdict::Helped);
        assert_eq!(Verdict::on(&uncounted(10)), Verdict::Unknown);
    }
}
