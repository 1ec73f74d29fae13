//! What trials cost, which of them the host admits, in which order and on which machine they run, and how long that takes. Pure.

mod admission;
mod costs;
mod forecast;
mod host_state;
mod need;
mod queue;
mod shard;
mod shortage;
mod simulation;

pub use admission::{Active, Admission, Budget};
pub use costs::{COSTS_SCHEMA, Costs, CostsError, Measured};
pub use forecast::{Pace, TimeLeft, time_left, time_of_plan};
pub use host_state::{DiskSpace, HostState, Pressure};
pub use need::{Need, QEMU_OVERHEAD_MIB};
pub use queue::{Job, Queue};
pub use shard::{Load, MAX_SHARDS, Shard, ShardError, partition, shards_within};
pub use shortage::{Place, Shortage, Stalled};
pub use simulation::{Simulated, simulate};
