//! `oomlab kernel`: lists, fetches and builds kernels.

use super::completion::kernels;
use super::context::Context;
use super::output::{notify, notify_broken, write_stdout};
use super::timings::Stopwatch;
use super::values::arch_parser;
use crate::host::Clock;
use crate::kernel::{KernelError, Kernels, Options, Parts, Progress, Source, Stage, Update};
use arch::Arch;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::{printable, printable_json, printable_lines};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Interval of progress lines without a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// Arguments of `oomlab kernel`.
#[derive(Debug, clap::Args)]
pub struct KernelArgs {
    #[command(subcommand)]
    action: Action,
    /// Mirror of the Debian archive [default: that of the host's apt]
    #[arg(long, global = true, env = "OOMLAB_DEBIAN_MIRROR", value_name = "URL")]
    mirror: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the kernels
    List {
        /// Print a JSON document
        #[arg(long)]
        json: bool,
    },
    /// Fetch or build a kernel, unless it is in the cache
    Get {
        /// Name of the kernel
        #[arg(add = kernels())]
        name: String,
        /// Architecture [default: all for which the kernel exists]
        #[arg(long, value_parser = arch_parser())]
        arch: Option<Arch>,
        /// Parallel compilers [default: one per CPU]
        #[arg(long)]
        jobs: Option<usize>,
    },
    /// Build a kernel from its source, unless it is in the cache
    Build {
        /// Name of the kernel
        name: String,
        /// Architecture
        #[arg(long, value_parser = arch_parser())]
        arch: Arch,
        /// Parallel compilers [default: one per CPU]
        #[arg(long)]
        jobs: Option<usize>,
    },
}

/// One line of `oomlab kernel list`, and one element of its JSON.
#[derive(Debug, serde::Serialize)]
struct Row {
    kernel: String,
    arch: Arch,
    source: &'static str,
    /// What `get` does: `cached`, `local`, `fetch` or `build`.
    get: &'static str,
    cached: bool,
    release: Option<String>,
    image: PathBuf,
}

/// Runs `oomlab kernel`; returns the program's exit code.
///
/// # Errors
/// When a name is unknown or a kernel cannot be made ready.
pub fn run(args: &KernelArgs, context: &Context) -> Result<u8, KernelError> {
    let options = Options { mirror: args.mirror.clone(), commit_limit: context.commit_limit, newer_than: None };
    let kernels = Kernels::new(&context.assets, context.cache.clone(), options)?;
    match &args.action {
        Action::List { json } => list(&kernels, *json, context.color)?,
        Action::Get { name, arch, jobs } => {
            let entry = kernels.catalogue().find(name)?;
            for arch in arch.map_or_else(|| entry.arches(), |arch| vec![arch]) {
                prepare(&kernels, name, arch, *jobs)?;
            }
        }
        Action::Build { name, arch, jobs } => {
            let entry = kernels.catalogue().find(name)?;
            if matches!(entry.source, Source::Debian { .. } | Source::Local(_)) {
                return Err(entry.not_built());
            }
            prepare(&kernels, name, *arch, *jobs)?;
        }
    }
    Ok(0)
}

fn prepare(kernels: &Kernels, name: &str, arch: Arch, jobs: Option<usize>) -> Result<(), KernelError> {
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let work = kernels.work(name, arch)?;
    notify(&format!("{name} {}: {}", arch.name, work.describe(jobs)));
    let view = View::new();
    let artifact = kernels.prepare(name, arch, jobs, &view)?;
    view.clear();
    let line = format!("{name} {} {} {}", arch.name, artifact.release, artifact.image.display());
    print(&format!("{}\n", printable(&line)))
}

fn list(kernels: &Kernels, json: bool, color: bool) -> Result<(), KernelError> {
    notify_broken(kernels.catalogue().broken(), color);
    let mut rows = Vec::new();
    for entry in kernels.catalogue().entries() {
        for arch in entry.arches() {
            let artifact = kernels.cached(entry.name.as_str(), arch);
            rows.push(Row {
                kernel: entry.name.to_string(),
                arch,
                source: entry.source.kind(),
                get: entry.source.way(artifact.is_some()),
                cached: artifact.is_some(),
                release: artifact.map(|artifact| artifact.release),
                image: kernels.image_path(entry.name.as_str(), arch)?,
            });
        }
    }
    let Parts { fragments, patches } = kernels.catalogue().parts()?;
    if json {
        let document = serde_json::json!({ "schema": 1, "kernels": rows, "fragments": fragments, "patches": patches });
        return print(&printable_json(&format!("{document:#}\n")));
    }
    let (fragments, patches) = (fragments.join(", "), patches.join(", "));
    let more =
        format!("\nNAME+PART is a kernel that is built with\n  more options: {fragments}\n  a patch: {patches}\n");
    print(&printable_lines(&(table(&rows) + &more)))
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.kernel.len()).max().unwrap_or(0).max("kernel".len());
    let mut text = format!("{:<width$} {:<14} {:<14} {:<7} release\n", "kernel", "architecture", "source", "get");
    for Row { kernel, arch, source, get, release, .. } in rows {
        let release = release.as_deref().filter(|release| !release.is_empty()).unwrap_or("-");
        text.push_str(&format!("{kernel:<width$} {arch:<14} {source:<14} {get:<7} {release}\n"));
    }
    text
}

fn print(text: &str) -> Result<(), KernelError> {
    let wrong = |source| KernelError::Io { what: "write", path: Path::new("standard output").to_owned(), source };
    write_stdout(text).map_err(wrong)
}

