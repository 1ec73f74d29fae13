//! Allocations are stuck.

use crate::trial::{Trial, finish, memory, phrases, profile};
use model::{Caveat, Evidence, Kind, Outcome, Probe, RuleId};

const LOOPING: &[(&str, u32)] = &[("get_page_from_freelist", 60), ("__zone_watermark_ok", 30)];

#[test]
fn stuck_canary_after_kill_is_oom_livelock() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(14, 1.0, 0.0, true);
    assert!(trial.watchdog.verdict().is_none(), "the evidence has not stood long enough");
    trial.seconds(2, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::OomLivelock, Outcome::Hang));
    assert_eq!(verdict.rule, RuleId::CanaryStuck);
    let victim = verdict.victim.unwrap();
    assert_eq!((victim.pid, victim.comm.as_str()), (26, "hog"));
    assert!(verdict.lines[0].contains("invoked oom-killer") && verdict.lines[1].contains("Killed process 26"));
    let onset = verdict.onset.unwrap();
    assert_eq!((onset.host.as_secs_f64(), onset.guest_s), (0.0, Some(0.564737)));
    assert!((verdict.confidence - 0.75).abs() < 1e-6, "no profile: {}", verdict.confidence);
    assert_eq!(verdict.caveats, [Caveat::ProfileMissing]);
}

#[test]
fn probes_ask_the_host_first() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.seconds(16, 1.0, 0.0, true);
    let (probe, sysrq) = ([Probe::Profile, Probe::Memory], Probe::Sysrq('f'));
    assert_eq!(trial.probes, [(4, probe[0]), (4, probe[1]), (8, probe[0]), (8, probe[1]), (12, sysrq)]);
}

#[test]
fn oom_livelock_evidence() {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(profile(LOOPING, &[("__alloc_pages_slowpath", 24)]));
    trial.answers.memory = [memory(4704, 4768, 100), memory(4700, 4768, 100)].into();
    trial.kill();
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::OomLivelock);
    assert!(verdict.caveats.is_empty(), "{:?}", verdict.caveats);
    assert_eq!(
        phrases(&verdict),
        [
            "heartbeat alive, canary stuck for 12 s",
            "vCPU demand 1.00 (run + steal)",
            "60 % get_page_from_freelist, 30 % __zone_watermark_ok, 96 % in callees of __alloc_pages_slowpath (200 samples in 4.0 s)",
            "free 4700 KiB ≤ min watermark 4768 KiB",
        ]
    );
    assert!((verdict.confidence - 0.95).abs() < 1e-6);
}

#[test]
fn page_allocation_stalls_are_evidence() {
    for line in [
        "page allocation stall for 10 secs: order:0, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
        "page allocation stalls for 10016ms, order:0, mode:0xcc0(GFP_KERNEL)",
    ] {
        let mut trial = Trial::booted();
        trial.kill();
        trial.line(&format!("[    9.000000] hog: {line}"));
        trial.line(&format!("[   19.000000] hog: {line}"));
        trial.until_verdict(20, 1.0, 0.0, true);
        assert!(
            trial.verdict().evidence.contains(&Evidence::AllocationStalls { count: 2 }),
            "{line}: {:?}",
            trial.verdict()
        );
    }
}

#[test]
fn free_memory_lowers_confidence() {
    let confidence = |free_kib| {
        let mut trial = Trial::booted();
        trial.answers.memory = [memory(free_kib, 1000, 100)].into();
        trial.kill();
        trial.until_verdict(20, 1.0, 0.0, true);
        let verdict = trial.verdict();
        (verdict.kind, verdict.confidence, verdict.caveats.len(), verdict.evidence.len())
    };
    let (low, middle, high) = (confidence(1000), confidence(1500), confidence(1501));
    assert_eq!((low.0, middle.0, high.0), (Kind::OomLivelock, Kind::OomLivelock, Kind::OomLivelock));
    assert!(low.1 > middle.1 && middle.1 > high.1, "{low:?} {middle:?} {high:?}");
    assert_eq!((low.2, middle.2, high.2), (1, 1, 2));
    assert_eq!((low.3, middle.3, high.3), (3, 3, 2));
}

