//! Granted time under steal, pauses and late timers.

use super::*;
use proptest::prelude::*;

fn after(seconds: f64, ran: f64, waited: f64) -> GuestClock {
    let mut clock = GuestClock::default();
    clock.sample(&[ThreadTime::default()]);
    clock.advance(Stamp::from_secs_f64(seconds));
    clock.sample(&[ThreadTime { ran_us: (ran * 1e6) as u64, waited_us: (waited * 1e6) as u64 }]);
    clock
}

#[test]
fn clock_grants_all_time_without_steal() {
    assert!((after(2.0, 2.0, 0.0).now().granted_s - 2.0).abs() < 1e-9);
    assert!((after(2.0, 0.01, 0.01).now().granted_s - 2.0).abs() < 1e-9, "an idle guest does not wait for a CPU");
}

#[test]
fn clock_subtracts_steal_time() {
    let clock = after(4.0, 1.0, 3.0);
    assert!((clock.now().granted_s - 1.0).abs() < 1e-6, "{clock:?}");
    assert!((clock.host_time_in(1.0).as_secs_f64() - 8.001).abs() < 1e-5);
    assert!((clock.demand(Stamp::ZERO).unwrap() - 1.0).abs() < 1e-6, "running and waiting are both demand");
}

#[test]
fn clock_counts_stopped_process_as_stolen() {
    let mut clock = GuestClock::default();
    clock.sample(&[ThreadTime::default()]);
    clock.advance(Stamp::from_secs_f64(10.0));
    clock.on_process_sample(true);
    clock.sample(&[ThreadTime { ran_us: 2_000_000, waited_us: 0 }]);
    assert!((clock.now().granted_s - 2.0).abs() < 1e-6, "{clock:?}");
}

#[test]
fn clock_subtracts_time_stopped_by_the_lab() {
    for (ran, waited, fair) in [(2.0, 0.0, 2.0), (1.0, 1.0, 1.0), (0.0, 0.0, 2.0)] {
        let mut clock = GuestClock::default();
        clock.sample(&[ThreadTime::default()]);
        clock.set_stop_share(0.8);
        clock.advance(Stamp::from_secs_f64(10.0));
        clock.sample(&[ThreadTime { ran_us: (ran * 1e6) as u64, waited_us: (waited * 1e6) as u64 }]);
        assert!((clock.now().granted_s - fair).abs() < 1e-6, "{clock:?}");
        assert!((clock.demand(Stamp::ZERO).unwrap() - (ran + waited) / 2.0).abs() < 1e-6, "{clock:?}");
    }
}

#[test]
fn share_over_covers_its_window() {
    let mut clock = GuestClock::default();
    let mut cpu = ThreadTime::default();
    for second in 1..=10_u32 {
        clock.advance(Stamp::from_secs_f64(f64::from(second)));
        let ran = if second > 6 { 250_000 } else { 1_000_000 };
        cpu.ran_us += ran;
        cpu.waited_us += 1_000_000 - ran;
        clock.sample(&[cpu]);
    }
    assert!((clock.share_over(4.0) - 0.25).abs() < 1e-6);
    assert!((clock.share_over(8.0) - 0.625).abs() < 1e-6);
    assert!((clock.share_over(100.0) - 0.7).abs() < 1e-6);
}

#[test]
fn clock_subtracts_late_timers() {
    let mut clock = GuestClock::default();
    clock.sample(&[ThreadTime::default()]);
    clock.advance(Stamp::from_secs_f64(4.0));
    clock.on_late_timer(Duration::from_secs(3));
    assert_near(clock.now().granted_s, 1.0);
    // The sample at the end of a pause does not grant it after all, whatever share it shows.
    clock.sample(&[times(4.0, 0.0)]);
    assert_near(clock.now().granted_s, 1.0);
    clock.advance(Stamp::from_secs_f64(8.0));
    clock.on_late_timer(Duration::from_secs(2));
    clock.sample(&[times(5.0, 3.0)]);
    assert_near(clock.now().granted_s, 1.5);
}

#[test]
fn clock_is_monotonic() {
    let mut clock = after(2.0, 2.0, 0.0);
    clock.advance(Stamp::from_secs_f64(1.0));
    assert_eq!(clock.now().host, Stamp::from_secs_f64(2.0));
}

/// One vCPU's times in seconds, since the guest began.
fn times(ran: f64, waited: f64) -> ThreadTime {
    ThreadTime { ran_us: (ran * 1e6) as u64, waited_us: (waited * 1e6) as u64 }
}

fn assert_near(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 1e-6, "{actual} instead of {expected}");
}

#[test]
fn clock_sums_all_vcpus() {
    let mut clock = GuestClock::default();
    clock.advance(Stamp::from_secs_f64(2.0));
    clock.sample(&[times(1.0, 0.0), times(1.0, 2.0)]);
    assert_near(clock.now().granted_s, 1.0);
}

#[test]
fn clock_share_is_bounded() {
    for (ran, waited, fair) in [(0.0, 10.0, 0.5), (0.25, 0.25, 10.0), (0.3, 0.3, 5.0), (0.0, 0.0, 10.0)] {
        assert_near(after(10.0, ran, waited).now().granted_s, fair);
    }
}

