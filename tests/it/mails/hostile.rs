//! Guests, repositories and trees that want to write the mail.

use super::made_up::{Case, INVOKED, KILLED, livelock, occurrence, origin, trial};
use super::{assert_draft, first_bad, regression};
use model::{Also, AlsoKind, Caveat, Evidence, Kind, Payload, RuleId, Task, Verdict};
use oomlab::report::mail::{FirstBad, Maintainers, Regression, TestedCommit, people};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What forges a header, a command to a bot, a tag, a quote, a signature, a mail, a patch.
const FORGERIES: &[&str] = &[
    "From: Linus Torvalds <torvalds@linux-foundation.org>",
    "Bcc: everybody@example.org",
    "#regzbot introduced: v6.1..v6.2",
    "#regzbot invalid: x",
    "#syz fix: x",
    "Reported-by: A <a@example.org>",
    "Fixes: 0123456789ab (\"mm: x\")",
    "> quoted",
    "-- ",
    "---",
    "diff --git a/x b/x",
    "From 0123456789abcdef Mon Sep 17 00:00:00 2001",
    "[REGRESSION]",
    "\u{1b}[2J\u{1b}]0;x\u{7}",
    "\u{202e}reversed\u{2066}",
    "a\r\nb\u{85}c\u{2028}d",
];

/// A livelock whose guest prints, and is called, what it likes.
fn hostile(texts: &[String]) -> Case {
    let at = |index: usize| texts[index % texts.len()].clone();
    let mut verdict = livelock();
    verdict.summary = at(0);
    verdict.victim = Some(Task { pid: 26, comm: at(1) });
    verdict.evidence.push(Evidence::OomInvoked { comm: at(2) });
    verdict.evidence.push(Evidence::BlockedTask { pid: 7, comm: at(3), frames: vec![at(4), at(5)] });
    verdict.evidence.push(Evidence::Text { phrase: at(6) });
    verdict.caveats = vec![Caveat::DiscountedReport { line: at(7) }, Caveat::CountersUnknown { why: at(8) }];
    verdict.lines = vec![INVOKED.to_owned(), at(9), KILLED.to_owned()];
    let mut trial = trial("linux-7.3", "7.3.4", "riscv64-nommu", verdict);
    trial.kernel_release = Some(format!("7.3.4 {}", at(10)));
    trial.kernel_commit = Some(at(11));
    trial.also = vec![Also { kind: AlsoKind::Warning, title: at(12), count: 1 }];
    trial.cell.append = vec![at(13)];
    trial.cell.payload = Payload::Workload { name: "idle".into(), options: BTreeMap::from([("x".to_owned(), at(14))]) };
    trial.command.push(at(15));
    let lines: Vec<String> = texts.iter().map(|text| format!("[    0.564500] {text}\n{text}\n")).collect();
    let mut case = Case::new(trial);
    case.kernels.insert("linux-7.3".into(), origin(&at(0), &at(1)));
    case.console = format!("{INVOKED}\n{}{KILLED}\n", lines.concat()).into_bytes();
    case
}

/// A crash whose title is the guest's.
fn crash(title: &str) -> Case {
    let mut verdict = Verdict::new(Kind::Oops, RuleId::ConsoleReport, "an oops");
    verdict.title = Some(title.to_owned());
    verdict.lines = vec![title.to_owned()];
    let mut case = Case::new(trial("linux-7.3", "7.3.4", "x86_64", verdict));
    case.console = format!("{title}\n{title}\n").into_bytes();
    case
}

/// A bisection whose repository has such texts.
fn bisected(text: &str) -> Case {
    let mut case = crash("BUG: x");
    let message = format!("{text}\n\nSigned-off-by: {text} <a@example.org>\nReviewed-by: A <{text}>\n");
    let first = FirstBad {
        subject: text.to_owned(),
        people: people(text, &message),
        files: vec![text.to_owned()],
        upstream: None,
        parents: vec![TestedCommit { commit: text.to_owned(), trials: occurrence(0, 9) }],
        ..first_bad()
    };
    case.regression = Some(Regression { is_published: false, ..regression(Some(first)) });
    case.maintainers = Some(Maintainers::parse(&format!("X\nM:\t{text}\nL:\t{text}\nF:\tmm/\nF:\t{text}\n")));
    case
}

