//! Where the vCPUs were sampled.

use crate::report::html::text::phrase;
use model::{Profile, Spot};

/// Functions that are shown of each list.
const MAX_FUNCTIONS: usize = 16;

/// The samples of all profiles.
pub(super) struct ProfileView {
    pub samples: u32,
    pub span: String,
    pub functions: Vec<Share>,
    /// Functions on the stacks that were read, and the number of these.
    pub callers: Vec<Share>,
    pub stacks: u32,
}

/// A function, or where else the vCPUs were, and its share of the samples.
pub(super) struct Share {
    pub name: String,
    pub percent: String,
    /// From 0 to 100.
    pub width: String,
}

impl ProfileView {
    pub fn of(profile: &Profile) -> Self {
        let others = [("in user space", profile.user), ("idle", profile.idle)];
        let mut functions = shares(&profile.spots, profile.samples);
        functions.extend(
            others
                .into_iter()
                .filter(|(_, samples)| *samples > 0)
                .map(|(name, samples)| share(name.to_owned(), samples, profile.samples)),
        );
        Self {
            samples: profile.samples,
            span: format!("{:.1} s", profile.span_ms as f64 / 1000.0),
            functions,
            callers: shares(&profile.callers, profile.stacks),
            stacks: profile.stacks,
        }
    }
}

fn shares(spots: &[Spot], of: u32) -> Vec<Share> {
    spots.iter().take(MAX_FUNCTIONS).map(|spot| share(phrase(&spot.symbol), spot.samples, of)).collect()
}

fn share(name: String, samples: u32, of: u32) -> Share {
    let percent = (100.0 * f64::from(samples) / f64::from(of.max(1))).min(100.0);
    Share { name, percent: format!("{percent:.0} %"), width: format!("{percent:.1}") }
}
