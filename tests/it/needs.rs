//! Needs of workloads in real guests: kernel modules and a scratch disk.

use crate::support::kernels;
use crate::support::program;

use arch::Arch;
use model::{KernelArtifact, KernelModule, TrialRecord};
use oomlab::assets::Assets;
use oomlab::kernel::{Kernels, NullProgress, Options};
use oomlab::store::read_trial;
use program::{Finished, Program, finish};
use std::path::Path;

const KERNEL: &str = "debian-6.1";

fn x86_64() -> Arch {
    arch::find("x86_64").unwrap()
}

/// The kernel and the module `virtio` of it, which depends on no other.
fn kernel_with_virtio() -> (KernelArtifact, KernelModule) {
    kernels::kernel(KERNEL, "x86_64");
    let kernels = Kernels::new(&Assets::builtin(), kernels::cache(), Options::default()).unwrap();
    let kernel = kernels.cached(KERNEL, x86_64()).expect("it was just made ready");
    let modules = kernels.modules(&kernel, x86_64(), &["virtio".to_owned()], &NullProgress).unwrap();
    let [module] = <[KernelModule; 1]>::try_from(modules).unwrap();
    (kernel, module)
}

/// A user kernel, `mine`, with only this module.
fn user_kernel(program: &Program, kernel: &KernelArtifact, module: &[u8]) {
    let folder = program.dir().join("modules/lib/modules").join(&kernel.release);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("virtio.ko"), module).unwrap();
    std::fs::write(folder.join("modules.builtin"), "kernel/lib/crc32.ko\n").unwrap();
    let (image, modules) = (kernel.image.display(), program.dir().join("modules"));
    let files = format!("{{image: {image}, modules: {}}}", modules.display());
    program.write("kernels/mine.yaml", &format!("source:\n  local:\n    x86_64: {files}\n"));
}

/// A user kernel, `mine`, with a module that it does not load.
fn user_kernel_that_rejects_virtio(program: &Program) {
    let (kernel, module) = kernel_with_virtio();
    let mut content = module.content;
    // The kernel rejects the version magic, or the signature before that.
    let magic = content.windows(9).position(|bytes| bytes == b"vermagic=").expect("a version");
    content[magic + 9] = b'9';
    user_kernel(program, &kernel, &content);
}

/// A user workload with these needs that does nothing.
fn user_workload(program: &Program, needs: &str) {
    let text = format!(
        "name: needy\nsummary: is needy\naims_at: nothing\nsource: none\nmmu: any\nunit: none\nfinished: at once\n\
         min_ram: 8M\nneeds: {{{needs}}}\nhealthy: {{outcome: pass, kind: finished}}\n"
    );
    program.write("images/workloads/needy/manifest.yaml", &text);
    let main = "#include \"../../guest/workload.h\"\n\
        int workload_main(const char *role, uint64_t amount) { (void)role; (void)amount; return 0; }\n";
    program.write("images/workloads/needy/main.c", main);
}

fn boot(program: &Program, kernel: &str, args: &[&str]) -> (Finished, Option<TrialRecord>) {
    let all = [&["boot", "--out", "run", "--arch", "x86_64", "--kernel", kernel, "--ram", "128M"], args].concat();
    let finished = finish(&mut kernels::command(program, &all));
    let mut cells = std::fs::read_dir(program.dir().join("run/cells")).into_iter().flatten();
    let trial = cells.next().map(|entry| read_trial(&entry.unwrap().path()).unwrap());
    (finished, trial)
}

#[test]
fn guest_swaps_to_a_temporary_disk() {
    kernels::kernel(KERNEL, "x86_64");
    let program = Program::new();
    let (finished, trial) = boot(&program, KERNEL, &["--workload", "swap-thrash", "--option", "churn=1M"]);
    let trial = trial.unwrap_or_else(|| panic!("{finished:?}"));
    // With this little work it may finish before the guest has waited long.
    assert_eq!((trial.verdict.outcome().as_str(), trial.oom_kills), ("pass", 0), "{:?}", trial.verdict);
    let console = read_console(program.dir());
    assert!(console.contains("virtio_blk virtio0: [vda] 262144 512-byte logical blocks"), "{console}");
    assert!(console.contains("Adding 131068k swap on /scratch."), "{console}");
    let drive = trial.command.iter().find(|word| word.contains("id=oomlab-scratch")).expect("a disk");
    let file = drive.strip_prefix("file=").and_then(|rest| rest.split(',').next()).expect("a file");
    assert!(!Path::new(file).exists(), "{file}");
    let script = program.run(["repro", "--script", "run/debian-6.1.x86_64.128M.swap-thrash+churn=1M"]).stdout;
    assert!(script.contains("truncate -s 134217728 \"$disk\"\n"), "{script}");
    assert!(script.contains("-drive file=\"$disk\"',if=none,id=oomlab-scratch,"), "{script}");
}

