//! The agent's frames, as a guest that knows the checksum may forge them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use kmsg::console::decode;

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    check(&text);
    // FNV-1a, as the protocol has it: what is inside is then really read.
    let sum = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    check(&format!("@oomlab {text} *{sum:08x}"));
    for kind in ["hello", "speed", "beat", "started", "progress", "finished", "bye"] {
        let content = format!("7 {kind} {text}");
        let sum = content.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        check(&format!("[    1.000000] cut@oomlab {content} *{sum:08x}"));
    }
});

fn check(line: &str) {
    if let Some(Ok(found)) = decode(line) {
        assert!(line.starts_with(found.before));
        assert!(!found.before.is_empty() || line.starts_with("@oomlab "));
    }
}
