//! Reports of the kernel that are no verdict by themselves.

use kmsg::console::printk::Printk;
use kmsg::signature::{self, Classification, Repeated, Report};
use model::{Also, AlsoKind};

/// Whether a report of one of these sorts begins with this message.
pub(super) fn begins(sorts: &[AlsoKind], message: &Printk<'_>) -> bool {
    // Without `fail_on`, no line is searched again.
    !sorts.is_empty()
        && !message.of_program
        && signature::begins(message.text).and_then(AlsoKind::of).is_some_and(|kind| sorts.contains(&kind))
}

/// The first report of one of these sorts.
pub(super) fn first<'c>(found: &'c Classification, sorts: &[AlsoKind]) -> Option<&'c Report> {
    unprovoked(found).find(|(kind, _)| sorts.contains(kind)).map(|(_, known)| &known.report)
}

/// All of them but the one with the verdict's `own` title, the gravest first; at most [`Also::MAX`].
pub(super) fn beside(found: &Classification, own: Option<&str>) -> Vec<Also> {
    let others = unprovoked(found).filter(|(_, known)| own != Some(known.report.title.as_str()));
    let mut reports: Vec<Also> =
        others.map(|(kind, known)| Also { kind, title: known.report.title.clone(), count: known.count }).collect();
    reports.sort_by_key(|also| also.kind);
    reports.truncate(Also::MAX);
    reports
}

/// Reports that were not provoked, in console order.
fn unprovoked(found: &Classification) -> impl Iterator<Item = (AlsoKind, &Repeated)> {
    let reports = found.reports.iter().filter(|known| !known.report.provoked);
    reports.filter_map(|known| Some((AlsoKind::of(known.report.kind)?, known)))
}