#[test]
fn plan_shows_the_disk_and_unknown_modules() {
    let program = Program::new();
    program.write("matrix.yaml", "axes: {kernel: debian-6.1, arch: arm, ram: 128M, workload: [swap-thrash]}\n");
    let plan = program.run(["plan", "-v", "matrix.yaml"]).stdout;
    let disk = "-drive 'file=/tmp/oomlab-scratch,if=none,id=oomlab-scratch,format=raw,cache=unsafe,discard=unmap,\
        werror=stop,rerror=stop,throttling.bps-total=8388608' \
        -device 'virtio-blk-device,drive=oomlab-scratch,serial=oomlab-scratch'";
    assert!(plan.contains(disk), "{plan}");
    assert!(plan.contains("+modules-of-debian-6.1/initramfs.cpio.gz"), "{plan}");
}

#[test]
fn host_write_error_is_a_lab_error() {
    kernels::kernel(KERNEL, "x86_64");
    let program = Program::new();
    // A write fails as if the host's disk was full.
    let rules = "[set-state]\nevent = \"pwritev\"\nstate = \"1\"\nnew_state = \"2\"\n\n\
        [inject-error]\nevent = \"pwritev\"\nstate = \"2\"\nerrno = \"28\"\n";
    let rules = program.write("rules", rules);
    let disk = program.write("disk", "");
    std::fs::File::options().write(true).open(&disk).unwrap().set_len(128 << 20).unwrap();
    let file = format!("drive.oomlab-scratch.file=blkdebug:{}:{}", rules.display(), disk.display());
    let args = ["--workload", "swap-thrash", "--qemu-arg", "-set", "--qemu-arg", &file];
    let (finished, trial) = boot(&program, KERNEL, &args);
    let verdict = trial.unwrap_or_else(|| panic!("{finished:?}")).verdict;
    assert_eq!((finished.status, verdict.kind.as_str()), (Some(3), "store-failed"), "{verdict:?}");
    assert!(verdict.summary.ends_with("No space left on device"), "{}", verdict.summary);
}

#[test]
fn modules_are_loaded_before_the_workload() {
    let (kernel, module) = kernel_with_virtio();
    let program = Program::new();
    user_kernel(&program, &kernel, &module.content);
    user_workload(&program, "modules: [virtio, crc32]");
    let (finished, trial) = boot(&program, "mine", &["--workload", "needy"]);
    let trial = trial.unwrap_or_else(|| panic!("{finished:?}"));
    assert_eq!(trial.verdict.kind.as_str(), "finished", "{:?}", trial.verdict);
}

#[test]
fn rejected_module_is_named() {
    let program = Program::new();
    user_kernel_that_rejects_virtio(&program);
    user_workload(&program, "modules: [virtio]");
    let (finished, trial) = boot(&program, "mine", &["--workload", "needy"]);
    let verdict = trial.unwrap_or_else(|| panic!("{finished:?}")).verdict;
    assert_eq!((finished.status, verdict.kind.as_str()), (Some(1), "workload-failed"), "{verdict:?}");
    assert!(verdict.summary.ends_with("cannot-load-virtio"), "{}", verdict.summary);
    let console = read_console(program.dir());
    assert!(console.contains("oomlab agent: /modules/virtio.ko: error "), "{console}");
}

