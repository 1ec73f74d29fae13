//! Submissions. Pure.

use super::settings::Settings;
use std::path::Path;
use std::time::Duration;

/// What each task of an array needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    /// CPUs.
    pub cpus: u32,
    /// Memory in MiB.
    pub ram_mib: u64,
    /// Limit on its time.
    pub max_time: Duration,
}

/// An array of tasks.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    /// Name of the job, by which it is found again.
    pub name: &'a str,
    /// Number of tasks, at least one; their indexes begin with 0.
    pub tasks: u32,
    /// What each of them needs.
    pub resources: Resources,
    /// The script that each of them runs.
    pub script: &'a Path,
    /// The folder for the tasks' output, `<index>.log`.
    pub logs: &'a Path,
}

impl Array<'_> {
    /// Arguments of `sbatch`. A task whose node dies is not requeued by Slurm: the lab submits what it has not ended.
    pub(super) fn arguments(&self, settings: &Settings) -> Vec<String> {
        let Resources { cpus, ram_mib, max_time } = self.resources;
        // In file names, `%` begins a replacement (sbatch(1), "filename pattern").
        let logs = self.logs.display().to_string().replace('%', "%%");
        let mut arguments = vec![
            "--parsable".to_owned(),
            format!("--job-name={}", self.name),
            format!("--array=0-{}", self.tasks.saturating_sub(1)),
            "--nodes=1".to_owned(),
            "--ntasks=1".to_owned(),
            format!("--cpus-per-task={cpus}"),
            format!("--mem={ram_mib}M"),
            format!("--time={}", max_time.as_secs().div_ceil(60).max(1)),
            "--no-requeue".to_owned(),
            "--open-mode=truncate".to_owned(),
            format!("--output={logs}/%a.log"),
        ];
        arguments.extend(settings.arguments());
        arguments.push(self.script.display().to_string());
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_name_needs_and_output() {
        let resources = Resources { cpus: 2, ram_mib: 640, max_time: Duration::from_secs(61) };
        let (script, logs) = (Path::new("/runs/50%/slurm/1/batch.sh"), Path::new("/runs/50%/slurm/1"));
        let array = Array { name: "oomlab-ab.1", tasks: 3, resources, script, logs };
        let settings = Settings::new(None, Some("mm".into()), vec!["--time=9".into()]).unwrap();
        let arguments = array.arguments(&settings).join(" ");
        assert_eq!(
            arguments,
            "--parsable --job-name=oomlab-ab.1 --array=0-2 --nodes=1 --ntasks=1 --cpus-per-task=2 --mem=640M --time=2 \
             --no-requeue --open-mode=truncate --output=/runs/50%%/slurm/1/%a.log --account=mm --time=9 \
             /runs/50%/slurm/1/batch.sh"
        );
    }
}
