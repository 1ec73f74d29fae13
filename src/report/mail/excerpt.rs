//! The lines of the console that decide: at most 25 of the OOM report, the stuck task and the lines of the verdict.

use super::prose::ascii;
use kmsg::console::{Console, Item, printk};
use kmsg::signature::{Finding, Reader};
use kmsg::trace;
use model::Verdict;

/// Lines of an excerpt, marks of gaps included.
pub(super) const MAX_LINES: usize = 25;

/// Characters of a line: a zone's memory takes more, and what decides stands first.
const MAX_LINE: usize = 170;

/// Frames of the trace of the task that invoked the OOM killer.
const MAX_FRAMES: usize = 10;

/// Lines after the first line of a report of the kernel.
const MAX_REPORT: usize = 18;

/// What stands for lines that are left out.
pub(super) const GAP: &str = "[...]";

/// The lines, indented and in ASCII; none where the console has none of the verdict's.
pub(super) fn excerpt(console: &[u8], verdict: &Verdict) -> Vec<String> {
    let log = Log::read(console);
    let mut wanted = log.oom_report(verdict);
    let own = verdict.lines.iter().filter_map(|line| log.lines.iter().position(|other| other == line));
    let own: Vec<usize> = own.collect();
    if let Some(first) = own.first().filter(|_| wanted.is_empty()) {
        wanted.extend(own.iter().copied().chain(log.report(*first)));
    } else {
        wanted.splice(0..0, own);
    }
    select(&log.lines, &wanted)
}

/// A console: its lines without the agent's frames, and what they say.
struct Log {
    lines: Vec<String>,
    findings: Vec<(usize, Finding)>,
}

impl Log {
    fn read(bytes: &[u8]) -> Self {
        let (mut console, mut items, mut reader) = (Console::default(), Vec::new(), Reader::default());
        console.push(bytes, &mut items);
        console.finish(&mut items);
        let (mut lines, mut findings) = (Vec::new(), Vec::new());
        for item in items {
            let Item::Line(line) = item else { continue };
            let at = lines.len();
            reader.push(at as u64, &line, |message| findings.extend(message.finding.map(|finding| (at, finding))));
            lines.push(line);
        }
        Self { lines, findings }
    }

    /// The deciding lines of the OOM kill of the victim, the most telling first; none without such a kill.
    fn oom_report(&self, verdict: &Verdict) -> Vec<usize> {
        let Some(victim) = &verdict.victim else { return Vec::new() };
        let is_kill = |finding: &Finding| matches!(finding, Finding::OomKilled(task) if task.pid == victim.pid);
        let Some(end) = self.findings.iter().find(|(_, finding)| is_kill(finding)).map(|(at, _)| *at) else {
            return Vec::new();
        };
        let is_start = |(at, finding): &&(usize, Finding)| *at <= end && matches!(finding, Finding::OomInvoked { .. });
        let Some(start) = self.findings.iter().rfind(is_start).map(|(at, _)| *at) else { return vec![end] };
        let between = start + 1..end;
        let text = |at: usize| printk::parse(&self.lines[at]).text;
        let has = |at: &usize, part: &str| text(*at).contains(part);
        let head = between.clone().filter(|at| has(at, "CPU: ") && has(at, " Comm: ")).take(1);
        let zone = between.clone().filter(|at| has(at, " free:") && has(at, " min:") && has(at, " high:"));
        let choice = between.clone().filter(|at| text(*at).starts_with("oom-kill:"));
        // What prints the report stands on top of it.
        let frames = between.filter(|at| trace::frame(text(*at)).is_some());
        let frames = frames.skip_while(|at| !has(at, "out_of_memory")).take(MAX_FRAMES);
        [start, end].into_iter().chain(zone.take(2)).chain(choice.take(1)).chain(head).chain(frames).collect()
    }

    /// A report of the kernel that begins at a line.
    fn report(&self, first: usize) -> Vec<usize> {
        let is_end = |at: &usize| self.lines[*at].contains("---[ end");
        (first + 1..self.lines.len()).take_while(|at| !is_end(at)).take(MAX_REPORT).collect()
    }
}

