//! The host: processes, sockets, clocks, resources.

mod accel;
mod accelerator;
mod clock;
mod commands;
mod foreign;
mod limits;
mod process;
mod qmp;
mod resources;
mod serial;
mod socket;
mod socket_dir;
mod threads;
mod unnamed;

pub use accel::{AccelAnswer, AccelReason, probe_kvm, remembered_accel};
pub use accelerator::Accelerator;
pub use clock::{Clock, pause, today, wall_clock};
pub use commands::{Pause, QmpCommands, QmpError};
pub use foreign::Foreign;
pub use limits::allow_open_files;
pub use process::{Guest, SpawnError};
pub use qmp::Qmp;
pub use resources::Resources;
pub use serial::{Serial, SerialInput};
pub use socket_dir::SocketDir;
pub use threads::{cpu_pressure, is_stopped, thread_times, vcpu_threads};
pub use unnamed::{scratch_folder, unnamed_file};
