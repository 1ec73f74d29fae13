//! What the user says about jobs. Pure.

/// Where jobs go, and further options of `sbatch`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    partition: Option<String>,
    account: Option<String>,
    more: Vec<String>,
}

/// An option that the lab itself gives to `sbatch`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// It is the lab's.
    #[error("`--slurm-arg={argument}`: the lab itself gives `{option}` to `sbatch`")]
    Reserved {
        /// As the user wrote it.
        argument: String,
        /// Its name.
        option: &'static str,
    },
    /// It is no option.
    #[error("`--slurm-arg={argument}`: write an option of `sbatch` with its value, as `--slurm-arg=--qos=low`")]
    NoOption {
        /// As the user wrote it.
        argument: String,
    },
}

/// Options by which the lab finds its tasks again, or on which its batches rest.
const RESERVED: [(&str, &str); 14] = [
    ("--array", "-a"),
    ("--job-name", "-J"),
    ("--output", "-o"),
    ("--error", "-e"),
    ("--parsable", "--parsable"),
    ("--wrap", "--wrap"),
    ("--wait", "-W"),
    ("--signal", "--signal"),
    ("--requeue", "--requeue"),
    ("--chdir", "-D"),
    ("--cpus-per-task", "-c"),
    ("--ntasks", "-n"),
    ("--clusters", "-M"),
    ("--test-only", "--test-only"),
];

impl Settings {
    /// Checks the further options.
    ///
    /// # Errors
    /// When one of them is none, or is the lab's.
    pub fn new(partition: Option<String>, account: Option<String>, more: Vec<String>) -> Result<Self, SettingsError> {
        for argument in &more {
            if !argument.starts_with('-') || argument.len() < 2 {
                return Err(SettingsError::NoOption { argument: argument.clone() });
            }
            let name = argument.split('=').next().unwrap_or_default();
            let is_reserved = |&&(long, short): &&(&str, &str)| {
                // sbatch takes unambiguous beginnings of long options, and values behind short ones.
                (name.len() > 3 && long.starts_with(name)) || (!short.starts_with("--") && name.starts_with(short))
            };
            if let Some((option, _)) = RESERVED.iter().find(is_reserved) {
                return Err(SettingsError::Reserved { argument: argument.clone(), option });
            }
        }
        Ok(Self { partition, account, more })
    }

    /// As arguments of `sbatch`: later ones override those of the lab.
    pub(super) fn arguments(&self) -> Vec<String> {
        let option = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("--{name}={value}"));
        let own = [option("partition", &self.partition), option("account", &self.account)];
        own.into_iter().flatten().chain(self.more.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &[&str]) -> Result<Settings, SettingsError> {
        Settings::new(Some("long".into()), None, more.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn options_follow_the_partition() {
        let arguments = settings(&["--qos=low", "--wait-all-nodes=1", "-t5"]).unwrap().arguments();
        assert_eq!(arguments, ["--partition=long", "--qos=low", "--wait-all-nodes=1", "-t5"]);
    }

    #[test]
    fn options_of_the_lab_are_refused() {
        for argument in ["--array=0-3", "--arr=1", "-a0-3", "--output=x", "-n2", "--wait", "--signal=USR1@60"] {
            assert!(matches!(settings(&[argument]), Err(SettingsError::Reserved { .. })), "{argument}");
        }
        let error = settings(&["qos=low"]).unwrap_err();
        assert!(error.to_string().contains("--slurm-arg=--qos=low"), "{error}");
    }
}
