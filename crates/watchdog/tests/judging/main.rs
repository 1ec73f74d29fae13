//! The watchdog's verdicts on made-up trials: the events are those that the lab would record.

mod boot;
mod canary_stuck;
mod confidence;
mod console_report;
mod counters;
mod ends;
mod heartbeat_lost;
mod host;
mod no_agent;
mod progress;
mod reported;
mod tasks;
mod trial;
mod workload_stuck;
