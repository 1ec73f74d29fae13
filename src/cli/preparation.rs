//! The view of a preparation that an interrupt cancels.

use super::kernel::View;
use crate::kernel::{Progress, Update};
use tokio_util::sync::CancellationToken;

/// Shows the preparation of kernels, and cancels it on an interrupt.
pub(super) struct PreparationView {
    pub view: View,
    pub cancel: CancellationToken,
}

impl Progress for PreparationView {
    fn update(&self, update: Update<'_>) {
        self.view.update(update);
    }

    fn note(&self, text: &str) {
        self.view.note(text);
    }

    fn cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }
}
