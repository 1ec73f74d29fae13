//! From what was typed to an exit status.

use super::args::{Command, Document, Program};
use super::context::Context;
use super::error::CliError;
use super::output::{broken, print_err};
use super::{
    archive, attach, batch, bisect, boot, bundle, cache, classify, compare, completion, doctor, end, export, flaky,
    history, kernel, merge, nightly as nightly_command, pack, packed, plan, prune, replay, report as report_command,
    repro, rerun, run, shell, trial, watch, workload,
};
use crate::host::supervise;
use crate::{matrix, nightly, report};
use clap::{ColorChoice, CommandFactory, Parser};
use std::process::ExitCode;

/// Runs the program.
pub fn main() -> ExitCode {
    // First: each trial of a command starts this, and parsing takes longer than all of it.
    if let Some(status) = supervise(std::env::args_os()) {
        return ExitCode::from(status);
    }
    completion::answer();
    let program = Program::parse();
    let color = |attended: bool| match program.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => attended && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    // A plan has nothing to log: there, `-v` is for its own lines.
    if program.verbose && !matches!(program.command, Command::Plan(_)) {
        // Without `log_internal_errors(false)` a failed write is reported by a second one, which panics.
        let log = tracing_subscriber::fmt().with_writer(std::io::stderr).log_internal_errors(false);
        log.with_max_level(tracing::Level::DEBUG).init();
    }
    let on_stdout = color(console::Term::stdout().features().is_attended());
    let on_stderr = color(console::Term::stderr().features().is_attended());
    let code = dispatch(&program, on_stdout).unwrap_or_else(|error| {
        let text = error.render(on_stderr);
        // The carets of diagnostics and compilers stand below what they point at.
        let is_prose = !matches!(error, CliError::Diagnostics(_) | CliError::Sources(_));
        print_err(&if is_prose { broken(&text, &console::Term::stderr()) } else { text });
        error.exit_code()
    });
    ExitCode::from(code)
}

fn dispatch(program: &Program, color: bool) -> Result<u8, CliError> {
    let context = || Context::new(program.data.as_deref(), color);
    match &program.command {
        Command::Run(args) => match &args.pack {
            Some(pack) => packed::run(args, pack, &Context::of_pack(color)?),
            None => run::run(args, &context()?),
        },
        Command::Plan(args) => plan::run(args, program.verbose, &context()?),
        Command::Boot(args) => boot::run(args, &context()?),
        Command::Repro(args) => repro::run(args, &context()?),
        Command::Rerun(args) => rerun::run(args, &context()?),
        Command::Shell(args) => shell::run(args, &context()?),
        Command::Attach(args) => attach::attach(args),
        Command::End(args) => end::end(args),
        Command::Watch(args) => watch::run(args, &context()?),
        Command::Report(args) => report_command::run(args, || Ok(context()?), color),
        Command::Nightly(args) => nightly_command::run(args, &context()?),
        Command::Prune(args) => prune::run(args),
        Command::History(args) => history::run(args, color),
        Command::Compare(args) => compare::run(args, color),
        Command::Flaky(args) => flaky::run(args, color),
        Command::Replay(args) => replay::run(args, color),
        Command::Merge(args) => merge::run(args, color),
        Command::Archive(args) => archive::run(args),
        Command::Export(args) => export::run(args, &context()?),
        Command::Bundle(args) => bundle::run(args, &context()?),
        Command::Pack(args) => pack::run(args, &context()?),
        Command::Classify(args) => classify::run(args, color),
        Command::Bisect(args) => bisect::run(args, &context()?),
        Command::Step(args) => bisect::step(args),
        Command::Trial(args) => trial::run(args),
        Command::Batch(args) => batch::run(args),
        Command::Workload(args) => workload::run(&args.action, &context()?),
        Command::Kernel(args) => Ok(kernel::run(args, &context()?)?),
        Command::Cache(args) => cache::run(args, &context()?),
        Command::Doctor(args) => Ok(doctor::run(args, &context()?.cache)?),
        Command::Schema { document } => {
            let schema = match document {
                Document::Matrix => matrix::json_schema(),
                Document::Quarantine => matrix::quarantine_schema(),
                Document::Nightly => nightly::json_schema(),
                Document::Report => report::json_schema(),
            };
            super::output::print(&format!("{schema:#}\n"))?;
            Ok(0)
        }
        Command::Completions { shell } => completion::script(shell),
        Command::Man { dir } => {
            std::fs::create_dir_all(dir)?;
            clap_mangen::generate_to(Program::command(), dir)?;
            Ok(0)
        }
    }
}
