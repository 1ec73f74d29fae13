//! What is recorded of a failure: the trial, the others of its run, its console, its kernel's configuration.

use super::regression::read_session;
use crate::bisection::{JournalEntry, Search, Subject, TrialResult};
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::git::CommitId;
use crate::kernel::{Kernels, Source};
use crate::report::GuestFile;
use crate::report::mail::{KernelOrigin, Origin};
use crate::store::{Events, RunDir, read_regular, read_trial};
use model::{Cell, Event, Failure, Frame, KernelName, Regression, TrialRecord};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// The file with a trial's console.
const CONSOLE: &str = "console.log";

/// Maximum length of a console in bytes; that of a trial has at most 64 MiB.
const MAX_CONSOLE: u64 = 65 << 20;

/// Maximum length of a configuration in bytes.
const MAX_CONFIG: u64 = 4 << 20;

/// Name of the kernel of a commit (`bisection`, `oomlab run --range`).
const OF_COMMIT: &str = "commit-";

/// What is recorded of a failure.
#[derive(Debug)]
pub(super) struct Record {
    /// The trial to describe.
    pub trial: TrialRecord,
    /// The trials of its run, or of its commit in a bisection.
    pub trials: Vec<TrialRecord>,
    /// Its console.
    pub console: Vec<u8>,
    /// Seconds from the start of the workload to the last progress, of each trial of the cell with this failure.
    pub delays_s: Vec<f64>,
    /// The kernels of the run that are known.
    pub origins: BTreeMap<KernelName, KernelOrigin>,
    /// Repositories on this host that kernels were built from.
    pub repositories: BTreeMap<KernelName, PathBuf>,
    /// The configuration of the trial's kernel, if that is still the one that was booted.
    pub config: Option<Config>,
    /// The bisection of the failure.
    pub bisection: Option<Bisection>,
}

/// A kernel's configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub path: PathBuf,
    /// Its name as an attachment.
    pub name: String,
    /// `CONFIG_CC_VERSION_TEXT`.
    pub compiler: Option<String>,
}

/// A bisection.
#[derive(Debug)]
pub(super) struct Bisection {
    pub dir: PathBuf,
    pub search: Search,
}

impl Record {
    /// Of a trial in its folder.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn of_trial(folder: &Path, catalogues: &Catalogues) -> Result<Self, CliError> {
        let trial = read_trial(folder)?;
        // RUN/cells/CELL; one that was moved has no run.
        let dir = folder.ancestors().nth(2).unwrap_or(Path::new(""));
        let run = RunDir::open(dir).ok().map(|run| run.record()).transpose()?;
        let (trials, regressions) = run.map(|run| (run.trials, run.regressions)).unwrap_or_default();
        let has_trial = trials.iter().any(|other| other.cell.id == trial.cell.id && other.trial == trial.trial);
        let trials = if has_trial { trials } else { vec![trial.clone()] };
        let bisection = regression_of(&regressions, &trial).and_then(|one| bisection(dir, one));
        let bisection = bisection.filter(|bisection| bisection.is_about(&trial));
        let same =
            trials.iter().filter(|other| other.cell.id == trial.cell.id && other.verdict.kind == trial.verdict.kind);
        let folders: Vec<PathBuf> = same.map(|other| dir.join("cells").join(other.folder())).collect();
        Self::read(trial, trials, folder, &folders, bisection, catalogues)
    }

    /// Of the first bad commit of a bisection, or of its bad end.
    ///
    /// # Errors
    /// When the session is not about commits and cells, or has no trial that failed.
    pub fn of_session(dir: &Path, catalogues: &Catalogues) -> Result<Self, CliError> {
        let search = read_session(dir)?;
        let culprit = match search.answer() {
            Some(bisect::Answer::Culprit { commit, .. }) => Some(search.commit(commit).id.clone()),
            _ => None,
        };
        let new = &search.config().new;
        let is_bad =
            |entry: &JournalEntry, commit: &CommitId| entry.result == TrialResult::Bad && entry.commit == *commit;
        let of = |commit: &CommitId| -> Vec<&JournalEntry> {
            search.entries().iter().filter(|entry| is_bad(entry, commit)).collect()
        };
        let commit = culprit.filter(|culprit| !of(culprit).is_empty()).unwrap_or_else(|| new.clone());
        let folder = |log: &str| below(dir, Path::new(log)).filter(|folder| folder.join("trial.json").is_file());
        let all = search.entries().iter().filter(|entry| entry.commit == commit && entry.result != TrialResult::Built);
        let folders: Vec<PathBuf> = all.filter_map(|entry| folder(&entry.log)).collect();
        let failed: Vec<PathBuf> = of(&commit).into_iter().filter_map(|entry| folder(&entry.log)).collect();
        let Some(shown) = failed.first().cloned() else {
            return Err(CliError::Usage(format!(
                "{} has no record of a trial that failed at {}; `oomlab bisect resume` makes more",
                dir.display(),
                commit.short()
            )));
        };
        let trials = folders.iter().map(|folder| read_trial(folder)).collect::<Result<Vec<_>, _>>()?;
        let trial = read_trial(&shown)?;
        let bisection = Bisection { dir: dir.to_owned(), search };
        Self::read(trial, trials, &shown, &failed, Some(bisection), catalogues)
    }

    fn read(
        trial: TrialRecord,
        trials: Vec<TrialRecord>,
        folder: &Path,
        same: &[PathBuf],
        bisection: Option<Bisection>,
        catalogues: &Catalogues,
    ) -> Result<Self, CliError> {
        if trial.is_removed(CONSOLE) {
            let folder = folder.display();
            return Err(CliError::Usage(format!(
                "the console of {folder} was removed, as the run is old: a mail needs it; `oomlab repro {folder}` boots the trial again"
            )));
        }
        let path = folder.join(CONSOLE);
        let console = match read_regular(&path, MAX_CONSOLE) {
            // A trial that ended early has none.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| CliError::Lab(format!("cannot read {}: {error}", path.display())))?,
        };
        let delays_s = same.iter().filter_map(|folder| delay_s(folder)).collect();
        let (mut origins, mut repositories) = (BTreeMap::new(), BTreeMap::new());
        for trial in &trials {
            let name = &trial.cell.kernel;
            if let Some((origin, repository)) = origin(trial, &catalogues.kernels) {
                origins.insert(name.clone(), origin);
                repositories.extend(repository.map(|repository| (name.clone(), repository)));
            }
        }
        let config = config(&trial);
        Ok(Self { trial, trials, console, delays_s, origins, repositories, config, bisection })
    }
}

