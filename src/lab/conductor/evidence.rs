//! The host's own evidence before sysrq-f: a provoked kill may change all that there is to see.

use super::Conductor;
use crate::lab::diagnosis::Diagnosis;
use crate::lab::error::LabError;
use crate::lab::journal::Journal;
use crate::lab::phase::{Phase, Probing};
use model::Stamp;

impl Conductor {
    pub(super) fn begin_diagnosis(&self, at: Stamp) -> Diagnosis {
        Diagnosis::begin(at, self.conditions.diagnosis.clone(), self.has_provoked, self.page_bytes())
    }

    /// Goes on to the next step; whether all that may be made before the verdict have ended.
    pub(super) fn collect(&mut self, at: Stamp, journal: &mut dyn Journal) -> Result<bool, LabError> {
        if let Some(evidence) = &mut self.evidence
            && !evidence.advance(at, &mut self.effects, journal)
        {
            return Ok(false);
        }
        self.probing = Probing::Idle;
        self.act(at, Vec::new(), journal)?;
        Ok(true)
    }

    /// The step that is being made will not end: its steps are made again, of the machine that is shut down.
    pub(super) fn abandon_evidence(&mut self) {
        if self.probing == Probing::Collecting {
            self.evidence = None;
        }
    }

    /// QEMU has exited: what was collected is kept.
    pub(super) fn end_diagnosis(&mut self, at: Stamp, journal: &mut dyn Journal) {
        let evidence = self.evidence.take();
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        let diagnosis = if let Phase::Diagnosing(diagnosis) = phase { Some(diagnosis) } else { evidence };
        if let Some(mut diagnosis) = diagnosis {
            diagnosis.on_exit();
            diagnosis.advance(at, &mut self.effects, journal);
            diagnosis.finish(journal);
        }
    }
}
