//! `oomlab bisect simulate`: ways to bisect, compared where the culprit is known.

use super::args::SimulateArgs;
use crate::cli::error::CliError;
use crate::cli::output;
use bisect::worlds::{ROWS, markdown, picture, table};

/// Prints the table, as markdown; gives the program's exit status.
///
/// # Errors
/// When the picture cannot be written.
pub(super) fn run(args: &SimulateArgs) -> Result<u8, CliError> {
    let mut measured = Vec::new();
    for (number, row) in ROWS.iter().enumerate() {
        eprintln!("row {} of {}, {} worlds", number + 1, ROWS.len(), args.worlds);
        measured.extend(table(*row, args.worlds, args.seed).map_err(|error| CliError::Lab(error.to_string()))?);
    }
    output::print(&(head(args) + &markdown(&measured)))?;
    if let Some(path) = &args.picture {
        output::write_file(path, &picture(&measured))?;
    }
    Ok(0)
}

/// Stands above the table, which is kept as a page.
fn head(args: &SimulateArgs) -> String {
    let SimulateArgs { worlds, seed, .. } = args;
    format!(
        "# Ways to bisect, compared\n\nBy `oomlab bisect simulate`: {worlds} worlds a row, the seeds from {seed} on. Time is in trials, of \
         which a build takes 60.\n`docs/bisection.md` tells what is compared.\n\n"
    )
}
