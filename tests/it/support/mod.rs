//! What tests share.

pub mod browser;
pub mod cache;
pub mod cluster;
pub mod guests;
pub mod json_schema;
pub mod kernels;
pub mod linux;
pub mod load;
pub mod machine;
pub mod nights;
pub mod observer;
pub mod outside;
pub mod program;
pub mod python;
pub mod recorded;
pub mod repository;
pub mod scripted;
pub mod transcript;
/// Events of made-up trials, which the watchdog's own tests share.
#[path = "../../../crates/watchdog/tests/judging/trial.rs"]
#[expect(dead_code, reason = "the watchdog's tests need the rest")]
pub mod trial;
