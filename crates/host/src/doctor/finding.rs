//! What was found of one capability.

use super::{Capability, Verdict};

/// What was found of one capability.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    verdict: Verdict,
    evidence: String,
    remedy: Option<String>,
}

impl Finding {
    pub(crate) fn works(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Works, evidence: evidence.into(), remedy: None }
    }

    pub(crate) fn fails(evidence: impl Into<String>, remedy: impl Into<String>) -> Self {
        let remedy = Some(remedy.into());
        Self { verdict: Verdict::Fails, evidence: evidence.into(), remedy }
    }

    pub(crate) fn unknown(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, evidence: evidence.into(), remedy: None }
    }

    #[cfg(target_os = "linux")]
    pub(crate) const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The same, with what would enable it or more of it.
    #[cfg(target_os = "linux")]
    pub(crate) fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    pub(crate) fn of(self, id: &'static str, purpose: &'static str) -> Capability {
        let Self { verdict, evidence, remedy } = self;
        Capability { id, purpose, verdict, evidence, remedy }
    }
}
