//! `oomlab bisect simulate`: ways to bisect, compared where the culprit is known.

use super::args::SimulateArgs;
use crate::bisect::worlds::{ROWS, markdown, picture, table};
use crate::cli::error::CliError;
use crate::cli::output;

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
    output::print(&markdown(&measured))?;
    if let Some(path) = &args.picture {
        output::write_file(path, &picture(&measured))?;
    }
    Ok(0)
}