#[test]
fn sysrq_f_proves_oom_livelock() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.answers.sysrq.insert(
        'f',
        vec![
            "[   12.000000] sysrq: Manual OOM execution".to_owned(),
            "[   12.100000] Out of memory: Killed process 27 (hog) total-vm:6228kB".to_owned(),
        ],
    );
    trial.recovers = true;
    let seconds = trial.until_verdict(20, 1.0, 0.0, true);
    assert_eq!(seconds, 12, "proven, it waits no longer");
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.victim.as_ref().map(|task| task.pid)), (Kind::OomLivelock, Some(26)));
    assert!(verdict.confidence > 0.98);
    assert_eq!(trial.watchdog.oom_kills(), 1, "the lab's own is not the guest's");
    let proof = Evidence::ManualOomKill { killed_pid: Some(27), canary_recovered: true, workload_finished: false };
    assert_eq!(verdict.evidence.last(), Some(&proof));
}

#[test]
fn oom_kill_is_counted_once() {
    let mut trial = Trial::booted();
    trial.beat.oom_kills = 1;
    trial.second(1.0, 0.0, true);
    assert_eq!(trial.watchdog.oom_kills(), 1);
    trial.kill();
    assert_eq!(trial.watchdog.oom_kills(), 1);
    trial.kill();
    assert_eq!(trial.watchdog.oom_kills(), 2);
}

#[test]
fn recovering_canary_is_unproven() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.recovers = true;
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Unproven, Outcome::Inconclusive));
    assert!(verdict.summary.contains("oom-livelock"));
}

#[test]
fn sysrq_f_without_effect_keeps_the_verdict() {
    for (line, killed_pid) in
        [("sysrq: Manual OOM execution", None), ("Out of memory: Killed process 27 (hog) total-vm:1kB", Some(27))]
    {
        let mut trial = Trial::booted();
        trial.kill();
        trial.answers.sysrq.insert('f', vec![line.to_owned()]);
        assert_eq!(trial.until_verdict(20, 1.0, 0.0, true), 15);
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.victim.unwrap().pid), (Kind::OomLivelock, 26));
        assert_eq!(
            verdict.evidence.last(),
            Some(&Evidence::ManualOomKill { killed_pid, canary_recovered: false, workload_finished: false })
        );
    }
}

#[test]
fn sysrq_f_is_skipped_for_exited_guest() {
    let mut deaf = Trial::booted();
    deaf.kill();
    deaf.answers.unasked = Some("no serial line".to_owned());
    assert_eq!(deaf.until_verdict(20, 1.0, 0.0, true), 12);
    assert_eq!(deaf.verdict().kind, Kind::OomLivelock);

    let mut gone = Trial::booted();
    gone.kill();
    gone.seconds(13, 1.0, 0.0, true);
    assert!(gone.watchdog.verdict().is_none());
    gone.exit(Some(0), None);
    assert_eq!(gone.verdict().kind, Kind::OomLivelock, "it died of the question, not of itself");
}

#[test]
fn stuck_canary_without_kill_is_silent_stall() {
    let mut trial = Trial::booted();
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::SilentStall);
    assert!(verdict.victim.is_none());
}

#[test]
fn storage_allocation_is_silent_stall() {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(profile(&[("shrink_lruvec", 90)], &[("ext4_da_write_begin", 20)]));
    trial.answers.memory = [memory(100, 200, 5000), memory(100, 200, 5000)].into();
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::SilentStall);
    assert!(verdict.summary.contains("file system"));
}

