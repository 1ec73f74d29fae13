//! The index of the runs, and what it says of them.

mod commands;
mod costs;
mod index;
mod words;
mod year;
