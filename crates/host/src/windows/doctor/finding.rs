//! What was found of one capability.

use crate::doctor::{Capability, Verdict};

/// What would permit what a user may not.
pub(super) const ELEVATED: &str = "run elevated (as administrator)";

/// What was found of one capability.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    verdict: Verdict,
    evidence: String,
    remedy: Option<String>,
}

impl Finding {
    pub(super) fn works(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Works, evidence: evidence.into(), remedy: None }
    }

    pub(super) fn fails(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { verdict: Verdict::Fails, evidence: evidence.into(), remedy }
    }

    pub(super) fn unknown(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, evidence: evidence.into(), remedy: None }
    }

    pub(super) fn of(self, id: &'static str, purpose: &'static str) -> Capability {
        let Self { verdict, evidence, remedy } = self;
        Capability { id, purpose, verdict, evidence, remedy }
    }
}
