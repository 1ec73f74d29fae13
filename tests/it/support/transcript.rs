//! Transcripts of the program, compared with `tests/cmd/`; `SNAPSHOTS=overwrite` rewrites them.

use super::program::Program;
use regex::Regex;
use snapbox::{Assert, Data};
use std::path::Path;

/// Compares what the program does with `tests/cmd/<name>.txt`.
pub fn assert_transcript(program: &Program, name: &str, args: &[&str], status: i32) {
    let finished = program.run(args);
    let command = shlex::try_join(args.iter().copied()).unwrap();
    let code = finished.status.map_or("by a signal".to_owned(), |code| code.to_string());
    let mut transcript = format!("$ oomlab {command}\n{}", finished.stdout);
    if !finished.stderr.is_empty() {
        transcript += &format!("--- stderr\n{}", finished.stderr);
    }
    transcript += &format!("--- exit status {code}\n");
    assert_eq!(finished.status, Some(status), "{transcript}");
    let transcript = transcript.replace(&program.dir().display().to_string(), "[DIR]");
    // The key of an image depends on the compiler's version.
    let key = Regex::new(r"(/images/[a-z0-9_-]+\.[a-z-]+)\.[0-9a-f]{12}-[0-9a-f]{12}/").unwrap();
    let transcript = key.replace_all(&transcript, "$1.KEY/").into_owned();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cmd/{name}.txt"));
    let assert = Assert::new().action_env("SNAPSHOTS");
    assert.eq(Data::text(transcript), Data::read_from(&path, None).raw());
}