#[test]
fn clock_uses_the_share_of_each_second() {
    let mut clock = after(1.0, 0.5, 0.5);
    for (second, ran, waited, fair) in [(2.0, 1.5, 0.5, 1.5), (4.0, 2.0, 2.0, 2.0), (5.0, 2.0, 2.0, 3.0)] {
        clock.advance(Stamp::from_secs_f64(second));
        clock.sample(&[times(ran, waited)]);
        assert_near(clock.now().granted_s, fair);
    }
    // Two samples at the same moment change nothing.
    clock.sample(&[times(9.0, 9.0)]);
    assert_near(clock.now().granted_s, 3.0);
}

#[test]
fn clock_remembers_a_stopped_process_for_three_samples() {
    let mut clock = GuestClock::default();
    clock.on_process_sample(true);
    let mut shares = Vec::new();
    for second in 1..=5_u32 {
        let before = clock.now();
        clock.advance(Stamp::from_secs_f64(f64::from(second)));
        clock.sample(&[ThreadTime::default()]);
        clock.on_process_sample(false);
        shares.push(clock.now().granted_since(before));
    }
    for (share, expected) in shares.into_iter().zip([0.05, 0.05, 0.05, 1.0, 1.0]) {
        assert_near(share, expected);
    }
    // What waits in between wants more than it could have had.
    let mut clock = GuestClock::default();
    clock.on_process_sample(true);
    clock.advance(Stamp::from_secs_f64(1.0));
    clock.sample(&[times(0.5, 1.5)]);
    assert_near(clock.now().granted_s, 0.25);
}

#[test]
fn lateness_is_at_most_the_time_since_the_last_sample() {
    let mut clock = after(4.0, 1.0, 3.0);
    clock.on_late_timer(Duration::from_secs(99));
    assert_near(clock.now().granted_s, 1.0);
    clock.advance(Stamp::from_secs_f64(6.0));
    clock.on_late_timer(Duration::from_millis(1500));
    clock.on_late_timer(Duration::from_secs(99));
    assert_near(clock.now().granted_s, 1.0);
}

proptest! {
    /// Steal time and lateness in any order: what is granted is never more than the time for which the lab looked.
    #[test]
    fn lateness_is_never_granted(seconds in prop::collection::vec((0_u32..60, 0.0..1.0_f64, any::<bool>()), 1..20)) {
        let (mut clock, mut at, mut looked, mut total) = (GuestClock::default(), 0.0, 0.0, ThreadTime::default());
        for (late, share, is_sampled) in seconds {
            at += 1.0 + f64::from(late);
            looked += 1.0;
            clock.advance(Stamp::from_secs_f64(at));
            clock.on_late_timer(Duration::from_secs(u64::from(late)));
            let wanted = (1.0 + f64::from(late)) * 1e6;
            total.ran_us += (wanted * share) as u64;
            total.waited_us += (wanted * (1.0 - share)) as u64;
            if is_sampled {
                clock.sample(&[total]);
            }
            prop_assert!(clock.now().granted_s <= looked + 1e-6, "{} of {looked}", clock.now().granted_s);
        }
    }
}

#[test]
fn stop_share_is_bounded() {
    let mut clock = GuestClock::default();
    assert_near(clock.stretch(), 1.0);
    for (share, stretch) in [(0.8, 5.0), (1.0, 20.0), (-1.0, 1.0)] {
        clock.set_stop_share(share);
        assert_near(clock.stretch(), stretch);
    }
}

#[test]
fn stopped_guest_without_demand_is_idle() {
    // It could have had two seconds of ten, and wanted less than a twentieth of them.
    for (ran, waited, fair) in [(0.01, 0.04, 2.0), (0.05, 0.15, 0.5)] {
        let mut clock = GuestClock::default();
        clock.set_stop_share(0.8);
        clock.advance(Stamp::from_secs_f64(10.0));
        clock.sample(&[times(ran, waited)]);
        assert_near(clock.now().granted_s, fair);
    }
}

#[test]
fn demand_covers_its_period() {
    let mut clock = GuestClock::default();
    for (at, wanted) in [(0.0, 0.0), (10.0, 0.0), (20.0, 20.0)] {
        clock.advance(Stamp::from_secs_f64(at));
        clock.sample(&[times(wanted / 2.0, wanted / 2.0)]);
    }
    assert_near(clock.demand(Stamp::ZERO).unwrap(), 1.0);
    assert_near(clock.demand(Stamp::from_secs_f64(10.0)).unwrap(), 2.0);
    assert_eq!(clock.demand(Stamp::from_secs_f64(20.0)), None, "one sample tells nothing");
    assert_eq!(clock.demand(Stamp::from_secs_f64(21.0)), None);
}

#[test]
fn clock_samples_are_bounded() {
    let mut clock = GuestClock::default();
    assert_near(clock.share_over(5.0), 1.0);
    for second in 1..=200_u32 {
        clock.advance(Stamp::from_secs_f64(f64::from(second)));
        clock.sample(&[times(f64::from(second), 0.0)]);
    }
    assert_eq!(clock.samples.len(), MAX_SAMPLES);
    assert_near(clock.share_over(1000.0), 1.0);
}

#[test]
fn host_time_in_is_in_the_future() {
    let clock = after(4.0, 1.0, 3.0);
    assert_near(clock.host_time_in(-1.0).as_secs_f64(), 4.001);
    assert_near(clock.host_time_in(1e9).as_secs_f64(), 1_000_004.001);
    let (early, late) = (GuestClock::default().now(), clock.now());
    assert_near(early.granted_since(late), 0.0);
    assert_near(late.granted_since(early), 1.0);
}