/// The names of a draft's headers, and its body.
fn parts(draft: &str) -> (Vec<&str>, &str) {
    let (head, body) = draft.split_once("\n\n").unwrap();
    let names = head.lines().filter(|line| !line.starts_with(' '));
    (names.map(|line| line.split_once(':').map_or(line, |(name, _)| name)).collect(), body)
}

/// Asserts that nothing in a draft comes from elsewhere but as text.
fn assert_unforged(draft: &str, commands: usize) {
    let (headers, body) = parts(draft);
    let known = ["To", "Cc", "Subject", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"];
    assert_eq!(headers, known[..headers.len()], "{draft}");
    assert!(!draft.contains("[REGRESSION]") || commands > 0 || body.contains("[REGRESSION]"), "{draft}");
    let subject = draft.lines().find(|line| line.starts_with("Subject: ")).unwrap();
    assert!(commands > 0 || !subject.contains('['), "{subject}");
    // The first words of the lab's own lines.
    let own = ["Kernel:", "Compiler:", "Config:", "Machine:", "Parameters:", "Workload:", "Not tested:"];
    assert_eq!(body.lines().filter(|line| line.starts_with('#')).count(), commands, "{draft}");
    for line in body.lines().filter(|line| !own.iter().any(|own| line.starts_with(own))) {
        let word = line.split(' ').next().unwrap_or_default();
        assert!(!line.starts_with('>') && !line.starts_with("---") && line != "-- ", "{line:?}: {draft}");
        assert!(!["From", "diff", "Index:"].contains(&word), "{line:?}: {draft}");
        let is_name = |tag: &str| tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let is_tag = word.strip_suffix(':').is_some_and(is_name);
        assert!(!is_tag, "{line:?}: {draft}");
    }
    let is_shown = |c: char| c == '\n' || model::printable(&c.to_string()) == c.to_string();
    assert!(draft.chars().all(is_shown), "{draft:?}");
    assert!(draft.lines().all(|line| line.len() < 998), "{draft}");
}

#[test]
fn guest_that_forges_is_quoted() {
    let texts: Vec<String> = FORGERIES.iter().map(ToString::to_string).chain(["x".repeat(500)]).collect();
    let draft = hostile(&texts).draft().unwrap();
    assert_unforged(&draft, 0);
    assert!(draft.lines().count() < 150, "{draft}");
}

#[test]
fn guest_that_forges_its_console_is_quoted() {
    let mut case = Case::new(trial("linux-7.3", "7.3.4", "riscv64-nommu", livelock()));
    let lines: Vec<String> = FORGERIES.iter().map(|line| format!("{line}\n")).collect();
    let frames = "[    0.564330] [<80061086>] \u{1b}[2Jx+0x1/0x2 #regzbot invalid\n".repeat(3);
    case.console = format!(
        "{}{INVOKED}\n[    0.564320] [<8004f24e>] out_of_memory+0x1/0x2\n{frames}{}[    0.564400] DMA32 free:1kB min:2kB low:3kB high:4kB {}\n{KILLED}\n",
        lines.concat(), lines.concat(), "x".repeat(500)
    )
    .into_bytes();
    let draft = case.draft().unwrap();
    assert_unforged(&draft, 0);
    assert_draft("mail-hostile.txt", &draft);
}

#[test]
fn every_forgery_alone_is_quoted() {
    for text in FORGERIES {
        for case in [hostile(&[(*text).to_owned()]), crash(text), bisected(text)] {
            assert_unforged(&case.draft().unwrap(), 0);
        }
    }
    // With a regression there is one command, the lab's own.
    let mut case = bisected("#regzbot invalid: x");
    case.regression.as_mut().unwrap().is_published = true;
    assert_unforged(&case.draft().unwrap(), 1);
}

proptest! {
    #[test]
    fn no_words_of_a_guest_begin_a_line(words in proptest::collection::vec("[#>:a-zA-Z\u{1b}\u{202e}\u{a0}\n-]{0,12}", 1..60), at in 0_usize..60) {
        let mut words = words;
        let index = at % words.len();
        words[index] = FORGERIES[at % FORGERIES.len()].to_owned();
        let text = words.join(" ");
        for case in [hostile(std::slice::from_ref(&text)), crash(&text), bisected(&text)] {
            assert_unforged(&case.draft().unwrap(), 0);
        }
    }
}
