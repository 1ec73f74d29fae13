//! A Slurm cluster of two nodes on this host, with ports, keys and folders of its own: munged, slurmctld, two slurmd.

use crate::processes::{eventually, is_alive};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// The packages that are missing, and how they get there.
const INSTALL: &str =
    "no Slurm: `make test` installs it, or `apt install --no-install-recommends munge slurm-client slurmctld slurmd`";

/// Where Debian has the daemons: not every user's `PATH` has that.
const DAEMONS: &str = "/usr/sbin";

/// Names of the nodes.
pub const NODES: [&str; 2] = ["n1", "n2"];

/// A cluster; dropping it ends all its processes and all processes of its jobs.
pub struct Cluster {
    dir: TempDir,
    nodes: Vec<Child>,
    others: Vec<Child>,
}

impl Cluster {
    /// Starts a cluster whose arrays have at most `max_array` tasks, on nodes with so many CPUs, and waits until these are idle.
    pub fn start(max_array: u32, cpus: u32) -> Self {
        let dir = TempDir::with_prefix("oomlab-cluster-").unwrap();
        let mut cluster = Self { dir, nodes: Vec::new(), others: Vec::new() };
        let path = |name: &str| cluster.dir.path().join(name);
        let mut options = File::options();
        std::io::Write::write_all(
            &mut options.write(true).create_new(true).mode(0o400).open(path("munge.key")).unwrap(),
            &std::array::from_fn::<u8, 64, _>(|at| (at as u8).wrapping_mul(37) ^ std::process::id() as u8),
        )
        .unwrap();
        std::fs::write(path("slurm.conf"), configuration(cluster.dir.path(), max_array, cpus)).unwrap();
        std::fs::create_dir(path("state")).unwrap();
        std::fs::set_permissions(path("state"), PermissionsExt::from_mode(0o700)).unwrap();
        let option = |name: &str, file: &str| format!("--{name}={}", path(file).display());
        let munged = [
            "--foreground".to_owned(),
            "--force".to_owned(),
            option("socket", "munge.socket"),
            option("key-file", "munge.key"),
            option("pid-file", "munge.pid"),
            option("seed-file", "munge.seed"),
        ];
        let munged = cluster.daemon("munged", &munged);
        let socket = cluster.dir.path().join("munge.socket");
        eventually("munged", || socket.exists());
        let controller = cluster.daemon("slurmctld", &["-D".to_owned(), "-i".to_owned()]);
        cluster.others = vec![munged, controller];
        for node in NODES {
            let slurmd = cluster.slurmd(node);
            cluster.nodes.push(slurmd);
        }
        eventually("two idle nodes", || cluster.text("sinfo", &["--noheader", "--format=%D %T"]) == "2 idle\n");
        cluster
    }

    fn slurmd(&self, node: &str) -> Child {
        std::fs::create_dir_all(self.dir.path().join(format!("spool-{node}"))).unwrap();
        self.daemon("slurmd", &["-D".to_owned(), "-N".to_owned(), node.to_owned()])
    }

    fn daemon(&self, name: &str, args: &[String]) -> Child {
        let log = File::options().create(true).append(true).open(self.dir.path().join("daemons.log")).unwrap();
        let mut command = Command::new(Path::new(DAEMONS).join(name));
        command.args(args).env("SLURM_CONF", self.configuration()).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap_or_else(|error| panic!("{name}: {error}: {INSTALL}"))
    }

    /// The file that `SLURM_CONF` names.
    pub fn configuration(&self) -> PathBuf {
        self.dir.path().join("slurm.conf")
    }

    /// Runs one of Slurm's commands.
    pub fn command(&self, name: &str, args: &[&str]) -> Output {
        let mut command = Command::new(name);
        command.args(args).env("SLURM_CONF", self.configuration()).stdin(Stdio::null());
        command.output().unwrap_or_else(|error| panic!("{name}: {error}: {INSTALL}"))
    }

    /// What it prints.
    pub fn text(&self, name: &str, args: &[&str]) -> String {
        String::from_utf8(self.command(name, args).stdout).unwrap()
    }

