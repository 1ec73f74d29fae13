//! The journal with all its fields, one a line: `journalctl -o export` and `-o verbose`.

use super::{Numbered, is_of_program};

/// Fields that every record has (systemd.journal-fields(7)).
pub(super) const ADDRESSES: [&str; 3] = ["__CURSOR=", "__REALTIME_TIMESTAMP=", "_BOOT_ID="];

/// The record that is being read: of a program's, nothing is passed on.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal {
    message: Option<Numbered>,
    sender: Option<String>,
}

impl Journal {
    /// Takes a field. A blank line ends a record of an export; what is not indented begins one of the verbose form.
    pub fn push(&mut self, line: Numbered, out: &mut Vec<Numbered>) {
        let field = line.text.trim_start();
        let begins = field.is_empty() || field.starts_with(ADDRESSES[0]) || is_head(&line.text);
        if begins {
            self.finish(out);
        }
        if let Some(text) = field.strip_prefix("MESSAGE=") {
            self.message = Some(Numbered { number: line.number, text: text.to_owned() });
        } else if let Some(sender) = field.strip_prefix("SYSLOG_IDENTIFIER=") {
            self.sender = Some(sender.to_owned());
        }
    }

    /// The record has ended.
    pub fn finish(&mut self, out: &mut Vec<Numbered>) {
        let sender = self.sender.take().unwrap_or_else(|| "kernel".to_owned());
        out.extend(self.message.take().filter(|message| !is_of_program(&sender, &message.text)));
    }
}

/// `Tue 2026-11-24 10:00:00.123456 UTC [s=…;i=…]`.
fn is_head(line: &str) -> bool {
    !line.starts_with(' ') && line.ends_with(']') && line.contains(" [s=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_the_kernel_are_passed_on() {
        let export = "__CURSOR=s=1\n_TRANSPORT=kernel\nSYSLOG_IDENTIFIER=kernel\nMESSAGE=a\n\n\
                      __CURSOR=s=2\nMESSAGE=BUG: x\nSYSLOG_IDENTIFIER=sshd\n\n__CURSOR=s=3\nMESSAGE=b";
        let verbose = "Tue 2026-11-24 10:00:00.123456 UTC [s=1;i=2]\n    SYSLOG_IDENTIFIER=kernel\n    MESSAGE=a\n\
                       Tue 2026-11-24 10:00:01.123456 UTC [s=1;i=3]\n    MESSAGE=b\n";
        for (text, numbers) in [(export, [4, 11]), (verbose, [3, 5])] {
            let (mut journal, mut out) = (Journal::default(), Vec::new());
            for (number, line) in (1..).zip(text.lines()) {
                journal.push(Numbered { number, text: line.to_owned() }, &mut out);
            }
            journal.finish(&mut out);
            let found: Vec<_> = out.iter().map(|line| (line.number, line.text.as_str())).collect();
            assert_eq!(found, [(numbers[0], "a"), (numbers[1], "b")]);
        }
    }
}
