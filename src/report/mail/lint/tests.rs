//! Each rule with a hit and a miss.

use super::lint;
use proptest::prelude::*;

/// A draft without a finding.
const CLEAN: &str = "\
To: A Developer <a@example.org>
Cc: linux-mm@kvack.org,
    linux-kernel@vger.kernel.org
Subject: mm, oom: livelock (6.1.176)

Hi,

on Linux 6.1.176 tasks loop in the allocator.

  [    1.185330] hog invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=-1000
  [...]

Kernel:     6.1.176, a package
Config:     attached as config-6.1.176

Not tested: mainline, linux-next, stable releases other than this one.
";

/// A regression without a finding.
fn regression() -> String {
    let cc = "    regressions@lists.linux.dev,\n    stable@vger.kernel.org,\n    linux-kernel@";
    let text = CLEAN.replace("    linux-kernel@", cc).replace("Subject: ", "Subject: [REGRESSION] ");
    text.replace("\nKernel:", "\n#regzbot introduced: 0123456789ab\n\nKernel:")
}

/// The findings as the program prints them, without the file.
fn findings(text: &str) -> Vec<String> {
    lint(text.as_bytes()).iter().map(|finding| format!("{}: {}", finding.line, finding.message)).collect()
}

/// Asserts that a change of a clean draft has one finding, in this line and with these words.
#[track_caller]
fn assert_hit(text: &str, line: usize, words: &str) {
    let found = findings(text);
    let is_it = |found: &String| found.starts_with(&format!("{line}: ")) && found.contains(words);
    assert!(found.len() == 1 && is_it(&found[0]), "{found:#?}");
}

#[track_caller]
fn assert_clean(text: &str) {
    assert_eq!(findings(text), [""; 0]);
}

/// A clean draft with a paragraph more; it begins in line 9.
fn with(paragraph: &str) -> String {
    CLEAN.replacen("allocator.\n", &format!("allocator.\n\n{paragraph}\n"), 1)
}

#[test]
fn clean_drafts_have_no_finding() {
    assert_clean(CLEAN);
    assert_clean(&regression());
}

#[test]
fn headers_are_there() {
    assert_hit(&CLEAN.replace("To: A Developer <a@example.org>\n", ""), 1, "no `To`");
    assert_hit(&CLEAN.replace("<a@example.org>", ""), 1, "no `To`");
    assert_hit(&CLEAN.replace("Subject: mm, oom: livelock (6.1.176)\n", ""), 1, "no `Subject`");
    assert_hit(&CLEAN.replace("mm, oom: livelock (6.1.176)", ""), 4, "is empty");
    assert_hit(&CLEAN.replace("livelock", &"livelock ".repeat(20)), 4, "120 characters");
    assert_hit(&CLEAN.replace("\n\nHi", "\nSubject: x\n\nHi"), 5, "a second `Subject`");
    assert_hit(&CLEAN.replace("\n\nHi", "\nContent-Type: text/html\n\nHi"), 5, "HTML");
    assert_clean(&CLEAN.replace("\n\nHi", "\nContent-Type: text/plain\n\nHi"));
}

#[test]
fn regression_goes_to_its_lists() {
    assert_hit(&regression().replace("    regressions@lists.linux.dev,\n", ""), 5, "regressions@lists.linux.dev");
    let without = regression().replace("    stable@vger.kernel.org,\n", "");
    assert_hit(&without, 5, "stable@vger.kernel.org");
    assert_clean(&without.replace("6.1.176", "7.3.0-rc4"));
    assert_hit(&CLEAN.replace("linux-mm@", "stable@vger.kernel.org, linux-mm@"), 2, "is for regressions");
}

#[test]
fn regzbot_command_is_well_formed_and_alone() {
    assert_hit(&regression().replace("#regzbot introduced: 0123456789ab\n\n", ""), 6, "without `#regzbot introduced");
    assert_hit(&with("#regzbot introduced: 0123456789ab"), 10, "no [REGRESSION]");
    for value in ["v6.1..v6.3-rc1", "0123456789ab..fedcba987654", "next-20261101..next-20261130", "0123456789ab"] {
        assert_clean(&regression().replace("0123456789ab", value));
    }
    for value in ["0123456", "v6.1", "v6.1..", "v6.1...v6.2", "v6.1..v6.1", "xyz", "", "0123456789ab or so"] {
        assert_hit(&regression().replace("0123456789ab", value), 15, "takes a commit");
    }
    assert_hit(&regression().replace("introduced", "^introduced"), 15, "`^introduced`");
    assert_hit(&regression().replace("#regzbot", "text\n#regzbot"), 16, "a paragraph of its own");
    assert_clean(&regression().replace("\n\nKernel", "\n#regzbot title: x\n\nKernel"));
    let second = "\n\n#regzbot introduced: 0123456789ab\n\nKernel";
    assert_hit(&regression().replace("\n\nKernel", second), 17, "a second `introduced`");
    assert_hit(&with("  #regzbot introduced: 0123456789ab"), 10, "an indented command");
}

