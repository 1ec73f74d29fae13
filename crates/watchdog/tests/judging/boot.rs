//! When the agent counts as up.

use crate::trial::Trial;
use model::{Event, Frame, Kind};

/// A slow console cut the hello of linux-7.3 without an MMU.
#[test]
fn damaged_hello_is_no_failure_to_boot() {
    let mut trial = Trial::new(true);
    trial.line("[    0.000000] Linux version 7.3.4");
    trial.event(Event::FrameDamaged { text: "@oomlab 0 hello v=1 arch=riscv64-nommu page=4096 ram=2".to_owned() });
    trial.frame(Frame::Speed { loop_us: 1000 });
    trial.kill();
    trial.until_verdict(40, 1.0, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::OomLivelock);
}
