//! Console bytes → lines → printk records and agent frames.

pub mod frame;
mod lines;
pub mod printk;

pub use lines::{Console, Item, MAX_LINE};