/// The wanted lines in the order of the console, as many of the first ones as fit.
fn select(lines: &[String], wanted: &[usize]) -> Vec<String> {
    let mut chosen: Vec<usize> = Vec::new();
    for at in wanted {
        if let Err(place) = chosen.binary_search(at) {
            chosen.insert(place, *at);
            if render(lines, &chosen).len() > MAX_LINES {
                chosen.remove(place);
            }
        }
    }
    render(lines, &chosen)
}

fn render(lines: &[String], chosen: &[usize]) -> Vec<String> {
    let mut out = Vec::new();
    for (index, at) in chosen.iter().enumerate() {
        if index > 0 && chosen[index - 1] + 1 != *at {
            out.push(format!("  {GAP}"));
        }
        out.push(format!("  {}", bounded(&lines[*at])));
    }
    out
}

fn bounded(line: &str) -> String {
    let line: String = line.chars().take(MAX_LINE + 1).collect();
    let shown = ascii(line.trim_end());
    if shown.len() <= MAX_LINE { shown } else { format!("{} {GAP}", &shown[..MAX_LINE]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Kind, RuleId, Task};

    fn livelock(lines: &[&str]) -> Verdict {
        let mut verdict = Verdict::new(Kind::OomLivelock, RuleId::CanaryStuck, "stuck");
        verdict.victim = Some(Task { pid: 26, comm: "hog".to_owned() });
        verdict.lines = lines.iter().map(|line| (*line).to_owned()).collect();
        verdict
    }

    const INVOKED: &str = "[    1.000000] dd invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0";
    const KILLED: &str = "[    1.200000] Out of memory: Killed process 26 (hog) total-vm:6228kB";

    #[test]
    fn deciding_lines_of_the_oom_report_are_chosen() {
        let console = format!(
            "[    0.500000] Linux\n@oomlab 3 beat t=1\n{INVOKED}\n[    1.000000] CPU: 0 PID: 9 Comm: dd Not tainted 6.1 #1\n\
             [    1.000000] Call Trace:\n[    1.000000] [<80eb90>] dump_header+0x46/0x194\n[    1.000000] [<804f24>] out_of_memory+0x180/0x190\n\
             [    1.000000] [<806108>] __alloc_pages+0x424/0x52c\n[    1.100000] Mem-Info:\n[    1.100000] active_anon:0\n\
             [    1.100000] DMA32 free:4784kB min:4788kB low:4960kB high:5132kB\n[    1.100000] 8192 pages RAM\n{KILLED}\n[    2.000000] late\n"
        );
        let lines = excerpt(console.as_bytes(), &livelock(&[INVOKED, KILLED]));
        let expected = [
            INVOKED,
            "[    1.000000] CPU: 0 PID: 9 Comm: dd Not tainted 6.1 #1",
            GAP,
            "[    1.000000] [<804f24>] out_of_memory+0x180/0x190",
            "[    1.000000] [<806108>] __alloc_pages+0x424/0x52c",
            GAP,
            "[    1.100000] DMA32 free:4784kB min:4788kB low:4960kB high:5132kB",
            GAP,
            KILLED,
        ];
        assert_eq!(lines, expected.map(|line| format!("  {line}")));
    }

    #[test]
    fn excerpt_is_bounded_and_escaped() {
        let oops = "[    1.000000] BUG: x";
        let more: String = (0..60).map(|n| format!("[    1.100000] \u{1b}[2J{n} {}\n", "x".repeat(500))).collect();
        let mut verdict = livelock(&[oops]);
        verdict.victim = None;
        let lines = excerpt(format!("{oops}\n{more}").as_bytes(), &verdict);
        assert!((10..=MAX_LINES).contains(&lines.len()), "{}", lines.len());
        assert!(lines.iter().all(|line| line.starts_with("  ") && line.len() <= MAX_LINE + 10), "{lines:?}");
        assert!(lines.iter().all(|line| line.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
        assert_eq!(excerpt(b"", &verdict), [""; 0]);
    }
}
