//! The index of the runs, and what it says of them.

mod index;
mod words;
mod year;