#[test]
fn cells_with_other_options_have_other_modules() {
    let program = Program::new();
    user_kernel_that_rejects_virtio(&program);
    user_workload(&program, "");
    let manifest = program.dir().join("images/workloads/needy/manifest.yaml");
    let option =
        "options:\n  bus: {type: word, default: none, help: x, values: {none: {}, virtio: {modules: [virtio]}}}\n";
    let text = std::fs::read_to_string(&manifest).unwrap() + option;
    program.write("images/workloads/needy/manifest.yaml", &text);
    let matrix = "axes: {kernel: mine, arch: x86_64, ram: 128M, workload: [needy, needy: {bus: virtio}]}\n";
    program.write("matrix.yaml", matrix);
    let finished = finish(&mut kernels::command(&program, &["run", "matrix.yaml", "--out", "run"]));
    let summary = |id: &str| match read_trial(&program.dir().join("run/cells").join(id)) {
        Ok(trial) => trial.verdict.summary,
        Err(error) => panic!("{id}: {error}: {finished:?}"),
    };
    assert!(!summary("mine.x86_64.128M.needy").contains("virtio"), "{finished:?}");
    assert!(summary("mine.x86_64.128M.needy+bus=virtio").ends_with("cannot-load-virtio"), "{finished:?}");
}

#[test]
fn cell_without_a_required_module_is_skipped() {
    kernels::kernel(KERNEL, "x86_64");
    let program = Program::new();
    let (kernel, module) = kernel_with_virtio();
    user_kernel(&program, &kernel, &module.content);
    user_workload(&program, "modules: [virtio, zram]");
    let (finished, trial) = boot(&program, "mine", &["--workload", "needy"]);
    assert_eq!((finished.status, trial), (Some(2), None), "{finished:?}");
    assert!(finished.stderr.contains("mine has no module zram for x86_64, which needy needs"), "{}", finished.stderr);
    let matrix = "axes: {kernel: mine, arch: x86_64, ram: 128M, workload: [idle, needy]}\n";
    program.write("matrix.yaml", matrix);
    let plan = finish(&mut kernels::command(&program, &["plan", "matrix.yaml"]));
    assert!(
        plan.stdout.contains("left out: 1\n     1  mine has no module zram")
            && plan.stdout.contains("mine.x86_64.128M.needy"),
        "{plan:?}"
    );
}

#[test]
fn cell_without_a_required_option_is_skipped() {
    kernels::kernel(KERNEL, "x86_64");
    let program = Program::new();
    user_workload(&program, "config: [MEMCG, NO_SUCH_THING]");
    let (finished, trial) = boot(&program, KERNEL, &["--workload", "needy"]);
    assert_eq!((finished.status, trial), (Some(2), None), "{finished:?}");
    let reason = "debian-6.1 has no CONFIG_NO_SUCH_THING=y for x86_64, which needy needs";
    assert!(finished.stderr.contains(reason), "{}", finished.stderr);
}

#[test]
fn scratch_disk_has_its_filesystem() {
    kernels::kernel(KERNEL, "x86_64");
    let program = Program::new();
    user_workload(&program, "disk: {size: 64M, filesystem: ext4}");
    let main = "#include \"../../guest/disk.h\"\n#include \"../../guest/sys.h\"\n#include \"../../guest/workload.h\"\n\
        int workload_main(const char *role, uint64_t amount) { struct disk disk; (void)role; (void)amount;\n\
        sys_mkdir(\"/here\"); if (!disk_find(&disk)) return workload_fail(\"no-disk\");\n\
        return SYS(mount, disk.path, \"/here\", \"ext4\") < 0 ? workload_fail(\"no-mount\") : 0; }\n";
    program.write("images/workloads/needy/main.c", main);
    let (finished, trial) = boot(&program, KERNEL, &["--workload", "needy"]);
    let trial = trial.unwrap_or_else(|| panic!("{finished:?}"));
    assert_eq!(trial.verdict.outcome().as_str(), "pass", "{:?}", trial.verdict);
    let console = read_console(program.dir());
    assert!(console.contains("mounted filesystem"), "{console}");
    let script = program.run(["repro", "--script", "run/debian-6.1.x86_64.128M.needy"]).stdout;
    assert!(script.contains("-t ext4") && script.contains(" \"$disk\"\n"), "{script}");
}

fn read_console(program: &Path) -> String {
    let cells = std::fs::read_dir(program.join("run/cells")).unwrap();
    let folder = cells.map(|entry| entry.unwrap().path()).next().expect("a trial");
    String::from_utf8_lossy(&std::fs::read(folder.join("console.log")).unwrap()).into_owned()
}