#[test]
fn unchanged_lru_is_reclaim_livelock() {
    for (lru, kind) in [(5000, Kind::ReclaimLivelock), (4000, Kind::SilentStall)] {
        let mut trial = Trial::booted();
        trial.answers.profile = Some(profile(&[("shrink_lruvec", 55), ("isolate_lru_folios", 35)], &[]));
        trial.answers.memory = [memory(100, 200, 5000), memory(100, 200, lru)].into();
        trial.until_verdict(20, 1.0, 0.0, true);
        assert_eq!(trial.verdict().kind, kind, "LRU 5000 KiB, then {lru} KiB");
    }
    let mut nothing = Trial::booted();
    nothing.answers.profile = Some(profile(&[("shrink_lruvec", 90)], &[]));
    let mut pinned = memory(100, 200, 0);
    pinned.lru_kib.push(("unevictable".to_owned(), 5000));
    nothing.answers.memory = [pinned.clone(), pinned].into();
    nothing.until_verdict(20, 1.0, 0.0, true);
    assert_eq!(nothing.verdict().kind, Kind::SilentStall, "there was nothing to reclaim");
    let mut once = Trial::booted();
    once.answers.profile = Some(profile(&[("shrink_lruvec", 90)], &[]));
    once.until_verdict(20, 1.0, 0.0, true);
    assert_eq!(once.verdict().kind, Kind::SilentStall, "whether the lists stand still is not known");
}

#[test]
fn early_kill_is_reclaim_livelock() {
    for (healthy_s, kind) in [(2, Kind::OomLivelock), (8, Kind::ReclaimLivelock)] {
        let mut trial = Trial::booted();
        trial.kill();
        for _ in 0..healthy_s {
            trial.beat.canary_rounds += 1;
            trial.second(1.0, 0.0, true);
        }
        trial.answers.profile = Some(profile(&[("shrink_lruvec", 90)], &[]));
        trial.answers.memory = [memory(100, 200, 5000), memory(100, 200, 5000)].into();
        trial.until_verdict(20, 1.0, 0.0, true);
        assert_eq!(trial.verdict().kind, kind);
    }
}

#[test]
fn oom_killer_without_kill_is_oom_livelock() {
    let mut trial = Trial::booted();
    trial.line("[    0.560000] cc1 invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!(verdict.kind, Kind::OomLivelock);
    assert!(verdict.summary.contains("cc1") && verdict.victim.is_none());
}

#[test]
fn user_space_load_is_unproven() {
    let mut trial = Trial::booted();
    trial.kill();
    let mut busy = profile(&[("get_page_from_freelist", 40)], &[]);
    busy.user = 60;
    trial.answers.profile = Some(busy);
    trial.until_verdict(20, 1.0, 0.0, true);
    assert_eq!(trial.verdict().kind, Kind::Unproven);
}

#[test]
fn profile_elsewhere_and_reaped_victim_are_caveats() {
    let mut trial = Trial::booted();
    trial.answers.profile = Some(profile(&[("memcpy", 90)], &[]));
    trial.kill();
    trial.line("oom_reaper: reaped process 26 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
    trial.until_verdict(20, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.caveats.len()), (Kind::OomLivelock, 2));
    assert!(
        matches!(&verdict.caveats[0], Caveat::ProfileElsewhere(profile) if profile.functions[0].symbol == "memcpy")
    );
    assert_eq!(verdict.caveats[1], Caveat::OomReaped { pid: 26 });
    assert!((verdict.confidence - 0.55).abs() < 1e-6, "{}", verdict.confidence);
}

fn asleep(frames: &str) -> Trial {
    let mut trial = Trial::booted();
    trial.kill();
    let mut lines = vec!["[    8.100000] sysrq: Show Blocked State".to_owned()];
    lines.push(
        "[    8.100000] task:dd              state:D stack:    0 pid:   31 ppid:     1 flags:0x00000000".to_owned(),
    );
    lines.extend(frames.split_whitespace().map(|frame| format!("[    8.100000]  {frame}+0x10/0x20")));
    trial.answers.sysrq.insert('w', lines);
    assert_eq!(trial.until_verdict(20, 0.02, 0.0, true), 12, "sysrq-f would prove nothing here");
    trial
}

#[test]
fn blocked_tasks_decide_the_deadlock_kind() {
    for (frames, kind) in [
        ("schedule io_schedule_timeout reclaim_throttle shrink_node __alloc_pages_slowpath", Kind::ReclaimDeadlock),
        ("schedule too_many_isolated shrink_inactive_list", Kind::ReclaimDeadlock),
        ("schedule rwsem_down_write_slowpath do_exit", Kind::LockDeadlock),
        ("schedule __mutex_lock shrink_slab __alloc_pages_slowpath", Kind::ReclaimDeadlock),
    ] {
        let trial = asleep(frames);
        let verdict = trial.verdict();
        assert_eq!(verdict.kind, kind, "{frames}");
        assert_eq!(verdict.task.as_ref().map(|task| (task.pid, task.comm.as_str())), Some((31, "dd")));
        let shown =
            phrases(&verdict).into_iter().any(|phrase| phrase.starts_with("pid 31 (dd) blocked in schedule < "));
        assert!(shown, "{:?}", verdict.evidence);
        assert!(trial.probes.contains(&(8, Probe::Sysrq('w'))));
    }
}

#[test]
fn stuck_canary_on_idle_cpu_is_deadlock() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.until_verdict(20, 0.02, 0.0, true);
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.task), (Kind::ReclaimDeadlock, None));
}

