//! The durations of builds and trials, estimated from the samples so far.

use super::history::History;
use super::settings::Settings;
use super::trial::Revision;

/// Estimated durations. The model of a build: a constant, and a term for each doubling of the distance in commits to the
/// nearest tree that is built.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    /// Sum in seconds and number of trials; the initial estimate counts as one trial.
    trials: (f64, f64),
    /// Builds as (doublings, seconds); the initial estimate counts as one near and one far build.
    builds: Vec<(f64, f64)>,
    /// Whether revisions need no build.
    no_builds: bool,
    /// For each position, the commits by which it differs from the nearest tree that is built.
    distances: Vec<f64>,
    constant_s: f64,
    per_doubling_s: f64,
}

impl Costs {
    pub fn new(history: &History, settings: &Settings) -> Self {
        let far = doublings(history.len() as f64);
        Self {
            trials: (settings.trial_s, 1.0),
            builds: vec![(doublings(1.0), settings.build_s), (far, settings.build_s)],
            no_builds: settings.build_s == 0.0,
            // Nothing is built yet: the largest distance.
            distances: vec![history.len() as f64; history.len()],
            constant_s: settings.build_s,
            per_doubling_s: 0.0,
        }
    }

    /// Duration of a trial, in seconds.
    pub fn trial_s(&self) -> f64 {
        self.trials.0 / self.trials.1
    }

    /// Duration of a build of the revision at `position`, in seconds.
    pub fn build_s(&self, position: usize) -> f64 {
        if self.no_builds {
            return 0.0;
        }
        (self.constant_s + self.per_doubling_s * doublings(self.distances[position])).max(0.0)
    }

    /// The shortest build, in seconds.
    pub fn min_build_s(&self) -> f64 {
        if self.no_builds { 0.0 } else { (self.constant_s + self.per_doubling_s * doublings(1.0)).max(0.0) }
    }

    /// Adds a trial of a revision that was built before.
    pub fn add_trial(&mut self, seconds: f64) {
        if seconds > 0.0 {
            self.trials = (self.trials.0 + seconds, self.trials.1 + 1.0);
        }
    }

    /// Adds a build; to be called before [`Self::add_tree`].
    pub fn add_build(&mut self, history: &History, revision: Revision, seconds: f64) {
        let distance = history.position(revision).map(|position| self.distances[position]);
        if let Some(distance) = distance.filter(|_| seconds > 0.0 && !self.no_builds) {
            self.builds.push((doublings(distance), seconds));
            self.fit();
        }
    }

    /// The built tree of this revision can be reused from now on.
    pub fn add_tree(&mut self, history: &History, revision: Revision) {
        if self.no_builds {
            return;
        }
        let (size, common) = match history.position(revision) {
            Some(position) => {
                let contained = history.contained(position).into_iter().map(|inside| f64::from(u8::from(inside)));
                (f64::from(history.size(position)), history.sums(&contained.collect::<Vec<_>>()))
            }
            None => (0.0, vec![0.0; history.len()]),
        };
        for (position, (distance, common)) in self.distances.iter_mut().zip(common).enumerate() {
            *distance = distance.min(f64::from(history.size(position)) + size - 2.0 * common);
        }
    }

    /// Least squares through all builds.
    fn fit(&mut self) {
        let count = self.builds.len() as f64;
        let mean_x = self.builds.iter().map(|build| build.0).sum::<f64>() / count;
        let mean_y = self.builds.iter().map(|build| build.1).sum::<f64>() / count;
        let spread: f64 = self.builds.iter().map(|build| (build.0 - mean_x).powi(2)).sum();
        let product: f64 = self.builds.iter().map(|build| (build.0 - mean_x) * (build.1 - mean_y)).sum();
        // A negative slope is noise: near builds are not dearer than far ones.
        self.per_doubling_s = if spread > 0.0 { (product / spread).max(0.0) } else { 0.0 };
        self.constant_s = mean_y - self.per_doubling_s * mean_x;
    }
}

fn doublings(distance: f64) -> f64 {
    (1.0 + distance).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(history: &History) -> Costs {
        Costs::new(history, &Settings { trial_s: 1.0, build_s: 60.0, ..Settings::default() })
    }

    #[test]
    fn equal_builds_keep_a_constant_cost() {
        let history = History::line(100).unwrap();
        let mut costs = costs(&history);
        for revision in [0, 99, 50, 25, 37] {
            costs.add_build(&history, revision, 60.0);
            costs.add_tree(&history, revision);
            costs.add_trial(1.0);
        }
        assert!((costs.build_s(30) - 60.0).abs() < 1e-9 && (costs.build_s(70) - 60.0).abs() < 1e-9);
        assert!((costs.trial_s() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn near_builds_are_estimated_cheaper() {
        let history = History::line(1001).unwrap();
        let mut costs = costs(&history);
        costs.add_tree(&history, 0);
        for revision in [500, 250, 375, 437, 406, 421, 413, 417, 419] {
            let seconds = 20.0 * doublings(costs.distances[revision as usize - 1]);
            costs.add_build(&history, revision, seconds);
            costs.add_tree(&history, revision);
        }
        assert!(costs.build_s(414) < 60.0, "{}", costs.build_s(414));
        assert!(costs.build_s(999) > 120.0, "{}", costs.build_s(999));
    }
}