impl Bisection {
    /// Whether its bad end is a trial's kernel, and its cell that of the trial.
    fn is_about(&self, trial: &TrialRecord) -> bool {
        let config = self.search.config();
        let Subject::Cell(subject) = &config.subject else { return false };
        let key = |cell: &Cell| (cell.arch, cell.ram, cell.vcpus, cell.payload.clone());
        Some(config.new.as_str()) == trial.kernel_commit.as_deref() && key(&subject.cell) == key(&trial.cell)
    }
}

/// The regression that a trial's failure is, not another one of its cell.
fn regression_of<'r>(regressions: &'r [Regression], trial: &TrialRecord) -> Option<&'r Regression> {
    let failure = Failure { kind: trial.verdict.kind, title: trial.verdict.title.clone() };
    regressions.iter().find(|one| one.is_about(&trial.cell.id, &failure))
}

/// The bisection of a regression of a run.
fn bisection(run: &Path, regression: &Regression) -> Option<Bisection> {
    let dir = below(run, Path::new(regression.session.as_ref()?))?;
    // One that cannot be read proves nothing.
    let search = read_session(&dir).ok()?;
    Some(Bisection { dir, search })
}

/// A path within a folder. A record may be another's: it names no file elsewhere.
fn below(dir: &Path, path: &Path) -> Option<PathBuf> {
    let path = path.strip_prefix(dir).unwrap_or(path);
    let is_inside = path.components().all(|component| matches!(component, Component::Normal(_)));
    is_inside.then(|| dir.join(path))
}

/// Where a trial's kernel comes from, and its repository on this host. `None` where the catalogue does not have it.
fn origin(trial: &TrialRecord, kernels: &Kernels) -> Option<(KernelOrigin, Option<PathBuf>)> {
    let name = trial.cell.kernel.as_str();
    if let (Some(short), Some(commit)) = (name.strip_prefix(OF_COMMIT), &trial.kernel_commit)
        && commit.starts_with(short)
    {
        return Some((KernelOrigin { origin: Origin::Git, patches: Vec::new() }, None));
    }
    let entry = kernels.catalogue().find(name).ok()?;
    let mut folder = None;
    let origin = match &entry.source {
        Source::Debian { suite, .. } => Origin::DebianBinary { suite: suite.clone() },
        Source::DebianSource { suite, package } => {
            Origin::DebianSource { package: package.clone(), suite: suite.clone() }
        }
        Source::Git { repository, .. } => {
            folder = Some(PathBuf::from(repository)).filter(|path| path.is_dir());
            Origin::Git
        }
        Source::Tree(_) => Origin::Tree,
        Source::Local(_) => Origin::Image,
    };
    let patches = entry.patches.iter().map(|patch| patch.name.clone()).collect();
    Some((KernelOrigin { origin, patches }, folder))
}

/// The configuration beside the kernel's image, if the image is the one that was booted.
fn config(trial: &TrialRecord) -> Option<Config> {
    let image = GuestFile::Kernel.path(trial)?;
    let kernel = Kernels::user_kernel(&trial.cell.kernel, trial.cell.arch, Path::new(&*image)).ok()?;
    let path = kernel.config.filter(|_| Some(&kernel.digest) == trial.kernel_digest.as_ref())?;
    let text = read_regular(&path, MAX_CONFIG).ok()?;
    let text = String::from_utf8_lossy(&text);
    let value = text.lines().find_map(|line| line.strip_prefix("CONFIG_CC_VERSION_TEXT="));
    let compiler = value.map(|value| value.trim_matches('"').to_owned());
    let release = trial.kernel_release.as_deref().unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+~".contains(c);
    Some(Config {
        path,
        name: format!("config-{}", release.chars().filter(|c| plain(*c)).collect::<String>()),
        compiler,
    })
}

/// Seconds of the host from the start of the workload to the last progress; `None` where the record does not tell.
fn delay_s(folder: &Path) -> Option<f64> {
    let onset = read_trial(folder).ok()?.verdict.onset?.host.as_secs_f64();
    let mut events = Events::open(&folder.join("events.jsonl")).ok()?.map_while(Result::ok);
    let started = events.find_map(|record| match record.event {
        Event::Agent { frame: Frame::Started { .. }, .. } => Some(record.at.as_secs_f64()),
        _ => None,
    })?;
    (onset >= started).then_some(onset - started)
}
