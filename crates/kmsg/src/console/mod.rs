//! Console bytes → lines → printk records and agent frames.

mod agent;
mod caller;
mod frame;
mod lines;
pub mod printk;
mod syslog;
mod vendor;

pub use agent::{Beat, Frame};
pub use caller::Caller;
pub(crate) use frame::FRAME_PREFIX;
pub use frame::{Command, Damaged, Found, decode, encode_command, encode_frame};
pub(crate) use lines::clean;
pub use lines::{Console, Item, MAX_LINE};
