//! What is wrong in console logs, one line of JSON a file: `cargo run --release -p kmsg --example classify -- FILE…`.

use kmsg::signature::{Classification, Log};
use serde::Serialize;
use std::fs::File;
use std::io::Read;

#[derive(Serialize)]
struct Answer {
    file: String,
    #[serde(flatten)]
    found: Classification,
}

fn main() -> std::io::Result<()> {
    let mut chunk = vec![0; 256 * 1024];
    for file in std::env::args().skip(1) {
        let (mut input, mut log) = (File::open(&file)?, Log::default());
        loop {
            match input.read(&mut chunk)? {
                0 => break,
                length => log.push(&chunk[..length]),
            }
        }
        println!("{}", serde_json::to_string(&Answer { file, found: log.finish() })?);
    }
    Ok(())
}
