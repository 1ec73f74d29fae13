//! Console bytes → lines → printk records and agent frames.

mod frame;
mod lines;
pub mod printk;
mod syslog;
mod vendor;

pub(crate) use frame::FRAME_PREFIX;
pub use frame::{Command, Damaged, Found, decode, encode_command};
pub use lines::{Console, Item, MAX_LINE};