/// Progress on standard error: a bar with size and time left, or a line every [`PLAIN_INTERVAL`] without a terminal.
pub(super) struct View {
    bar: ProgressBar,
    plain: bool,
    shown: Mutex<Option<(Stage, Clock)>>,
    stopwatch: Arc<Stopwatch>,
}

impl View {
    /// Draws nothing until the first update.
    pub(super) fn new() -> Self {
        let plain = !io::stderr().is_terminal();
        let target = if plain { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        Self { bar, plain, shown: Mutex::new(None), stopwatch: Stopwatch::start() }
    }

    /// One of several bars, above another one.
    pub(super) fn above(bars: &MultiProgress, other: &ProgressBar) -> Self {
        let bar = bars.insert_before(other, ProgressBar::no_length());
        Self { bar, plain: !io::stderr().is_terminal(), shown: Mutex::new(None), stopwatch: Stopwatch::start() }
    }

    /// Measures on a stopwatch that others share.
    pub(super) fn timed(self, stopwatch: &Arc<Stopwatch>) -> Self {
        Self { stopwatch: Arc::clone(stopwatch), ..self }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        self.stopwatch.stop();
        self.bar.finish_and_clear();
    }
}

impl Progress for View {
    fn update(&self, update: Update<'_>) {
        self.stopwatch.enter(update.stage, update.message);
        let Ok(mut shown) = self.shown.lock() else { return };
        let changed = shown.is_none_or(|(stage, _)| stage != update.stage);
        if self.plain {
            if changed || shown.is_some_and(|(_, at)| at.elapsed() > PLAIN_INTERVAL) {
                notify(&plain_line(&update));
                *shown = Some((update.stage, Clock::start()));
            }
            return;
        }
        if changed {
            *shown = Some((update.stage, Clock::start()));
            self.bar.reset();
            self.bar.set_style(style(update.stage, update.total.is_some()));
        }
        self.bar.set_message(printable(update.message));
        self.bar.set_prefix(update.stage.to_string());
        match update.total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        self.bar.set_position(update.done);
    }

    fn note(&self, text: &str) {
        self.bar.suspend(|| notify(text));
    }
}

fn counts_bytes(stage: Stage) -> bool {
    matches!(stage, Stage::Download | Stage::Unpack)
}

fn style(stage: Stage, bounded: bool) -> ProgressStyle {
    let template = match (counts_bytes(stage), bounded) {
        (_, false) => "{prefix:>9} {spinner} {elapsed}  {wide_msg}",
        (true, true) => "{prefix:>9} {bar:20} {bytes}/{total_bytes} {eta} left  {wide_msg}",
        (false, true) => "{prefix:>9} {bar:20} {pos}/{len} files {eta} left  {wide_msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn plain_line(update: &Update<'_>) -> String {
    let Update { stage, done, total, message } = update;
    match (total, counts_bytes(*stage)) {
        (Some(total), true) => format!("{stage} {message}: {} of {} MB", done / 1_000_000, total / 1_000_000),
        (Some(total), false) => format!("{stage} {message}: {done} of about {total} files"),
        (None, _) => format!("{stage} {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::Assets;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: KernelArgs,
    }

    fn run_with(words: &[&str]) -> Result<u8, KernelError> {
        let cache = tempfile::tempdir().unwrap();
        let args = Program::try_parse_from(["kernel"].iter().chain(words)).unwrap().args;
        let (cache, assets) = (cache.path().to_owned(), Assets::builtin());
        run(&args, &Context { cache, assets, color: false, commit_limit: None })
    }

    #[test]
    fn wrong_names_are_refused() {
        let message = run_with(&["get", "linux-6.l"]).unwrap_err().to_string();
        assert!(message.contains("did you mean `linux-6.1`?"), "{message}");
        let message = run_with(&["build", "debian-6.1", "--arch", "arm"]).unwrap_err().to_string();
        assert_eq!(message, "debian-6.1 comes ready-made (debian), it is not built here");
    }

    #[test]
    fn empty_cache_is_listed() {
        assert_eq!(run_with(&["list"]).unwrap(), 0);
        assert_eq!(run_with(&["list", "--json"]).unwrap(), 0);
    }

    #[test]
    fn table_shows_what_get_does() {
        let row = |get, release: Option<&str>| Row {
            kernel: "linux-6.1".into(),
            arch: arch::find("arm").unwrap(),
            source: "debian-source",
            get,
            cached: release.is_some(),
            release: release.map(str::to_owned),
            image: PathBuf::from("/x"),
        };
        let text = table(&[row("build", None), row("cached", Some("6.1.176")), row("local", Some(""))]);
        assert_eq!(
            text,
            "kernel    architecture   source         get     release\nlinux-6.1 arm            debian-source  build   -\n\
             linux-6.1 arm            debian-source  cached  6.1.176\nlinux-6.1 arm            debian-source  local   -\n"
        );
    }

    #[test]
    fn progress_lines_have_units() {
        let update = |stage, total| Update { stage, done: 2_000_000, total, message: "x" };
        assert_eq!(plain_line(&update(Stage::Download, Some(5_000_000))), "download x: 2 of 5 MB");
        assert_eq!(plain_line(&update(Stage::Build, Some(9))), "build x: 2000000 of about 9 files");
        assert_eq!(plain_line(&update(Stage::Index, None)), "index x");
    }
}
