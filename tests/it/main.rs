//! Every test that needs the whole program, in one binary: it links once.

mod absurd;
mod architecture;
mod bisections;
mod boots;
mod catalogues;
mod cli;
mod diagnosis;
mod explanations;
mod frames;
mod guests;
mod images;
mod inputs;
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
mod security;
mod streams;
mod support;
mod watch;
