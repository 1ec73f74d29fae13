//! Revisions that cannot be tried, and how likely their neighbours cannot either.

use super::history::History;

/// The chance that the neighbour of a revision that cannot be tried cannot either, if it is the first in a row. Each
/// further one in a row doubles it, and how far it reaches: what is broken may be broken for long.
const FIRST_CHANCE: f64 = 0.1;
/// The highest such chance.
const MOST: f64 = 0.9;
/// How many reaches are looked at; at the first the chance has halved.
const REACHES: u32 = 4;

/// Where revisions cannot be tried.
#[derive(Debug, Clone)]
pub(super) struct Breakage {
    broken: Vec<bool>,
    /// The chance of each position to be broken too, of what is not known to be.
    chances: Vec<f64>,
    /// Broken ones since one was built.
    row: u32,
}

impl Breakage {
    pub fn new(history: &History) -> Self {
        Self { broken: vec![false; history.len()], chances: vec![0.0; history.len()], row: 0 }
    }

    pub fn built(&mut self) {
        self.row = 0;
    }

    pub fn broke(&mut self, history: &History, position: usize) {
        if std::mem::replace(&mut self.broken[position], true) {
            return;
        }
        let reach = 1_u32 << self.row.min(16);
        let most = (FIRST_CHANCE * f64::from(reach)).min(MOST);
        self.row += 1;
        let mut seen = vec![false; self.broken.len()];
        seen[position] = true;
        let mut ring = vec![position];
        for distance in 1..=reach * REACHES {
            let chance = most / (1.0 + f64::from(distance - 1) / f64::from(reach));
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

    /// Whether the revision cannot be tried.
    pub fn is_broken(&self, position: usize) -> bool {
        self.broken[position]
    }

    /// Whether there is any that cannot be tried.
    pub fn any(&self) -> bool {
        self.broken.contains(&true)
    }

    /// The chance that it cannot be tried either.
    pub fn chance(&self, position: usize) -> f64 {
        self.chances[position]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_doubted_and_more_so_in_a_row() {
        let history = History::line(101).unwrap();
        let mut breakage = Breakage::new(&history);
        breakage.broke(&history, 50);
        assert!(breakage.is_broken(50) && !breakage.is_broken(51));
        assert_eq!((breakage.chance(51), breakage.chance(49)), (0.1, 0.1));
        assert_eq!((breakage.chance(54), breakage.chance(56)), (0.025, 0.0));
        breakage.broke(&history, 51);
        breakage.broke(&history, 52);
        assert!(breakage.chance(60) > 0.1);
        breakage.built();
        breakage.broke(&history, 10);
        assert_eq!((breakage.chance(11), breakage.chance(15)), (0.1, 0.0));
    }
}
