//! The host: processes, sockets, QMP, clocks, resources.

mod accel;
mod accelerator;
mod cancelled;
mod cgroup;
mod clock;
mod file_lock;
mod firmware;
mod foreign;
mod kept;
mod limits;
mod oom;
mod private_dir;
mod process;
mod qemu;
mod qmp;
mod readings;
mod resources;
mod sandbox;
mod scratch_dir;
mod serial;
mod socket;
mod socket_dir;
mod system_program;
mod threads;
mod unnamed;

pub use accel::{AccelChoice, AccelReason, cached_accel, probe_kvm};
pub use accelerator::Accelerator;
pub use cancelled::{Cancellable, check_cancelled};
pub use cgroup::{CpuLimit, MemoryLimit};
pub use clock::{Clock, file_time, now, pause, rfc_3339, system_time, today, touch, wall_clock, wall_clock_ms};
pub use file_lock::{FileLock, LockedBy, Sharing, is_open, lock_while_open};
pub use firmware::{cached_opensbi, opensbi_note, opensbi_path, opensbi_version};
pub use foreign::Foreign;
pub use kept::{KeptGuest, Login};
pub use limits::{OpenFiles, allow_open_files};
pub use oom::OomKiller;
pub use private_dir::{private_dir, private_dir_in};
pub use process::{
    Captured, Limits, Orphans, Output, PipedProcess, ProcessFd, ProcessGroup, RunError, SpawnError, block_on, capture,
    capture_blocking, run_blocking, supervise, supervised,
};
pub use qemu::Qemu;
pub use qmp::{Pause, Qmp, QmpCommands, QmpError};
pub use readings::{HostReader, resident_mib};
pub use resources::Resources;
pub use sandbox::{Sandboxes, has_sandbox};
pub use scratch_dir::ScratchDir;
pub use serial::{Serial, SerialInput};
pub use socket_dir::{KeptSockets, SYMBOLS, SocketDir};
pub use system_program::system_program;
pub use threads::{cpu_pressure, is_stopped, thread_times, vcpu_threads};
pub use unnamed::{scratch_folder, unnamed_file};