#[test]
fn oops_after_sysrq_is_ignored() {
    let oops = "[    8.200000] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010";
    let mut trial = Trial::booted();
    trial.kill();
    trial.answers.sysrq.insert('w', vec!["sysrq: Show Blocked State".to_owned(), oops.to_owned()]);
    trial.seconds(9, 0.02, 0.0, true);
    trial.power_off();
    let verdict = trial.verdict();
    assert_eq!((verdict.kind, verdict.outcome()), (Kind::Unproven, Outcome::Inconclusive), "{verdict:?}");

    let mut later = Trial::booted();
    later.kill();
    later.answers.sysrq.insert('w', vec!["sysrq: Show Blocked State".to_owned()]);
    later.seconds(9, 0.02, 0.0, true);
    for _ in 0..6 {
        later.beat.canary_rounds += 1;
        later.second(0.02, 0.0, true);
    }
    later.line(oops);
    later.seconds(4, 0.02, 0.0, true);
    assert_eq!(later.verdict().kind, Kind::Oops, "long after the question it is the guest's own");
}

#[test]
fn intermittent_canary_is_not_stuck() {
    let mut trial = Trial::booted();
    for second in 0..50 {
        trial.beat.canary_rounds += u64::from(second % 9 == 0);
        trial.second(1.0, 0.0, true);
    }
    assert!(trial.watchdog.verdict().is_none());
    trial.frame(finish(0));
    trial.power_off();
    assert_eq!(trial.verdict().kind, Kind::Finished);
}

#[test]
fn evidence_starts_at_the_last_progress() {
    let mut trial = Trial::booted();
    trial.kill();
    trial.answers.profile = Some(profile(&[("shrink_lruvec", 90)], &[]));
    trial.seconds(9, 1.0, 0.0, true);
    trial.beat.canary_rounds += 1;
    trial.answers.profile = Some(profile(LOOPING, &[]));
    trial.until_verdict(30, 1.0, 0.0, true);
    let verdict = trial.verdict();
    assert!(
        phrases(&verdict)[2].starts_with("60 % get_page_from_freelist, 30 % __zone_watermark_ok (200"),
        "{verdict:?}"
    );
    assert_eq!(trial.probes.iter().filter(|(_, probe)| *probe == Probe::Profile).count(), 4);
}

#[test]
fn workload_progress_prevents_canary_stuck() {
    let mut trial = Trial::booted();
    for _ in 0..30 {
        trial.beat.units += 1;
        trial.second(1.0, 0.0, true);
    }
    assert!(trial.watchdog.verdict().is_none());
    assert!(trial.probes.is_empty());
}

#[test]
fn thrash_needs_late_canary_rounds() {
    for (late_ms, reclaim, kind) in
        [(900, 100, Kind::Thrash), (900, 0, Kind::Finished), (150, 100, Kind::Finished), (0, 100, Kind::Finished)]
    {
        let mut trial = Trial::booted();
        for _ in 0..10 {
            trial.second(0.5, 0.0, true);
            trial.beat.canary_rounds += 1;
            trial.beat.canary_late_ms += late_ms;
            trial.beat.reclaim += reclaim;
            trial.beat.units += 1;
            trial.second(0.5, 0.0, true);
        }
        trial.frame(finish(0));
        trial.power_off();
        let verdict = trial.verdict();
        assert_eq!((verdict.kind, verdict.outcome()), (kind, Outcome::Pass), "{late_ms} {reclaim}");
    }
}
