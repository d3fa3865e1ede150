//! Why a command has no answer.

use memtide_recording::RecordingError;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum KdError {
    /// What was typed cannot be used.
    #[error("{0}")]
    Usage(String),
    /// A recorded run cannot be read any further.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A file cannot be written.
    #[error("{path}: {error}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        error: RecordingError,
    },
}

/// What was typed cannot be used.
pub(super) fn usage<T>(message: impl Into<String>) -> Result<T, KdError> {
    Err(KdError::Usage(message.into()))
}
