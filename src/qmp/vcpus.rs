//! The vCPUs of a machine, as QEMU lists them.

use qapi_qmp::{CpuInfoFastBase, QmpCommand, query_cpus_fast};
use qapi_spec::Command;
use serde::Serialize;

/// `query-cpus-fast` without the vCPUs' target, by which `qapi_qmp::CpuInfoFast` is tagged: QEMU may have targets that
/// `qapi_qmp` lacks.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct QueryVcpus {}

impl QmpCommand for QueryVcpus {}

impl Command for QueryVcpus {
    type Ok = Vec<CpuInfoFastBase>;

    const NAME: &'static str = query_cpus_fast::NAME;
    const ALLOW_OOB: bool = query_cpus_fast::ALLOW_OOB;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn query_vcpus_reads_a_target_that_is_not_known() {
        let vcpu = |index: u32, target: &str| json!({ "cpu-index": index, "thread-id": 40 + index, "qom-path": "/machine", "target": target });
        let reply = json!([vcpu(0, "riscv64"), vcpu(1, "brand-new")]);
        let vcpus: <QueryVcpus as Command>::Ok = serde_json::from_value(reply).unwrap();
        assert_eq!(vcpus.iter().map(|vcpu| vcpu.thread_id).collect::<Vec<_>>(), [40, 41]);
    }
}
