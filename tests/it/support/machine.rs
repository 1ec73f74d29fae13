//! A real guest without the lab's judgement, for tests that look into it.

use super::cache;

use arch::Arch;
use model::{Accel, Cell, Event, Payload, Probe, QmpEvent};
use oomlab::assets::Assets;
use oomlab::host::{Qemu, Qmp, Serial};
use oomlab::image::{Images, load_workloads};
use oomlab::kernel::{KernelError, Kernels, NullProgress, Options};
use oomlab::launch::{Paths, command};
use oomlab::probe::Prober;
use qapi_qmp::QmpCommand;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::timeout;

/// Timeout of every wait for a guest.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What boots.
pub struct Machine {
    pub arch: &'static str,
    pub kernel: &'static str,
    pub ram: &'static str,
    pub vcpus: u32,
    pub workload: &'static str,
    pub options: &'static [(&'static str, &'static str)],
}

/// A guest that runs.
pub struct Running {
    pub qmp: Qmp,
    pub prober: Prober,
    /// Console text that no call of `until` has returned yet.
    news: String,
    serial: Serial,
    _guest: Qemu,
    _dir: TempDir,
}

impl Machine {
    /// Starts it.
    pub async fn start(&self) -> Running {
        self.start_with(&[]).await
    }

    /// Starts it with modules of its kernel, which are loaded before the workload begins.
    pub async fn start_with(&self, modules: &[&str]) -> Running {
        let arch = arch::find(self.arch).unwrap();
        let dir = TempDir::with_prefix("oomlab-test-").unwrap();
        let assets = Assets::with_overlay(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/guests"));
        let kernels = Kernels::new(&assets, cache::cache(), Options::default()).unwrap();
        let name = self.kernel;
        let wanted: Vec<String> = modules.iter().map(|module| (*module).to_owned()).collect();
        let preparing = tokio::task::spawn_blocking(move || {
            let kernel = kernels.prepare(name, arch, 2, &NullProgress)?;
            let modules = kernels.modules(&kernel, arch, &wanted, &NullProgress)?;
            Ok::<_, KernelError>((kernel, modules))
        });
        let (kernel, modules) = preparing.await.unwrap().unwrap_or_else(|error| panic!("{error}"));
        let workloads = load_workloads(&assets).unwrap().known;
        let initrd =
            Images::new(assets, cache::cache()).image(arch, &workloads[&self.workload.into()], &modules, None).unwrap();
        let paths = Paths {
            kernel: kernel.image.clone(),
            firmware: None,
            initrd: Some(initrd.path),
            serial: dir.path().join("serial"),
            qmp: dir.path().join("qmp"),
            disk: dir.path().join("disk"),
            root_disk: None,
        };
        let argv = command(&self.cell(arch), Accel::Tcg, true, &paths);
        let guest = Qemu::spawn(&argv, &dir.path().join("qemu.log")).unwrap();
        let (serial, mut qmp) = (Serial::open(paths.serial, TIMEOUT, None), Qmp::open(paths.qmp, TIMEOUT));
        assert_eq!(timeout(TIMEOUT, qmp.event()).await.unwrap(), Some(QmpEvent::Connected));
        let prober = Prober {
            qmp: qmp.commands().clone(),
            serial: serial.input().clone(),
            console: "serial0".to_owned(),
            kernel: Arc::new(kernel),
            arch,
            ram: self.ram.parse().unwrap(),
            page_bytes: 4096,
            symbol_cache: Arc::default(),
            kaslr: None,
        };
        Running { qmp, prober, news: String::new(), serial, _guest: guest, _dir: dir }
    }

    fn cell(&self, arch: Arch) -> Cell {
        let options = self.options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Cell {
            kernel: self.kernel.into(),
            ram: self.ram.parse().unwrap(),
            vcpus: self.vcpus,
            payload: Payload::Workload { name: self.workload.into(), options },
            ..model::samples::cell("probed", arch, "idle")
        }
    }
}

impl Running {
    /// Reads the console until a text stands on it; gives all that came since the last such call.
    pub async fn until(&mut self, text: &str) -> String {
        let Self { serial, news, .. } = self;
        let reading = async {
            while !news.contains(text) {
                let chunk = serial.read().await.expect("the console goes on");
                news.push_str(&String::from_utf8_lossy(&chunk));
            }
        };
        let late = timeout(TIMEOUT, reading).await.is_err();
        assert!(!late, "timeout waiting for `{text}`:\n{}", self.news);
        std::mem::take(&mut self.news)
    }

    /// Looks into it.
    pub async fn look(&mut self, probe: Probe) -> Option<Event> {
        let looking = self.prober.clone().run(probe);
        self.meanwhile(looking).await
    }

    /// Executes a QMP command that the lab does not know of.
    pub async fn execute<C: QmpCommand>(&mut self, command: C) -> C::Ok {
        let answer = self.qmp.commands().execute(command, TIMEOUT);
        self.meanwhile(answer).await.unwrap()
    }

    /// Reads the console until something else is done: a full console of some machines holds up all of QEMU.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(timeout(TIMEOUT, work));
        loop {
            tokio::select! {
                done = &mut work => return done.expect("an answer in time"),
                Some(chunk) = self.serial.read() => self.news.push_str(&String::from_utf8_lossy(&chunk)),
            }
        }
    }
}
