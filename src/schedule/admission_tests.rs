use super::super::host_state::Pressure;
use super::*;
use proptest::prelude::*;

fn need(cpus: u32, ram_mib: u64) -> Need {
    Need { cpus, ram_mib, ..Need::default() }
}

fn admission(cpus: u32, ram_mib: u64) -> Admission {
    let reserve_mib = Some(ram_mib / 4);
    Admission::new(Budget { cpus, ram_mib, reserve_mib, jobs: None, guests: u32::MAX })
}

fn active(id: usize, need: Need, resident_mib: u64) -> Active {
    Active { id, need, resident_mib, started_s: 0.0, ends_s: 10.0, is_known: true }
}

fn host(available_mib: u64) -> HostState {
    HostState { available_mib: Some(available_mib), ..HostState::default() }
}

#[test]
fn memory_that_guests_have_not_touched_counts() {
    let mut admission = admission(8, 800);
    admission.take(active(0, need(1, 300), 0));
    assert_eq!(admission.shortage(need(1, 300), &host(1000)), None);
    admission.take(active(1, need(1, 300), 300));
    // The second guest has touched all of it: that is no longer available.
    assert_eq!(admission.shortage(need(1, 200), &host(700)), None);
    assert_eq!(admission.shortage(need(1, 201), &host(700)), Some(Shortage::Busy), "with the reserve");
    admission.touched(0, 300);
    assert_eq!(admission.shortage(need(1, 200), &host(400)), None, "what it has touched is not counted twice");
}

#[test]
fn memory_that_other_programs_take_is_named() {
    let mut admission = admission(8, 800);
    admission.take(active(0, need(1, 300), 100));
    let shortage = admission.shortage(need(1, 300), &host(500)).unwrap();
    assert_eq!(shortage, Shortage::Memory { need: 300, available: 500, outstanding: 200, reserve: 200 });
    let text = "memory: 500 MiB available, 300 MiB needed, 200 MiB for guests that run, 200 MiB kept for the host";
    assert_eq!(shortage.to_string(), text);
    assert!(shortage.is_of_host());
}

#[test]
fn memory_of_the_user_counts_instead_of_what_is_available() {
    let mut admission =
        Admission::new(Budget { cpus: 8, ram_mib: 1000, reserve_mib: None, jobs: None, guests: u32::MAX });
    admission.take(active(0, need(1, 600), 0));
    assert_eq!(admission.shortage(need(1, 400), &host(300)), None);
    assert_eq!(admission.shortage(need(1, 401), &host(99_999)), Some(Shortage::Busy));
    let short = admission.shortage(need(1, 400), &host(100)).unwrap();
    assert!(
        matches!(short, Shortage::Memory { available: 100, .. }),
        "the host is out of memory all the same: {short}"
    );
}

#[test]
fn pressure_holds_all_trials() {
    let admission = admission(8, 800);
    let shortage = |pressure| admission.shortage(need(1, 1), &HostState { pressure, ..host(9999) });
    assert_eq!(shortage(Pressure { memory: 9.9, io: 49.0 }), None);
    let memory = shortage(Pressure { memory: 12.4, ..Pressure::default() }).unwrap();
    assert_eq!(memory.to_string(), "the host: its tasks wait for memory 12 % of the time");
    assert!(matches!(
        shortage(Pressure { io: 50.0, ..Pressure::default() }),
        Some(Shortage::Pressure { on: Stalled::Io, .. })
    ));
}

