//! Revisions that cannot be tried, and the chance that their neighbours cannot either.

use super::history::History;

/// The chance that the neighbour of an untestable revision is untestable too, for the first of a run. Each further one of
/// the run doubles the chance and its reach: a broken range may be long.
const FIRST_CHANCE: f64 = 0.1;
/// The highest such chance.
const MAX_CHANCE: f64 = 0.9;
/// How many reaches are considered; at the first the chance has halved.
const REACHES: u32 = 4;

/// The untestable revisions of a history.
#[derive(Debug, Clone)]
pub(super) struct Breakage {
    broken: Vec<bool>,
    /// For each position whose state is unknown, the chance that it is untestable.
    chances: Vec<f64>,
    /// Untestable revisions since the last successful build.
    run: u32,
}

impl Breakage {
    pub fn new(history: &History) -> Self {
        Self { broken: vec![false; history.len()], chances: vec![0.0; history.len()], run: 0 }
    }

    /// A build succeeded.
    pub fn end_run(&mut self) {
        self.run = 0;
    }

    pub fn mark_broken(&mut self, history: &History, position: usize) {
        if std::mem::replace(&mut self.broken[position], true) {
            return;
        }
        let reach = 1_u32 << self.run.min(16);
        let max = (FIRST_CHANCE * f64::from(reach)).min(MAX_CHANCE);
        self.run += 1;
        let mut seen = vec![false; self.broken.len()];
        seen[position] = true;
        let mut ring = vec![position];
        for distance in 1..=reach * REACHES {
            let chance = max / (1.0 + f64::from(distance - 1) / f64::from(reach));
            ring = ring
                .iter()
                .flat_map(|at| history.neighbours(*at))
                .filter(|at| !std::mem::replace(&mut seen[*at], true))
                .collect();
            ring.iter().for_each(|at| self.chances[*at] = self.chances[*at].max(chance));
            if ring.is_empty() {
                break;
            }
        }
    }

    pub fn is_broken(&self, position: usize) -> bool {
        self.broken[position]
    }

    pub fn any(&self) -> bool {
        self.broken.contains(&true)
    }

    /// The chance that a revision is untestable.
    pub fn chance(&self, position: usize) -> f64 {
        self.chances[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breakage_spreads_further_along_a_run() {
        let history = History::line(101).unwrap();
        let mut breakage = Breakage::new(&history);
        breakage.mark_broken(&history, 50);
        assert!(breakage.is_broken(50) && !breakage.is_broken(51));
        assert_eq!((breakage.chance(51), breakage.chance(49)), (0.1, 0.1));
        assert_eq!((breakage.chance(54), breakage.chance(56)), (0.025, 0.0));
        breakage.mark_broken(&history, 51);
        breakage.mark_broken(&history, 52);
        assert!(breakage.chance(60) > 0.1);
        breakage.end_run();
        breakage.mark_broken(&history, 10);
        assert_eq!((breakage.chance(11), breakage.chance(15)), (0.1, 0.0));
    }
}
