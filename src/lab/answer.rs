//! The kernel's answer to a sysrq letter or an NMI.

/// Maximum bytes kept of an answer. sysrq-t on a machine with many tasks prints a megabyte.
const MAX_BYTES: usize = 4 << 20;

/// The console bytes since the request.
#[derive(Debug, Default)]
pub(super) struct Answer(Vec<u8>);

impl Answer {
    pub fn push(&mut self, bytes: &[u8]) {
        let room = MAX_BYTES.saturating_sub(self.0.len());
        self.0.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether it contains one of `acks`; if `acks` is empty, whether it is not empty.
    pub fn has_begun(&self, acks: &[&str]) -> bool {
        let text = self.text();
        if acks.is_empty() { !text.is_empty() } else { acks.iter().any(|ack| text.contains(ack)) }
    }

    /// The text without the agent's frames.
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.0);
        text.lines().filter(|line| !line.starts_with("@oomlab ")).map(|line| format!("{line}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_excludes_agent_frames() {
        let mut answer = Answer::default();
        answer.push(b"@oomlab 57 beat t=57012 *0badcafe\r\n");
        assert!(!answer.has_begun(&["sysrq: "]), "{}", answer.text());
        assert!(!answer.has_begun(&[]), "{}", answer.text());
        answer.push(b"[    9.0] sysrq: Show Memory\r\n[    9.0] Mem-Info:\r\n");
        assert!(answer.has_begun(&["sysrq: "]), "{}", answer.text());
        assert!(answer.has_begun(&[]), "{}", answer.text());
        assert_eq!(answer.text(), "[    9.0] sysrq: Show Memory\n[    9.0] Mem-Info:\n");
    }

    #[test]
    fn answer_is_bounded() {
        let mut answer = Answer::default();
        (0..100).for_each(|_| answer.push(&[b'x'; 1 << 20]));
        assert_eq!(answer.text().len(), MAX_BYTES + 1);
    }
}
