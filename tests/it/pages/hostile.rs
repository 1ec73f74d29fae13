//! Text of the guest and of the user stays text, in every place of every page.

use super::sample::{LIVELOCK, expired, histories, livelock, page_of_run, page_of_trial, run, trends, with_quarantine};
use crate::support::browser::Browser;
use crate::support::recorded;

use model::{
    Also, AlsoKind, Artifact, Caveat, Digest, Event, Evidence, Failure, Kind, Profile, Record, RunRecord, Spot, Stamp,
    Subtest, SubtestStatus, Task, TaskFacts, Tasks, TrialRecord,
};
use oomlab::report::html::{Base, HistoryPage, history};
use serde_json::json;
use std::path::Path;

const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "</style></script><img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)\" x=\"",
    "' onfocus='alert(1)' autofocus='",
    "javascript:alert(1)",
    "../../../etc/passwd",
    "//host.example/x",
    "<!-- --> ]]> <![CDATA[ & &amp; &#x3c;",
    "{{ 7 * 7 }} {% raw %} ${7*7} `x`",
    "\u{1b}[2J\u{1b}]0;title\u{7}nul\0nul\u{9b}31m",
    "\u{202e}esrever\u{2066}\u{200f}",
    "#q=x&outcome=hang",
    "line\nbreak\rreturn\ttab",
    "漢字 é \u{301} \u{fffe}",
];

/// Every text of a trial.
fn with_text(mut trial: TrialRecord, text: &str) -> TrialRecord {
    let (verdict, cell) = (&mut trial.verdict, &mut trial.cell);
    verdict.summary = text.to_owned();
    verdict.title = Some(text.to_owned());
    verdict.lines = vec![text.to_owned(); 3];
    verdict.victim = Some(Task { pid: 7, comm: text.to_owned() });
    verdict.task = verdict.victim.clone();
    verdict.evidence = vec![Evidence::OomInvoked { comm: text.to_owned() }];
    verdict.caveats = vec![Caveat::DiscountedReport { line: text.to_owned() }];
    cell.kernel = text.into();
    cell.expect.reason = Some(text.to_owned());
    cell.id = format!("{}{text}", cell.id).as_str().into();
    if let model::Payload::Workload { name, .. } = &mut cell.payload {
        *name = text.into();
    }
    trial.also = vec![Also { kind: AlsoKind::Warning, title: text.to_owned(), count: 2 }];
    trial.subtests =
        vec![Subtest { name: text.to_owned(), ..Subtest::new("", SubtestStatus::Fail) }.with_why(Some(text))];
    trial.kernel_release = Some(text.to_owned());
    trial.kernel_commit = Some(text.to_owned());
    trial.kernel_digest = Some(Digest::new(text));
    trial.started = text.to_owned();
    trial.command.push(text.to_owned());
    trial.artifacts = vec![Artifact { file: text.to_owned(), bytes: 1, sha256: Digest::new(text) }];
    trial
}

fn run_of(text: &str) -> RunRecord {
    let mut run = run();
    run.trials.retain(|trial| trial.trial == 1);
    run.trials = run.trials.into_iter().map(|trial| with_text(livelock(trial), text)).collect();
    run.name = text.to_owned();
    run.id = text.into();
    run.dir = format!("runs/{text}");
    run.started = text.to_owned();
    for regression in &mut run.regressions {
        regression.cell = text.into();
        regression.session = Some(text.to_owned());
        regression.good = Some(text.to_owned());
        let culprit = regression.culprit.as_mut().unwrap();
        (culprit.commit, culprit.subject, culprit.author) = (text.to_owned(), text.to_owned(), text.to_owned());
    }
    run
}

fn trial_of(text: &str) -> String {
    let mut events = recorded::events(LIVELOCK);
    let at = events.last().map_or(Stamp::ZERO, |record| record.at);
    let spots = vec![Spot { symbol: text.to_owned(), samples: 3 }];
    let profile = Profile { samples: 4, stacks: 4, callers: spots.clone(), spots, ..Profile::default() };
    let task = TaskFacts { frames: vec![text.to_owned()], ..TaskFacts::new(7, text, 'D') };
    let tasks = Box::new(Tasks { tasks: vec![task], left_out: 1 });
    let probe = model::Probe::Sysrq('<');
    events.extend(
        [
            Event::Profile { profile },
            Event::Tasks { tasks },
            Event::Probed { probe },
            Event::ProbeFailed { probe, why: text.to_owned() },
        ]
        .map(|event| Record { at, event }),
    );
    page_of_trial(&with_text(recorded::trial(LIVELOCK), text), &events, &format!("{text}\n@oomlab {text}\n"))
}

