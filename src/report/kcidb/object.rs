//! The objects of KCIDB's schema, as far as the lab has values for them. No value is `null`.

use super::status::Status;
use model::{Cell, printable};
use serde::Serialize;
use serde_json::{Value, json};

/// Maximum length of an excerpt of a log, in characters.
const MAX_EXCERPT: usize = 16_384;

#[derive(Serialize)]
pub(super) struct Document {
    pub version: Version,
    pub checkouts: Vec<Checkout>,
    pub builds: Vec<Build>,
    pub tests: Vec<Test>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<Issue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
}

/// Version of the schema.
#[derive(Serialize)]
pub(super) struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    pub const CURRENT: Self = Self { major: 5, minor: 3 };
}

/// The source of a kernel.
#[derive(Serialize)]
pub(super) struct Checkout {
    pub id: String,
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_repository_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git_commit_hash: Option<String>,
    pub comment: String,
    pub start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid: Option<bool>,
}

/// A kernel.
#[derive(Serialize)]
pub(super) struct Build {
    pub checkout_id: String,
    pub id: String,
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    pub architecture: &'static str,
    pub config_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misc: Option<Value>,
}

/// A trial, or one of its subtests.
#[derive(Serialize)]
pub(super) struct Test {
    pub build_id: String,
    pub id: String,
    pub origin: String,
    pub environment: Environment,
    pub path: String,
    pub comment: String,
    pub status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_excerpt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_files: Vec<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misc: Option<Value>,
}

/// The machine.
#[derive(Serialize)]
pub(super) struct Environment {
    comment: String,
    misc: Value,
}

impl Environment {
    /// The machine of a cell.
    pub fn of(cell: &Cell) -> Self {
        let axes: serde_json::Map<String, Value> =
            cell.axes.iter().map(|(axis, value)| (axis.to_owned(), value.into())).collect();
        Self {
            comment: format!("QEMU {}, {} of RAM, vCPUs: {}", cell.arch, cell.ram, cell.vcpus),
            misc: json!({
                "platform": format!("qemu-{}", cell.arch),
                "ram_mib": cell.ram.0,
                "vcpus": cell.vcpus,
                "axes": axes,
            }),
        }
    }
}

/// A published file.
#[derive(Serialize)]
pub(super) struct Resource {
    pub name: String,
    pub url: String,
}

/// A known failure.
#[derive(Serialize)]
pub(super) struct Issue {
    pub id: String,
    pub version: u32,
    pub origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_url: Option<String>,
    pub comment: String,
}

impl Issue {
    /// An issue does not change: another failure or link makes another issue.
    pub const VERSION: u32 = 1;
}

/// Whether a test showed an issue.
#[derive(Serialize)]
pub(super) struct Incident {
    pub id: String,
    pub origin: String,
    pub issue_id: String,
    pub issue_version: u32,
    pub test_id: String,
    pub present: bool,
}

/// Lines of the guest, made harmless and cut.
pub(super) fn excerpt(lines: &[String]) -> Option<String> {
    let text: String = lines.iter().map(|line| printable(line) + "\n").collect();
    (!lines.is_empty()).then(|| text.chars().take(MAX_EXCERPT).collect())
}
