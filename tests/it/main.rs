//! Every test that needs the whole program, in one binary: it links once.

mod absurd;
mod architecture;
mod bisections;
mod boots;
mod bundles;
mod catalogues;
mod cli;
mod diagnosis;
mod documents;
mod examples;
mod explanations;
mod firmware;
mod frames;
mod guests;
mod images;
mod inputs;
mod keep;
mod limits;
mod needs;
mod plans;
mod probes;
mod processes;
mod program;
mod replayed;
mod report;
mod scale;
mod scripted;
mod scripts;
mod security;
mod shells;
#[cfg(feature = "ssh")]
mod ssh;
mod streams;
mod support;
mod trees;
mod watch;