fn history_of(text: &str) -> String {
    let mut matrix = histories(text, 20);
    for run in &mut matrix.runs {
        (run.id, run.started, run.kernels) = (text.into(), text.to_owned(), text.to_owned());
    }
    for (number, cell) in matrix.cells.iter_mut().enumerate() {
        cell.cell = format!("{text}{number}").as_str().into();
        cell.failure = Some(Failure { kind: Kind::Panic, title: Some(text.to_owned()) });
    }
    history(&HistoryPage { matrices: &[matrix], base: &Base::folder("/runs") })
}

fn pages(text: &str) -> [String; 4] {
    let mut trends = trends();
    for trend in &mut trends {
        trend.cell = text.into();
        trend.failure = Some(Failure { kind: Kind::OomLivelock, title: Some(text.to_owned()) });
    }
    let mut expired = expired();
    (expired.place, expired.title, expired.reason) = (text.to_owned(), Some(text.to_owned()), text.to_owned());
    let run = run_of(text);
    [
        page_of_run(&run, &[]),
        page_of_run(&with_quarantine(run.clone(), &expired), &trends),
        trial_of(text),
        history_of(text),
    ]
}

/// Elements and attributes that no template has, scripts besides the page's own, and links that lead out.
const INJECTED: &str = include_str!("injected.js");

#[test]
fn hostile_text_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let mut browser = Browser::start();
    for text in HOSTILE {
        for page in pages(text) {
            let is_obeyed =
                |c: char| c.is_control() && !matches!(c, '\n' | '\t') || ('\u{200e}'..='\u{200f}').contains(&c);
            assert!(!page.contains(is_obeyed) && !page.contains(['\u{202e}', '\u{2066}']), "{text:?}");
            std::fs::write(&file, page).unwrap();
            browser.open(&file, "");
            browser.eval("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
            assert_eq!(browser.eval(INJECTED), json!([]), "{text:?}");
            assert_eq!(browser.complaints(), [""; 0], "{text:?}");
        }
    }
}

#[test]
fn control_characters_are_visible() {
    let folder = tempfile::tempdir().unwrap();
    let mut browser = Browser::start();
    let text = |browser: &mut Browser, page: &str, file: &Path| {
        std::fs::write(file, page).unwrap();
        browser.open(file, "");
        browser.eval("document.body.textContent").as_str().unwrap().to_owned()
    };
    let file = folder.path().join("report.html");
    for page in pages("a\u{1b}[31mb\0c\u{202e}d") {
        let shown = text(&mut browser, &page, &file);
        assert!(shown.contains(r"a\x1b[31mb\x00c\u{202e}d"), "{shown}");
    }
    // Markup is shown as it was printed.
    for page in pages("<b>&amp;</b>") {
        assert!(text(&mut browser, &page, &file).contains("<b>&amp;</b>"));
    }
}

#[test]
fn policy_blocks_what_is_injected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, page_of_run(&run(), &[])).unwrap();
    let mut browser = Browser::start();
    browser.open(&file, "");
    browser.eval(
        "(() => { const script = document.createElement('script'); script.textContent = 'globalThis.ran = true'; \
         document.body.append(script); const image = new Image(); image.src = 'https://host.example/x.png'; \
         document.body.append(image); document.body.setAttribute('style', 'color: red'); })()",
    );
    assert_eq!(browser.eval("globalThis.ran === undefined"), true);
    assert_ne!(browser.eval("getComputedStyle(document.body).color"), "rgb(255, 0, 0)");
    let complaints = browser.complaints();
    for directive in ["script-src", "default-src", "style-src"] {
        let is_blocked = |text: &String| text.contains("violates") && text.contains(directive);
        assert!(complaints.iter().any(is_blocked), "{directive}: {complaints:?}");
    }
}