#[test]
fn tags_of_patches_begin_no_line() {
    assert_hit(&with("Reported-by: A <a@example.org>"), 10, "`Reported-by:`");
    assert_clean(&with("A fix would name it (Fixes: 0123456789ab (\"mm: x\"))."));
}

#[test]
fn characters_are_plain() {
    assert_hit(&with("a\u{1b}[2Jb"), 10, "a control character");
    assert_hit(&with("a\u{202e}b"), 10, "reorders text");
    assert_hit(&CLEAN.replace("livelock", "live\u{202e}lock"), 4, "in a header");
    assert_clean(&with("Jérôme, a\tb"));
    let mut latin = with("Jerome").into_bytes();
    let at = latin.iter().rposition(|byte| *byte == b'J').unwrap();
    latin[at] = 0xe9;
    assert_eq!(lint(&latin)[0].line, 10);
}

#[test]
fn prose_keeps_to_its_columns() {
    let long = "word ".repeat(15);
    assert_hit(&with(long.trim_end()), 10, "74 columns");
    assert_clean(&with(&format!("  {long}{long}")));
    assert_clean(&with(&format!("https://lore.kernel.org/{}", "x".repeat(80))));
    assert_clean(&with(&format!("[1] https://lore.kernel.org/{}", "x".repeat(80))));
    assert_clean(&with(&format!("> {long}{long}\n\nAn answer.")));
    assert_hit(&with(&format!("- entry\n  {long}")), 11, "columns");
    assert_hit(&with(&format!("  {}", "x ".repeat(600))), 10, "998 bytes");
}

#[test]
fn excerpt_of_the_log_is_short() {
    let lines = |count: usize| with(&"  [    1.500000] line\n".repeat(count));
    assert_clean(&lines(24));
    assert_hit(&lines(25), 37, "26 lines of log");
}

#[test]
fn markup_is_none() {
    for (text, words) in [
        ("```", "fence"),
        ("a **bold** word", "emphasis"),
        ("see [it](https://x.org)", "link"),
        ("## Log", "heading"),
        ("a <br> b", "HTML"),
        ("  <div>x</div>", "HTML"),
    ] {
        assert_hit(&with(text), 10, words);
    }
    for text in ["2 ** 3", "char **argv", "a[i](x", "#define X", "a < b and c > d", "  **p = **q;"] {
        assert_clean(&with(text));
    }
}

#[test]
fn answer_stands_below_its_quote() {
    assert_hit(&format!("{CLEAN}\n> quoted\n> more\n"), 18, "top-posting");
    assert_hit(&with("-----Original Message-----"), 10, "top-posting");
    assert_clean(&with("> quoted\n\nAn answer."));
}

#[test]
fn placeholders_are_filled_in() {
    for text in ["TODO: rate", "since <commit>", "It is ???", "  <your name>"] {
        assert_hit(&with(text), 10, "to be filled in");
    }
    assert_hit(&CLEAN.replace("livelock", "<title>"), 4, "to be filled in");
    for text in
        ["A <a@example.org>", "[<80001942>] f", "f <- g > h", "0xXXXX", "TODOS", "   <TASK>", "   </IRQ>", "   <IRQ>"]
    {
        assert_clean(&with(text));
    }
}

#[test]
fn claims_agree_with_what_was_not_tested() {
    for (text, word) in [
        ("It is so on mainline, too.", "`mainline`"),
        ("Also in linux-next.", "`linux-next`"),
        ("The latest stable has it.", "`stable`"),
    ] {
        assert_hit(&with(text), 10, word);
    }
    let reverted = with("Reverting it helps.").replace("mainline, ", "a revert, ");
    assert_hit(&reverted, 10, "line 18 says");
    for text in ["By (\"Revert \"mm: stable\"\").", "It is unstable.", "See stable@vger.kernel.org.", "A regression."] {
        assert_clean(&with(text));
    }
    assert_clean(&with("It began with (\"mm: allocate in\nstable chunks, and revert\nthe rest\")."));
    assert_hit(&with("By (\"mm: one\"), on\nstable as (\"mm: two\") is."), 11, "`stable`");
    assert_clean(&with("It is so on mainline.").replace("mainline, linux-next", "linux-next"));
}

#[test]
fn attachments_have_names() {
    assert_hit(&with("The log is attached."), 10, "without a file name");
    assert_hit(&with("The log of 6.1.176 and v6.1 is attached."), 10, "without a file name");
    assert_clean(&with("The log is attached (dmesg.txt)."));
}

#[test]
fn text_without_headers_is_read() {
    let found = findings("Hi,\n\nTODO\n");
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(findings("").len(), 2);
}

proptest! {
    #[test]
    fn lint_takes_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let lines = bytes.split(|byte| *byte == b'\n').count().max(1);
        for finding in lint(&bytes) {
            prop_assert!((1..=lines).contains(&finding.line), "{finding:?}");
        }
    }
}
