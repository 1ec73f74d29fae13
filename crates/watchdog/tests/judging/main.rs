//! The watchdog's verdicts on made-up trials: what is fed in is what the lab would have seen.

mod ends;
mod host;
mod reports;
mod silence;
mod stalls;
mod standing;
mod standstill;
mod trial;
mod unattended;
mod weights;
