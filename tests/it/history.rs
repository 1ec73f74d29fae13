//! The index of the runs, and what it says of them.

mod commands;
mod index;
mod words;
mod year;
