//! The configuration of a nightly.

use super::file::{CommandFile, File, OneOrMore};
use super::words::{WordError, duration, share};
use crate::diagnostic::{Diagnostic, Document, Step, utf8};
use crate::retention::Retention;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// Share of further trials, where the configuration does not say.
const DECIDE: f64 = 0.1;
/// Timeout of the command before a night: fetching a kernel's history takes minutes.
const BEFORE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Timeout of the hook.
const HOOK_TIMEOUT: Duration = Duration::from_secs(600);

/// What a night does. Paths are as they are to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct NightlyConfig {
    /// The folder of the file, in which commands run; empty for the current one.
    pub folder: PathBuf,
    /// The matrices, in the order in which they run; at least one.
    pub matrices: Vec<PathBuf>,
    /// Quarantines of all matrices; none: `quarantine.yaml` beside each.
    pub quarantine: Vec<PathBuf>,
    /// A command before everything else.
    pub before: Option<Job>,
    /// From the start of a night to the end of its last trial; `None` without a limit.
    pub budget: Option<Duration>,
    /// Maximum number of further trials that undecided cells get, as a share of a run's trials.
    pub decide: f64,
    /// Budget of all bisections of a night, within that of the night; zero for none.
    pub bisect: Duration,
    /// Folder of the runs.
    pub runs: PathBuf,
    /// Folder of the pages; `None` for none.
    pub pages: Option<PathBuf>,
    /// Retention of the evidence of old runs.
    pub retention: Retention,
    /// A command at the end.
    pub hook: Option<Job>,
}

/// A command of the user's, for sh(1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The command.
    pub command: String,
    /// It is killed after this time, with its children.
    pub timeout: Duration,
}

impl NightlyConfig {
    /// Reads a configuration. Its paths are relative to the folder of `file`.
    ///
    /// # Errors
    /// Everything that is wrong with it, with place and remedy.
    pub fn read(text: impl AsRef<[u8]>, file: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = file.display().to_string();
        let (content, mut document) = Document::read::<File>(&name, utf8(text.as_ref(), &name)?)?;
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        let config = Reader { document: &mut document, folder }.read(content);
        document.finish()?;
        Ok(config)
    }
}

/// Reads words, and notes those that cannot be read: then the value does not matter.
struct Reader<'r, 'd> {
    document: &'r mut Document<'d>,
    folder: PathBuf,
}

impl Reader<'_, '_> {
    fn read(&mut self, file: File) -> NightlyConfig {
        self.check_matrices(&file);
        let budget = self.word(&["budget"], file.budget.as_deref(), duration);
        if budget == Some(Duration::ZERO) {
            self.document.wrong(&[Step::Key("budget")], "a night takes time").help("without `budget` it has no limit");
        }
        let bisect = self.word(&["bisect"], file.bisect.as_deref(), duration).unwrap_or_default();
        if budget.is_some_and(|budget| bisect > budget) {
            let wrong =
                self.document.wrong(&[Step::Key("bisect")], "the budget of the bisections is part of the night's");
            wrong.label("longer than `budget`");
        }
        let thin = self.word(&["retention", "thin"], file.retention.thin.as_deref(), duration);
        let evidence = self.word(&["retention", "evidence"], file.retention.evidence.as_deref(), duration);
        if let (Some(thin), Some(evidence)) = (thin, evidence)
            && thin > evidence
        {
            let at = [Step::Key("retention"), Step::Key("thin")];
            let wrong = self.document.wrong(&at, "runs lose all evidence before they are thinned");
            wrong.label("longer than `evidence`");
        }
        let path = |text: &str| self.folder.join(text);
        let paths = |files: &OneOrMore| files.items.iter().map(|text| path(text)).collect();
        let (matrices, quarantine) = (paths(&file.matrices), paths(&file.quarantine));
        let (runs, pages) = (path(file.runs.as_deref().unwrap_or("runs")), file.pages.as_deref().map(path));
        NightlyConfig {
            folder: self.folder.clone(),
            matrices,
            quarantine,
            before: self.job("before", file.before, BEFORE_TIMEOUT),
            budget,
            decide: self.word(&["decide"], file.decide.as_deref(), share).unwrap_or(DECIDE),
            bisect,
            runs,
            pages,
            retention: Retention { thin, evidence },
            hook: self.job("hook", file.hook, HOOK_TIMEOUT),
        }
    }

    fn check_matrices(&mut self, file: &File) {
        let matrices = &file.matrices;
        if matrices.items.is_empty() {
            self.document.wrong(&[Step::Key("matrices")], "no matrix is named").help("a night runs at least one");
        }
        for (index, matrix) in matrices.items.iter().enumerate() {
            if matrices.items[..index].iter().any(|other| plain(other) == plain(matrix)) {
                self.document.wrong(&[Step::Key("matrices"), Step::Item(index)], "this matrix is named twice");
            }
        }
    }

