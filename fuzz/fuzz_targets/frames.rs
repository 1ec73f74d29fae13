//! The agent's frames, as a guest that knows the checksum may forge them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use kmsg::console::{decode, encode_frame};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    check(&text);
    // With the right checksum, what is inside is really read.
    check(&encode_frame(&text));
    for kind in ["hello", "speed", "beat", "started", "progress", "finished", "bye"] {
        check(&format!("[    1.000000] cut{}", encode_frame(&format!("7 {kind} {text}"))));
    }
});

fn check(line: &str) {
    if let Some(Ok(found)) = decode(line) {
        assert!(line.starts_with(found.before));
        assert!(!found.before.is_empty() || line.starts_with("@oomlab "));
    }
}
