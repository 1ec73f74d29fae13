//! Why QEMU shut the machine down.

use serde::{Deserialize, Serialize};

/// QEMU's `ShutdownCause` (`qapi/run-state.json`), open for causes of newer versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShutdownCause {
    /// The guest powered off.
    GuestShutdown,
    /// The guest reset the machine, and `-no-reboot` makes that a shutdown.
    GuestReset,
    /// The guest panicked, and QEMU is to shut down then.
    GuestPanic,
    /// An error of the host.
    HostError,
    /// QMP `quit`.
    HostQmpQuit,
    /// QMP `system_reset`.
    HostQmpSystemReset,
    /// A signal to QEMU, such as SIGTERM.
    HostSignal,
    /// The user interface, such as a closed window.
    HostUi,
    /// Any other cause, by name.
    #[serde(untagged)]
    Other(String),
}

impl ShutdownCause {
    /// QEMU's name.
    pub fn name(&self) -> &str {
        match self {
            Self::GuestShutdown => "guest-shutdown",
            Self::GuestReset => "guest-reset",
            Self::GuestPanic => "guest-panic",
            Self::HostError => "host-error",
            Self::HostQmpQuit => "host-qmp-quit",
            Self::HostQmpSystemReset => "host-qmp-system-reset",
            Self::HostSignal => "host-signal",
            Self::HostUi => "host-ui",
            Self::Other(name) => name,
        }
    }

    /// Whether the guest shut the machine down: every such cause of QEMU begins with `guest-`.
    pub fn is_by_guest(&self) -> bool {
        self.name().starts_with("guest-")
    }

    /// Whether the machine was shut down from outside: every such cause of QEMU begins with `host-`.
    pub fn is_by_host(&self) -> bool {
        self.name().starts_with("host-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cause_round_trips_by_name() {
        let read = |name: &str| serde_json::from_str::<ShutdownCause>(&format!("\"{name}\"")).unwrap();
        let names = ["guest-shutdown", "guest-reset", "guest-panic", "guest-kexec", "none", "host-error"];
        for name in names.into_iter().chain(["host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui"]) {
            let cause = read(name);
            assert_eq!((cause.name(), serde_json::to_string(&cause).unwrap()), (name, format!("\"{name}\"")));
            assert_eq!((cause.is_by_guest(), cause.is_by_host()), (name.starts_with('g'), name.starts_with('h')));
        }
        assert_eq!(read("guest-reset"), ShutdownCause::GuestReset);
        assert_eq!(read("guest-kexec"), ShutdownCause::Other("guest-kexec".to_owned()));
    }
}
