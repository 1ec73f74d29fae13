//! Timeouts of reading a guest.

use super::error::ProbeError;
use std::time::Duration;

/// Timeout of one command to QEMU, and of a probe besides the time that it samples or writes.
pub(super) const QMP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs some work with a timeout.
pub(super) async fn within<T, E: Into<ProbeError>>(
    timeout: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, ProbeError> {
    match tokio::time::timeout(timeout, work).await {
        Ok(done) => done.map_err(Into::into),
        Err(_) => Err(ProbeError::Timeout(timeout)),
    }
}
