//! `fail_on` of a matrix, and `--fail-on` of a command line.

use super::fields::unknown;
use crate::diagnostic::{Findings, Text, did_you_mean, listed};
use model::AlsoKind;

/// A word that is no report which a trial can fail on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown report `{word}`: {}there are {}", hint(word), listed(words()))]
pub struct UnknownReport {
    /// The word.
    pub word: String,
}

fn words() -> impl Iterator<Item = &'static str> {
    AlsoKind::ALL.iter().map(|kind| kind.as_str())
}

fn hint(word: &str) -> String {
    did_you_mean(word, words()).map(|question| question + " ").unwrap_or_default()
}

/// The reports of a matrix, each once, the gravest first.
pub(super) fn resolve(texts: &[Text], findings: &mut Findings<'_>) -> Vec<AlsoKind> {
    let mut kinds = Vec::new();
    for text in texts {
        match AlsoKind::from_word(&text.value) {
            Some(kind) => kinds.push(kind),
            None => {
                unknown(findings, text, format!("unknown report `{}`", text.value), words())
                    .help(format!("there are {}", listed(words())));
            }
        }
    }
    each_once(kinds)
}

/// The reports of a command line, each once, the gravest first; a word may be a list with commas.
///
/// # Errors
/// The first one that is unknown.
pub fn fail_on<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Vec<AlsoKind>, UnknownReport> {
    let words = texts.into_iter().flat_map(|text| text.split(','));
    let kind = |word: &str| AlsoKind::from_word(word).ok_or_else(|| UnknownReport { word: word.to_owned() });
    words.map(kind).collect::<Result<_, _>>().map(each_once)
}

fn each_once(mut kinds: Vec<AlsoKind>) -> Vec<AlsoKind> {
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_a_command_line() {
        use AlsoKind::{Lockdep, Warning};
        assert_eq!(fail_on(["warning,lockdep", "warning"]), Ok(vec![Lockdep, Warning]));
        assert_eq!(fail_on([]), Ok(Vec::new()));
        let wrong = fail_on(["warnings"]).unwrap_err().to_string();
        assert!(wrong.starts_with("unknown report `warnings`: did you mean `warning`? there are `oops`, "), "{wrong}");
        // It gives a verdict by itself.
        assert!(fail_on(["panic"]).is_err());
    }
}
