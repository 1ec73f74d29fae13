//! `--quarantine`: the quarantine of a matrix.

use super::context::Context;
use super::error::CliError;
use super::known::Catalogues;
use super::output;
use crate::host::today;
use crate::matrix::{Purpose, QuarantineFile, Quarantined, Quarantining, quarantine};
use crate::store::read_stream;
use model::{Cell, Plan, Quarantine};
use std::path::{Path, PathBuf};

/// The quarantine beside a matrix.
const FILE: &str = "quarantine.yaml";

/// Maximum length of a quarantine file in bytes.
const MAX_FILE: u64 = 16 << 20;

/// The quarantine of a run or a plan.
#[derive(Debug, Clone, clap::Args)]
pub struct QuarantineArgs {
    /// Known failures that do not turn the run red; may be given more than once; see `docs/quarantine.md` [default: quarantine.yaml
    /// beside the matrix, if it exists]
    #[arg(long, value_name = "FILE")]
    pub quarantine: Vec<PathBuf>,
    /// Ignore quarantine.yaml beside the matrix
    #[arg(long, conflicts_with = "quarantine")]
    pub no_quarantine: bool,
}

impl QuarantineArgs {
    fn files(&self, matrix: &Path) -> Vec<PathBuf> {
        let beside = matrix.with_file_name(FILE);
        if self.quarantine.is_empty() && !self.no_quarantine && beside.is_file() {
            vec![beside]
        } else {
            self.quarantine.clone()
        }
    }

    /// Quarantines cells of the matrix's plan; warnings go to stderr. To verify, the quarantined cells alone are left, each with all
    /// its trials. Returns the entries that have expired, where that is no error.
    ///
    /// # Errors
    /// When a file cannot be read, anything in it is wrong, or an entry has expired, to test kernels; to verify, when no cell is
    /// quarantined.
    pub(super) fn apply(
        &self,
        matrix: &Path,
        plan: &mut Plan,
        purpose: Purpose,
        catalogues: &Catalogues,
        context: &Context,
    ) -> Result<Vec<Quarantine>, CliError> {
        let files = self.files(matrix);
        let (mut read, mut wrong) = (Vec::new(), Vec::new());
        for path in &files {
            let text = read_stream(path, MAX_FILE)
                .map_err(|error| CliError::Usage(format!("cannot read the quarantine {}: {error}", path.display())))?;
            match QuarantineFile::read(text, &path.display().to_string()) {
                Ok(file) => read.push(file),
                Err(found) => wrong.extend(found),
            }
        }
        if !wrong.is_empty() {
            return Err(wrong.into());
        }
        let release = |cell: &Cell| catalogues.release(cell.kernel.as_str(), cell.arch);
        let against = Quarantining { today: &today(), release: &release, purpose };
        let Quarantined { warnings, expired } = quarantine(&read, plan, &against)?;
        for warning in warnings {
            output::print_err(&format!("{}\n", warning.render(context.color)));
        }
        if purpose == Purpose::Verify {
            plan.cells.retain(|cell| !cell.quarantine.is_empty());
            if plan.cells.is_empty() {
                let lack = match files.as_slice() {
                    [] => format!("there is no {FILE} beside the matrix; name a file with `--quarantine`"),
                    _ => "no cell of the matrix is quarantined".to_owned(),
                };
                return Err(CliError::Usage(format!("nothing to verify: {lack}")));
            }
        }
        Ok(expired)
    }
}
