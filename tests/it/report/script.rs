//! `oomlab repro --script`.

use super::*;
use proptest::prelude::*;

/// The cache of whoever recorded the trials.
const CACHE: &str = "/home/me/.cache/oomlab";

fn cached() -> Lookup<'static> {
    Lookup::Cache(Path::new(CACHE))
}

#[test]
fn script_creates_and_removes_the_scratch_disk() {
    let mut run = run();
    let trial = &mut run.trials[0];
    trial.cell.needs.disk = Some(ScratchDisk { bytes: 3 << 20, throttle: Throttle::default(), filesystem: None });
    // A QEMU that shows what it is given and what its disk is like.
    trial.command = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        "echo $0; f=${0#file=}; stat -c %s ${f%%,*}".to_owned(),
        "file=/proc/1/fd/9,if=none,id=oomlab-scratch,format=raw".to_owned(),
    ];
    let output = Command::new("sh").args(["-c", &script(&run.id, &run.trials[0], cached()).unwrap()]).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let (drive, size) = shown.trim_end().split_once('\n').unwrap_or_else(|| panic!("{shown}"));
    let disk = drive.strip_prefix("file=").unwrap().strip_suffix(",if=none,id=oomlab-scratch,format=raw").unwrap();
    assert!(disk.starts_with("/var/tmp/oomlab-scratch."), "{disk}");
    assert_eq!(size, (3 << 20).to_string());
    assert!(!std::path::Path::new(disk).exists());
}

#[test]
fn script_puts_the_console_on_the_terminal() {
    let run = run();
    let shown = script(&run.id, &run.trials[1], cached()).unwrap();
    assert_golden("trial.sh", &shown);
    assert!(!shown.contains("serial0") && !shown.contains("qmp0"));
}

/// Runs a script whose QEMU is `printf`, and gives back the arguments that it got.
fn arguments(script: &str) -> Vec<String> {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

#[test]
fn script_names_a_missing_kernel() {
    let run = run();
    let script = script(&run.id, &run.trials[0], cached()).unwrap();
    let mut command = Command::new("sh");
    let output = command.args(["-c", &script]).env("OOMLAB_CACHE", "/nonexistent").output().unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "missing: /nonexistent/Image; set KERNEL to the file\n");
}

#[test]
fn script_takes_other_files_and_filters_frames() {
    let mut run = run();
    let trial = &mut run.trials[0];
    let qemu = r#"printf '%s\n' '@oomlab 1 beat *00000000' 'half a line@oomlab 2 bye *00000000' last "$2""#;
    let kernel = format!("{CACHE}/kernel");
    trial.command = ["sh", "-c", qemu, "qemu", "-kernel", &kernel].map(str::to_owned).to_vec();
    trial.kernel_digest = Some(Digest::of_bytes(&[7; 32]));
    let script = script(&run.id, &run.trials[0], cached()).unwrap();
    assert!(!script.contains("/home/me"), "{script}");
    let dir = tempfile::tempdir().unwrap();
    let other = dir.path().join("a $(touch x) kernel");
    std::fs::write(&other, "another").unwrap();
    let shown = |frames: &str| {
        let mut command = Command::new("sh");
        let output = command.args(["-c", &script]).env("KERNEL", &other).env("FRAMES", frames).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stderr),
            format!("{} is not the recorded kernel\n", other.display())
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(shown(""), format!("half a line\nlast\n{}\n", other.display()));
    assert!(shown("1").starts_with("@oomlab 1 beat"));
}

#[test]
fn script_looks_for_the_recorded_firmware_alone() {
    let mut run = run();
    let trial = &mut run.trials[0];
    let bios = format!("{CACHE}/firmware/opensbi-riscv64/fw_dynamic.bin");
    trial.command = ["qemu-system-riscv64", "-bios", &bios, "-bios", "mine"].map(str::to_owned).to_vec();
    trial.firmware_digest = Some(Digest::of_bytes(&[7; 32]));
    let text = script(&run.id, trial, cached()).unwrap();
    assert!(text.contains("\nfirmware=\"$cache\"/firmware/opensbi-riscv64/fw_dynamic.bin\n"), "{text}");
    assert!(
        text.contains("firmware OpenSBI, sha256 0707") && text.contains("-bios \"$firmware\" \\\n    -bios mine"),
        "{text}"
    );
    trial.firmware_digest = None;
    let text = script(&run.id, &run.trials[0], cached()).unwrap();
    assert!(!text.contains("FIRMWARE"), "{text}");
}