    /// The tasks in a state, as `17_3`.
    pub fn tasks(&self, state: &str) -> Vec<String> {
        let states = format!("--states={state}");
        let text = self.text("squeue", &["--noheader", "--array", &states, "--format=%i"]);
        text.lines().map(|line| line.trim().to_owned()).collect()
    }

    /// Number of jobs that were submitted so far.
    pub fn arrays(&self) -> usize {
        let text = self.text("squeue", &["--noheader", "--states=all", "--array", "--Format=ArrayJobID"]);
        text.lines().map(str::trim).collect::<std::collections::BTreeSet<_>>().len()
    }

    /// What happens when a node loses power: its slurmd and all processes of its jobs are gone.
    pub fn kill_node(&mut self, node: &str) {
        let at = NODES.iter().position(|name| *name == node).unwrap();
        self.nodes[at].kill().unwrap();
        self.nodes[at].wait().unwrap();
        let name = format!("SLURMD_NODENAME={node}");
        let (of_jobs, others): (Vec<Pid>, Vec<Pid>) =
            self.processes().into_iter().partition(|&pid| has_variable(pid, &name));
        assert!(!of_jobs.is_empty(), "{node} has no job");
        // First slurmstepd, which would report how its task has ended.
        let parents: Vec<Option<Pid>> = of_jobs.iter().map(|&pid| parent(pid)).collect();
        others.into_iter().filter(|pid| parents.contains(&Some(*pid))).for_each(kill);
        of_jobs.into_iter().for_each(kill);
    }

    /// Processes with this cluster in their environment, but not this one.
    fn processes(&self) -> Vec<Pid> {
        let variable = format!("SLURM_CONF={}", self.configuration().display());
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
        pids.filter(|&pid| has_variable(pid, &variable) && is_alive(pid)).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.dir.path().join("daemons.log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}", lines[lines.len().saturating_sub(30)..].join("\n"));
        }
        // Until none is left: a daemon may start another process meanwhile.
        for _ in 0..50 {
            let left = self.processes();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(kill);
        }
        for child in self.nodes.iter_mut().chain(&mut self.others) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn kill(pid: Pid) {
    // It may have ended.
    let _ = kill_process(pid, Signal::KILL);
}

/// The parent of a process (proc_pid_stat(5)).
fn parent(pid: Pid) -> Option<Pid> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    Pid::from_raw(fields.split(' ').nth(1)?.parse().ok()?)
}

fn has_variable(pid: Pid, variable: &str) -> bool {
    let environment = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())).unwrap_or_default();
    environment.split(|&byte| byte == 0).any(|entry| entry == variable.as_bytes())
}

/// For daemons of this user, without cgroups, accounting and systemd.
fn configuration(dir: &Path, max_array: u32, cpus: u32) -> String {
    let [controller, first, second] = ports();
    let (dir, host) = (dir.display(), rustix::system::uname().nodename().to_string_lossy().into_owned());
    let host = host.split('.').next().unwrap();
    let id = Command::new("id").arg("-un").output().unwrap();
    let user = String::from_utf8(id.stdout).unwrap().trim().to_owned();
    format!(
        "ClusterName=oomlab\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser={user}\nSlurmdUser={user}\nSlurmctldPort={controller}\n\
         AuthType=auth/munge\nAuthInfo=socket={dir}/munge.socket\nCredType=cred/munge\n\
         StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool-%n\nSlurmctldPidFile={dir}/slurmctld.pid\n\
         SlurmdPidFile={dir}/slurmd-%n.pid\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
         JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nSwitchType=switch/none\nMpiDefault=none\n\
         MailProg=/bin/true\nReturnToService=2\nMaxArraySize={max_array}\nSlurmdTimeout=10\nKillWait=5\n\
         SlurmdParameters=config_overrides\nSchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0\n\
         NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs={cpus} RealMemory=4000\n\
         NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs={cpus} RealMemory=4000\n\
         PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP\n\
         PartitionName=short Nodes=n[1-2] MaxTime=1 State=UP\n\
         PartitionName=urgent Nodes=n[1-2] MaxTime=INFINITE State=UP PriorityTier=10\n\
         PreemptType=preempt/partition_prio\nPreemptMode=CANCEL\n"
    )
}

/// Three ports that are free on loopback.
fn ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