    fn word<T>(&mut self, keys: &[&str], text: Option<&str>, read: fn(&str) -> Result<T, WordError>) -> Option<T> {
        let found = read(text?);
        let path: Vec<Step<'_>> = keys.iter().map(|key| Step::Key(key)).collect();
        found.inspect_err(|error| _ = self.document.wrong(&path, error.to_string())).ok()
    }

    fn job(&mut self, key: &str, file: Option<CommandFile>, default: Duration) -> Option<Job> {
        let CommandFile { command, timeout } = file?;
        if command.trim().is_empty() || command.contains('\0') {
            self.document.wrong(&[Step::Key(key)], "this is no command").help("leave the key out for none");
        }
        let timeout = self.word(&[key, "timeout"], timeout.as_deref(), duration);
        if timeout == Some(Duration::ZERO) {
            self.document.wrong(&[Step::Key(key), Step::Key("timeout")], "a command takes time");
        }
        Some(Job { command, timeout: timeout.unwrap_or(default) })
    }
}

/// The path without `.` in it.
fn plain(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::KEYS;
    use super::*;

    fn read(text: &str) -> Result<NightlyConfig, String> {
        let found = NightlyConfig::read(text, Path::new("lab/nightly.yaml"));
        found.map_err(|found| found.iter().map(|one| format!("{one}\n")).collect())
    }

    #[test]
    fn defaults_are_those_of_the_documentation() {
        let config = read("matrices: m.yaml\n").unwrap();
        let expected = NightlyConfig {
            folder: "lab".into(),
            matrices: vec!["lab/m.yaml".into()],
            quarantine: Vec::new(),
            before: None,
            budget: None,
            decide: 0.1,
            bisect: Duration::ZERO,
            runs: "lab/runs".into(),
            pages: None,
            retention: Retention::default(),
            hook: None,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn every_key_is_read() {
        let text = "matrices: [a.yaml, /m/b.yaml]\nquarantine: q.yaml\nbefore: {command: git -C linux fetch, timeout: 5m}\nbudget: 8h\n\
                    decide: 25%\nbisect: 2h\nruns: /r\npages: www\n\
                    retention: {thin: 30d, evidence: 26w}\nhook: ./tell.sh\n";
        assert!(KEYS.iter().all(|key| text.contains(&format!("{key}:"))));
        let config = read(text).unwrap();
        assert_eq!(config.matrices, [PathBuf::from("lab/a.yaml"), "/m/b.yaml".into()]);
        assert_eq!(config.quarantine, [PathBuf::from("lab/q.yaml")]);
        let before = Job { command: "git -C linux fetch".to_owned(), timeout: Duration::from_secs(300) };
        assert_eq!((config.before, config.decide), (Some(before), 0.25));
        assert_eq!((config.runs, config.pages), ("/r".into(), Some("lab/www".into())));
        assert_eq!(config.retention.evidence, Some(Duration::from_secs(26 * 7 * 86400)));
        let hook = Job { command: "./tell.sh".to_owned(), timeout: HOOK_TIMEOUT };
        assert_eq!(config.hook, Some(hook));
    }

    #[test]
    fn findings_have_place_and_remedy() {
        let text = "matrices: [a.yaml, a.yaml]\nbudget: 8\nbisect: 2h\nretention:\n  thin: 60d\n  evidence: 30d\n\
                    hook: ''\ndecide: 10\n";
        let found = read(text).unwrap_err();
        for part in [
            "error: this matrix is named twice\n  ╭─ lab/nightly.yaml:1:20\n",
            "error: `8` is not a duration: write for example `90m`, `8h` or `30d`\n  ╭─ lab/nightly.yaml:2:9\n",
            "error: runs lose all evidence before they are thinned\n  ╭─ lab/nightly.yaml:5:9\n",
            "longer than `evidence`",
            "error: this is no command\n  ╭─ lab/nightly.yaml:7:7\n",
            "error: `10` is not a share: write for example `10%`\n  ╭─ lab/nightly.yaml:8:9\n",
        ] {
            assert!(found.contains(part), "{part}\n{found}");
        }
        assert!(read("matrices: a.yaml\nbudget: 1h\nbisect: 2h\n").unwrap_err().contains("longer than `budget`"));
        assert!(read("matrixes: a.yaml\n").unwrap_err().contains("did you mean `matrices`?"));
        assert!(read("budget: 1h\n").unwrap_err().contains("`matrices` is missing"));
        assert!(read("matrices: [m.yaml, ./m.yaml]\n").unwrap_err().contains("this matrix is named twice"));
        assert!(read("matrices: []\n").unwrap_err().contains("no matrix is named"));
        assert!(read("matrices: a\nhook: [a, b]\n").unwrap_err().contains("join several with `&&`"));
        assert!(read("matrices: a\nhook: {command: x, timeot: 1m}\n").unwrap_err().contains("did you mean `timeout`?"));
    }
}