#[test]
fn script_refuses_control_characters() {
    let mut run = run();
    for (word, shown) in [("a\u{1b}[31m", "a\u{fffd}[31m"), ("\u{202e}b", "\u{fffd}b"), ("a\0b", "a\u{fffd}b")] {
        run.trials[0].command = vec![word.to_owned()];
        let error = script(&run.id, &run.trials[0], cached()).unwrap_err();
        assert_eq!(error.to_string(), format!("an argument of QEMU's command line has a control character: `{shown}`"));
    }
}

/// A folder with the script of a trial and the files that it looks for.
fn shared(run: &RunRecord, files: &[GuestFile]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("run.sh"), script(&run.id, &run.trials[0], Lookup::Beside).unwrap()).unwrap();
    files.iter().for_each(|file| std::fs::write(dir.path().join(file.name()), "content").unwrap());
    dir
}

/// Standard output and error of a command in a folder.
fn run_in(dir: &Path, command: &str) -> (String, String) {
    let output = Command::new("sh").args(["-c", command]).current_dir(dir).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn script_finds_its_files_beside_itself() {
    let mut run = run();
    let trial = &mut run.trials[0];
    trial.command[0] = "/home/me/qemu/build/qemu-system-x86_64".to_owned();
    trial.initrd_digest = None;
    let dir = shared(&run, &[GuestFile::Kernel, GuestFile::Initramfs]);
    let text = std::fs::read_to_string(dir.path().join("run.sh")).unwrap();
    assert!(!text.contains("/home/me") && text.contains("qemu=qemu-system-x86_64\n"), "{text}");
    let (out, err) = run_in(dir.path(), "QEMU=echo FRAMES=1 sh run.sh -s -S");
    let end = "-kernel ./kernel -initrd ./initramfs.cpio.gz -append console=ttyS0 quiet -s -S -serial mon:stdio\n";
    assert!(out.ends_with(end) && err == "./kernel is not the recorded kernel\n", "{out}{err}");
    let folder = dir.path().file_name().unwrap().to_str().unwrap();
    let (out, _) = run_in(dir.path().parent().unwrap(), &format!("QEMU=echo FRAMES=1 sh {folder}/run.sh"));
    assert!(out.contains(&format!("-kernel {folder}/kernel ")), "{out}");
    std::fs::remove_file(dir.path().join("kernel")).unwrap();
    let (out, err) = run_in(dir.path(), "sh run.sh");
    assert_eq!((out.as_str(), err.as_str()), ("", "missing: ./kernel; set KERNEL to the file\n"));
}

/// Gives a trial a root disk whose path has commas.
fn add_root_disk(trial: &mut TrialRecord) {
    let words = [
        "-drive",
        "file=/home/me/.cache/oomlab/disks/a,,b/disk.ext4,if=none,id=oomlab-root,format=raw,snapshot=on",
        "-netdev",
        "user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:0-:22",
    ];
    trial.command.extend(words.map(str::to_owned));
    trial.root_disk_digest = Some(Digest::of_bytes(&[7; 32]));
}

#[test]
fn script_boots_a_root_disk_and_tells_the_way_in() {
    let mut run = run();
    add_root_disk(&mut run.trials[0]);
    let dir = shared(&run, &GuestFile::ALL);
    std::fs::write(dir.path().join("key"), "private").unwrap();
    let (line, err) = run_in(dir.path(), "mkdir 'a, b' && mv [!a]* 'a, b' && PORT=4000 sh 'a, b/run.sh' --print");
    let end = "-drive 'file=a,, b/disk.ext4,if=none,id=oomlab-root,format=raw,snapshot=on' \
               -netdev user,id=oomlab-net,restrict=on,hostfwd=tcp:127.0.0.1:4000-:22\n";
    assert!(line.ends_with(end), "{line}{err}");
    let login = "ssh -i 'a, b/key' -p 4000 -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no root@127.0.0.1";
    assert!(
        err.contains(&format!("up: {login}\n")) && err.contains(&format!("{login} sh -s <'a, b/test.sh'\n")),
        "{err}"
    );
    assert!(err.contains("a, b/disk.ext4 is not the recorded root disk\n"), "{err}");
    std::fs::remove_file(dir.path().join("a, b/disk.ext4")).unwrap();
    let (_, err) = run_in(dir.path(), "sh 'a, b/run.sh' --print");
    assert!(err.ends_with("missing: a, b/disk.ext4; set ROOT_DISK to the file\n"), "{err}");
}

#[test]
fn script_finds_the_root_disk_and_its_key_in_the_cache() {
    let mut run = run();
    add_root_disk(&mut run.trials[0]);
    let text = script(&run.id, &run.trials[0], cached()).unwrap();
    assert!(text.contains("\nroot_disk=\"$cache\"/'disks/a,b/disk.ext4'\n"), "{text}");
    assert!(text.contains("\nkey=\"$cache\"/'disks/a,b/key'\n"), "{text}");
    assert!(text.contains("# its test is test.sh of the trial's folder; PORT, ROOT_DISK and KEY name"), "{text}");
    assert!(text.contains("-drive file=\"$drive\"',if=none,") && text.contains("127.0.0.1:\"$port\"-:22"), "{text}");
}

/// A line for a shell: as it is split there, it is QEMU's command line.
#[test]
fn script_prints_the_command_line() {
    let mut run = run();
    let trial = &mut run.trials[0];
    let words = ["a'b", "c  d\n", "", "$HOME `id`", "k=v,w"];
    trial.command.extend(words.map(str::to_owned));
    trial.cell.needs.disk = Some(ScratchDisk { bytes: 3 << 20, throttle: Throttle::default(), filesystem: None });
    trial.command.push("file=/proc/1/fd/9,if=none,id=oomlab-scratch,format=raw".to_owned());
    let dir = shared(&run, &[GuestFile::Kernel, GuestFile::Initramfs]);
    let (line, err) = run_in(dir.path(), "sh run.sh --print -S");
    assert_eq!(line.matches('\n').count(), 2, "its end, and that of an argument: {line}");
    assert!(!line.contains("serial") && err.contains("remove it afterwards"), "{line}{err}");
    let disk = err.split(' ').find_map(|word| word.strip_suffix(';')).unwrap();
    assert_eq!(std::fs::metadata(disk).unwrap().len(), 3 << 20);
    std::fs::remove_file(disk).unwrap();
    let (split, _) = run_in(dir.path(), &format!("printf '%s\\0' {line}"));
    let split: Vec<&str> = split.split_terminator('\0').collect();
    let drive = format!("file={disk},if=none,id=oomlab-scratch,format=raw");
    assert_eq!(split[0], "qemu-system-riscv64");
    assert_eq!(split[split.len() - 7..], ["a'b", "c  d\n", "", "$HOME `id`", "k=v,w", drive.as_str(), "-S"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn script_keeps_qemu_arguments(words in prop::collection::vec("(\\PC|\n){0,20}", 0..6), note in "\\PC{0,20}\n?") {
        let mut run = run();
        let trial = &mut run.trials[0];
        trial.verdict.summary = note;
        trial.command = ["printf", "%s\\0"].map(str::to_owned).into_iter().chain(words.iter().cloned()).collect();
        prop_assume!(words.iter().all(|word| model::printable_lines(word) == *word));
        // These would be taken for files to look for.
        prop_assume!(!words.iter().any(|word| word == "-kernel" || word == "-initrd"));
        let mut expected = words;
        expected.extend(["-serial", "mon:stdio"].map(str::to_owned));
        prop_assert_eq!(arguments(&script(&run.id, &run.trials[0], cached()).unwrap()), expected);
    }
}
