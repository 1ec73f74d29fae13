//! Typed requests.

use super::config::BadCriterion;
use super::error::RequestError;
use crate::assets::Assets;
use crate::kernel::{Configurations, Fragment};
use crate::lab::Sources;
use crate::matrix::{Known, SingleCell};
use bisect::Settings;
use model::Cell;
use std::path::PathBuf;
use std::str::FromStr;

/// A search in one session.
#[derive(Debug, Clone)]
pub enum Request {
    /// Among the commits of a repository.
    Commits(CommitsRequest),
    /// Among the catalogue's kernels.
    Versions(VersionsRequest),
    /// Among the values of an axis.
    Axis(AxisRequest),
}

/// A search among the commits between two ends.
#[derive(Debug, Clone)]
pub struct CommitsRequest {
    /// The repository.
    pub repository: PathBuf,
    /// Revisions without the change, as git reads them.
    pub old: Vec<String>,
    /// The revision with the change.
    pub new: String,
    /// Whether the change is the fix of a failure.
    pub fix: bool,
    /// What is tried.
    pub trial: TrialRequest,
    /// Limits of the search.
    pub limits: Limits,
}

/// What is tried at each commit.
#[derive(Debug, Clone)]
pub enum TrialRequest {
    /// A command of the user's.
    Command {
        /// For sh(1).
        command: String,
        /// A trial that takes longer counts as bad, in seconds.
        timeout_s: Option<f64>,
    },
    /// A cell with a kernel that is built from the commit.
    Cell {
        /// The cell.
        cell: Box<CellRequest>,
        /// Configuration fragments, by name or as files; if empty, those of the catalogue's kernels.
        config: Vec<String>,
    },
}

/// A cell, and which of its failures count.
#[derive(Debug, Clone)]
pub struct CellRequest {
    /// The cell.
    pub cell: SingleCell,
    /// Which failures count as bad.
    pub criterion: BadCriterion,
}

/// Limits of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// The least failure rate that is searched for; `None` for the default of the kind of search.
    pub rate: Option<f64>,
    /// Parallel trials; `None` for one command, or as many cells as the host has CPUs for.
    pub jobs: Option<u32>,
    /// The probability that the answer must reach.
    pub target: f64,
    /// The search stops after so many trials.
    pub max_trials: Option<u32>,
}

impl Limits {
    /// The settings of a search within these limits.
    pub(super) fn settings(self, base: Settings) -> Settings {
        let settings = Settings { target: self.target, max_trials: self.max_trials, ..base };
        match self.rate {
            Some(rate) => settings.at_rate(rate),
            None => settings,
        }
    }
}

/// A search among the catalogue's kernels of one family.
#[derive(Debug, Clone)]
pub struct VersionsRequest {
    /// The first version: `5.10`, or the name of a kernel.
    pub from: String,
    /// The last version.
    pub to: String,
    /// The cell; its kernel varies.
    pub cell: CellRequest,
    /// Limits of the search.
    pub limits: Limits,
}

/// A search among the values of an axis.
#[derive(Debug, Clone)]
pub struct AxisRequest {
    /// The axis.
    pub axis: Axis,
    /// The first value.
    pub from: String,
    /// The last value.
    pub to: String,
    /// The distance of two values.
    pub step: Option<String>,
    /// The cell; its value of the axis varies.
    pub cell: CellRequest,
    /// Limits of the search.
    pub limits: Limits,
}

/// An ordered axis of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// RAM.
    Ram,
    /// Virtual CPUs.
    Vcpus,
    /// An option of the workload.
    Option(String),
}

/// A name that no axis has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown axis `{0}`; known: ram, vcpus, option:NAME")]
pub struct UnknownAxis(String);

impl FromStr for Axis {
    type Err = UnknownAxis;

    fn from_str(name: &str) -> Result<Self, UnknownAxis> {
        match name {
            "ram" => Ok(Self::Ram),
            "vcpus" => Ok(Self::Vcpus),
            _ => match name.strip_prefix("option:") {
                Some(option) if !option.is_empty() => Ok(Self::Option(option.to_owned())),
                _ => Err(UnknownAxis(name.to_owned())),
            },
        }
    }
}

/// A search for the kernel options that cause a failure.
#[derive(Debug, Clone)]
pub struct OptionsRequest {
    /// A `.config` without the failure.
    pub good: PathBuf,
    /// A `.config` with it.
    pub bad: PathBuf,
    /// The cell; the configuration of its kernel varies.
    pub cell: CellRequest,
    /// Limits of each round.
    pub limits: Limits,
}

/// What trials of cells use.
pub struct LabContext<'a> {
    /// The catalogues, by which cells are checked.
    pub known: Known<'a>,
    /// Kernels and images.
    pub sources: Sources,
    /// The program's files, for configuration fragments.
    pub assets: &'a Assets,
    /// A program to run instead of QEMU.
    pub qemu: Option<PathBuf>,
}

impl LabContext<'_> {
    /// The configuration of kernels that are built from commits for a cell.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn configuration(&self, names: &[String], cell: &Cell) -> Result<Vec<Fragment>, RequestError> {
        let catalogue = self.sources.kernels.catalogue();
        let found = Configurations { catalogue, assets: self.assets, arch: cell.arch, needs: &cell.needs }.named(names);
        found.map(|found| found.fragments).map_err(|error| RequestError::Config(Box::new(error)))
    }
}
