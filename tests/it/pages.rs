//! Pages of runs, trials and histories in a real browser: hostile text, filters, keyboard, colours, widths, size.
//!
//! `PICTURES=DIR cargo nextest run pages::` writes pictures of the pages, too.

mod access;
mod filter;
mod hostile;
mod looks;
mod quarantine;
mod sample;
mod size;
mod written;
