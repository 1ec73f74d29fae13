//! Bisections of the run's failures.

use super::RunPage;
use super::summary::SHORT_COMMIT;
use crate::report::html::link::{Link, anchor};
use crate::report::html::text::phrase;
use model::RunId;

/// A failure that was bisected, or why not.
pub(super) struct RegressionView {
    pub cell: Link,
    /// The commit to blame: its hash, subject, author, and how sure that is.
    pub culprit: Option<[String; 4]>,
    pub why: String,
    /// Ends of the range.
    pub range: String,
    pub session: Option<Link>,
}

pub(super) fn regressions(input: &RunPage<'_>) -> Vec<RegressionView> {
    let view = |regression: &model::Regression| {
        let range = match (&regression.good, &regression.bad) {
            (Some(good), Some(bad)) => {
                let run = regression.good_run.as_ref().map(RunId::as_str);
                let run = run.map(|run| format!(" (run {run})")).unwrap_or_default();
                phrase(&format!("good {}{run}, bad {}", short(good), short(bad)))
            }
            _ => String::new(),
        };
        let culprit = regression.culprit.as_ref().map(|culprit| {
            let confirmed = if culprit.confirmed { ", confirmed" } else { "" };
            let sure = format!("{:.1} %{confirmed}", 100.0 * culprit.probability);
            [phrase(&culprit.commit), phrase(&culprit.subject), phrase(&culprit.author), sure]
        });
        let cell = regression.cell.as_str();
        let session = regression.session.as_deref();
        RegressionView {
            cell: Link { text: phrase(cell), url: Some(format!("#{}", anchor(cell))) },
            culprit,
            why: regression.why.as_deref().map(phrase).unwrap_or_default(),
            range,
            session: session.map(|path| Link { text: phrase(path), url: input.base.url(&format!("{path}/")) }),
        }
    };
    input.run.regressions.iter().map(view).collect()
}

fn short(commit: &str) -> String {
    commit.chars().take(SHORT_COMMIT).collect()
}
