//! What the guest prints and what it is told: the serial console's bytes given meaning.

mod frame;

pub use frame::{Command, Damaged, Found, decode, encode_command};
