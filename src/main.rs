//! The `oomlab` program.

fn main() {}
