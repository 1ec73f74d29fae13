//! The agent's C code and the lab's Rust code agree on the wire: frames that the C code says are read here, and
//! commands that are made here are understood there.

use kmsg::console::{Command, Damaged, decode, encode_command};
use model::{Beat, Frame};
use std::io::Write;
use std::process::{Command as Process, Stdio};

/// Builds the agent's frame code for the host and feeds it `input`; the lines that it says.
fn agent_says(input: &str) -> Vec<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = dir.path().join("emit");
    let built = Process::new("cc")
        .args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .args(
            ["tests/frames/emit.c", "images/agent/frame.c", "images/guest/text.c"].map(|file| format!("{root}/{file}")),
        )
        .status()
        .expect("a C compiler for the host: apt install gcc");
    assert!(built.success());
    let mut agent =
        Process::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("what was just built");
    agent.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the agent reads all");
    let output = agent.wait_with_output().expect("the agent ends at the end of its input");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("frames are ASCII").lines().map(str::to_owned).collect()
}

fn frames() -> Vec<Frame> {
    let finished = |status, why: &str, errno| Frame::Finished { status, units: 7, why: why.to_owned(), errno };
    vec![
        Frame::Hello { version: 1, arch: "riscv64-nommu".to_owned(), page_bytes: 4096, ram_kib: 28584 },
        Frame::Speed { loop_us: 0 },
        Frame::Beat(Beat {
            mono_ms: u64::MAX,
            free_kib: u64::MAX,
            canary_rounds: 10,
            canary_us: 10_000_000_000_000_000_000,
            canary_age_ms: 9,
            canary_late_ms: 250,
            oom_kills: 100,
            reclaim: u64::MAX,
            units: 1,
        }),
        Frame::Started { workload: "zombie-victim".to_owned(), pid: u32::MAX, results: None },
        Frame::Progress { units: 42 },
        finished(0, "", 0),
        finished(1, "odd?word??", 28),
        Frame::Bye,
    ]
}

#[test]
fn every_frame_of_the_agent_is_read_back() {
    let lines = agent_says("");
    let expected = frames();
    for (seq, (line, frame)) in lines.iter().zip(&expected).enumerate() {
        let found = decode(line).expect("a frame").unwrap_or_else(|damage| panic!("{line}: {damage}"));
        assert_eq!((found.before, found.seq as usize, &found.frame), ("", seq, frame));
    }
    assert_eq!(lines.len(), expected.len() + 1);
    let overlong = decode(&lines[expected.len()]).expect("a frame");
    assert_ne!(overlong.map(|found| found.seq), Err(Damaged::NoChecksum));
}

#[test]
fn the_agent_understands_commands_and_refuses_damaged_ones() {
    let damaged = encode_command(Command::Stop).replace("stop", "stap");
    let cut = &encode_command(Command::Ping)[..12];
    let input = [
        encode_command(Command::Ping),
        encode_command(Command::Sysrq('m')),
        encode_command(Command::Stop),
        damaged,
        format!("{cut}\n"),
        "\n".to_owned(),
        "root\n".to_owned(),
    ]
    .concat();
    let said = agent_says(&input);
    assert_eq!(said[frames().len() + 1..], ["ping", "sysrq m", "stop", "refused", "refused", "refused", "refused"]);
}
