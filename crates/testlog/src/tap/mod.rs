//! TAP 13, TAP 14 and KTAP, as kernel selftests and KUnit print them.

mod note;
mod reader;
mod syntax;

pub(crate) use reader::Tap;