#[test]
fn disk_space_counts_where_it_is_used() {
    let mut admission = admission(8, 800);
    let writer = Need { record_mib: 50, scratch_mib: 500, ..need(1, 1) };
    let disk = |record, scratch, is_shared| {
        let disk = DiskSpace { record_mib: Some(record), scratch_mib: Some(scratch), is_shared };
        HostState { disk, ..host(9999) }
    };
    assert_eq!(admission.shortage(writer, &disk(306, 756, false)), None);
    assert_eq!(admission.shortage(writer, &disk(806, 0, true)), None);
    let records = Some(Shortage::Disk { place: Place::Records, need: 806, free: 805 });
    assert_eq!(admission.shortage(writer, &disk(805, 0, true)), records);
    let scratch = Some(Shortage::Disk { place: Place::Scratch, need: 756, free: 755 });
    assert_eq!(admission.shortage(writer, &disk(306, 755, false)), scratch);
    admission.take(active(0, writer, 0));
    assert_eq!(admission.shortage(need(1, 1), &disk(306, 0, false)), None, "it writes no disk");
    assert!(admission.shortage(writer, &disk(306, 9999, false)).is_some(), "both have records");
}

#[test]
fn unknown_readings_limit_nothing_but_the_budget() {
    let mut admission = admission(4, 1000);
    let unknown = HostState::default();
    admission.take(active(0, need(1, 600), 0));
    assert_eq!(admission.shortage(need(1, 400), &unknown), None);
    assert_eq!(admission.shortage(need(1, 401), &unknown), Some(Shortage::Busy));
    assert_eq!(admission.shortage(need(4, 10), &unknown), Some(Shortage::Busy));
}

#[test]
fn jobs_and_descriptors_limit_trials() {
    let budget = Budget { cpus: 1, ram_mib: 1000, reserve_mib: None, jobs: Some(20), guests: 2 };
    let mut admission = Admission::new(budget);
    for id in 0..2 {
        assert_eq!(admission.shortage(need(1, 10), &HostState::default()), None);
        admission.take(active(id, need(1, 10), 0));
    }
    assert_eq!(admission.shortage(need(1, 10), &HostState::default()), Some(Shortage::Busy));
    let parallel = |cpus, ram_mib| Budget { jobs: None, cpus: 9, ..budget }.parallel(need(cpus, ram_mib));
    assert_eq!((parallel(1, 10), parallel(9, 10), parallel(1, 600), parallel(99, 9999)), (2, 1, 1, 1));
    let mut admission = Admission::new(Budget { jobs: Some(2), guests: u32::MAX, ..budget });
    admission.take(active(0, need(1, 10), 0));
    assert_eq!(admission.shortage(need(1, 10), &HostState::default()), None, "`--jobs` overrides the CPU limit");
}

#[test]
fn trial_that_exceeds_the_budget_takes_all_of_it() {
    let mut admission = admission(1, 100);
    assert_eq!(admission.shortage(need(8, 999), &HostState::default()), None);
    admission.take(active(0, need(8, 999), 0));
    assert_eq!(admission.shortage(need(1, 1), &HostState::default()), Some(Shortage::Busy));
}

proptest! {
    #[test]
    fn admitted_guests_leave_the_reserve(
        needs in prop::collection::vec((1_u32..4, 1_u64..400, 0_u64..100), 1..40),
        total in 100_u64..2000,
        others in prop::collection::vec(0_u64..1000, 1..40),
    ) {
        let mut admission = admission(64, total * 4 / 5);
        let reserve = admission.budget().reserve_mib.unwrap();
        for (id, (cpus, ram_mib, touched)) in needs.into_iter().enumerate() {
            let resident: u64 = admission.active().iter().map(|active| active.resident_mib).sum();
            let other = others[id % others.len()];
            let available = total.saturating_sub(resident + other);
            if admission.shortage(need(cpus, ram_mib), &host(available)).is_none() {
                admission.take(active(id, need(cpus, ram_mib), 0));
                // When all of them touch all of their memory, the reserve is still there.
                let wanted: u64 = admission.active().iter().map(|active| active.need.ram_mib).sum();
                prop_assert!(wanted - resident + reserve <= available, "{wanted} {resident} {available}");
            }
            if let Some(first) = admission.active().first().copied() {
                admission.touched(first.id, first.need.ram_mib * touched / 100);
            }
        }
    }
}
