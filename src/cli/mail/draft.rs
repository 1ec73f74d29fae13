//! `oomlab report mail`.

use super::record::Record;
use super::regression;
use crate::archive::qemu_version;
use crate::cli::completion::trials;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::known::Catalogues;
use crate::cli::lookup;
use crate::cli::output::{notify, print, write_file};
use crate::image::read_workload;
use crate::report::mail::{
    Attachment, Facts, MAX_ATTACHMENT, Maintainers, Recipients, Refusal, draft, recipients, refusal,
};
use crate::store::{open_regular, read_regular};
use model::Payload;
use std::path::{Path, PathBuf};

/// Maximum length of `MAINTAINERS` in bytes; that of Linux 7.3 has 0.9 MB.
const MAX_MAINTAINERS: u64 = 16 << 20;

/// Arguments of `oomlab report mail`.
#[derive(Debug, Clone, clap::Args)]
pub struct MailArgs {
    /// The trial, as reports name it; or the folder of a bisection of commits
    #[arg(value_name = "RUN/CELL|BISECTION", add = trials())]
    pub subject: String,
    /// Write the draft into a new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Kernel source whose MAINTAINERS says whom to write to; a bisection has its repository
    #[arg(long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// Archive that `oomlab bundle` packed of the trial, to be mentioned
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
}

/// Drafts a mail; returns the program's exit status.
///
/// # Errors
/// When there is no such trial or bisection, it is nothing to report, or a file cannot be read or written.
pub fn run(args: &MailArgs, context: &Context) -> Result<u8, CliError> {
    if let Some(out) = args.out.as_ref().filter(|out| out.exists()) {
        return Err(CliError::Usage(format!("{} exists, and may have been edited: name another file", out.display())));
    }
    let catalogues = Catalogues::read(context, None)?;
    let session = regression::session_folder(&args.subject);
    let record = match &session {
        Some(dir) => Record::of_session(dir, &catalogues)?,
        None => Record::of_trial(&lookup::trial(&args.subject)?, &catalogues)?,
    };
    let trial = &record.trial;
    refuse(refusal(trial, record.origins.get(&trial.cell.kernel)))?;
    let found = regression::find(&record, args.tree.as_deref())?;
    let maintainers = match &args.tree {
        Some(tree) => Some(maintainers(tree)?),
        None => found.maintainers.as_deref().map(Maintainers::parse),
    };
    let recipients = recipients(trial, maintainers.as_ref(), found.regression.as_ref());
    let manifest = match &trial.cell.payload {
        Payload::Workload { name, .. } => read_workload(&context.assets, name.as_str()).ok(),
        Payload::Initrd(_) => None,
    };
    let bundle = args.bundle.as_deref().map(archive).transpose()?;
    let version = qemu_version(trial);
    let facts = Facts {
        trial,
        trials: &record.trials,
        kernels: &record.origins,
        workload: manifest.as_ref().map(|manifest| manifest.summary.as_str()),
        compiler: record.config.as_ref().and_then(|config| config.compiler.as_deref()),
        config: record.config.as_ref().map(|config| config.name.as_str()),
        qemu_version: version.as_deref(),
        console: &record.console,
        delays_s: &record.delays_s,
        archive: bundle.as_ref().map(|(name, bytes)| Attachment { name, bytes: *bytes }),
        regression: found.regression.as_ref(),
        recipients: &recipients,
    };
    let text = draft(&facts).map_err(usage)?;
    match &args.out {
        Some(out) => write_file(out, &text)?,
        None => print(&text)?,
    }
    found.notes.iter().for_each(|note| notify(note));
    notify_next_steps(args, &record, &recipients, bundle.as_ref());
    Ok(0)
}

fn refuse(refusal: Option<Refusal>) -> Result<(), CliError> {
    refusal.map_or(Ok(()), |refusal| Err(usage(refusal)))
}

fn usage(refusal: Refusal) -> CliError {
    CliError::Usage(refusal.to_string())
}

/// What is left to do before the mail is sent.
fn notify_next_steps(args: &MailArgs, record: &Record, recipients: &Recipients, bundle: Option<&(String, u64)>) {
    if record.trial.as_expected() {
        let reason = record.trial.cell.expect.reason.as_ref().map(|reason| format!(" ({reason})"));
        notify(&format!(
            "the matrix expects this failure{}: look into the archives for an earlier report first",
            reason.unwrap_or_default()
        ));
    }
    if !recipients.unknown.is_empty() {
        let files = recipients.unknown.join(" ");
        notify(&format!(
            "the maintainers of {files} were not looked up: name a kernel source with `--tree DIR`, or run \
             `scripts/get_maintainer.pl -f {files}` in one that you trust"
        ));
    }
    if let Some(config) = &record.config {
        notify(&format!("attach {} as {}", config.path.display(), config.name));
    }
    match bundle {
        Some((name, bytes)) if *bytes <= MAX_ATTACHMENT => notify(&format!("attach {name}")),
        Some(_) => {}
        None => notify(&format!(
            "the text offers the guest on request: `oomlab bundle {}` packs it; `--bundle FILE` mentions the archive, which is attached \
             up to {} kB",
            args.subject,
            MAX_ATTACHMENT / 1000
        )),
    }
    let file = args.out.as_ref().map_or("FILE".into(), |out| out.display().to_string());
    notify(&format!("nothing was sent: read it, edit it, then `oomlab report lint {file}`"));
}

fn maintainers(tree: &Path) -> Result<Maintainers, CliError> {
    let path = tree.join("MAINTAINERS");
    let text = read_regular(&path, MAX_MAINTAINERS).map_err(|error| {
        CliError::Usage(format!(
            "cannot read {}: {error}; `--tree` takes the folder of a kernel's source",
            path.display()
        ))
    })?;
    Ok(Maintainers::parse(&String::from_utf8_lossy(&text)))
}

/// Name and size of an archive.
fn archive(path: &Path) -> Result<(String, u64), CliError> {
    let wrong = |error: std::io::Error| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    let bytes = open_regular(path).and_then(|file| file.metadata()).map_err(wrong)?.len();
    Ok((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes))
}
