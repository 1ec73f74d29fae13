//! A plan of one cell from the values of a command line.

use super::fit::{self, MinRam};
use super::id::cell_id;
use super::known::{Known, UnknownKernel};
use super::values;
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use arch::Arch;
use model::{
    AlsoKind, Axes, Canary, Cell, CellId, Expectation, Faults, Initrd, KernelName, Needs, PLAN_SCHEMA, Payload, Plan,
    RamMib, Timeouts, WorkloadName,
};
use std::collections::BTreeMap;

/// One cell as a command line describes it; values are checked as those of a matrix.
#[derive(Debug, Clone)]
pub struct SingleCell {
    /// The kernel.
    pub kernel: SingleKernel,
    /// Architecture.
    pub arch: Arch,
    /// RAM, for example `32M`.
    pub ram: String,
    /// The payload.
    pub payload: SinglePayload,
    /// Number of virtual CPUs.
    pub vcpus: u32,
    /// Further words of the kernel command line.
    pub append: Vec<String>,
    /// Further arguments of QEMU.
    pub qemu: Vec<String>,
    /// Faults to inject.
    pub faults: Faults,
    /// How the canary allocates.
    pub canary: Canary,
    /// Timeouts of its stages.
    pub timeouts: Timeouts,
    /// Number of trials.
    pub repeat: u32,
    /// Reports of the kernel with which a trial does not pass.
    pub fail_on: Vec<AlsoKind>,
}

/// The kernel of a single cell.
#[derive(Debug, Clone)]
pub enum SingleKernel {
    /// One of the catalogue, by name.
    Catalogue(String),
    /// A user kernel: an image; the name is for reports and the cell's id.
    User(KernelName),
}

/// The payload of a single cell.
#[derive(Debug, Clone)]
pub enum SinglePayload {
    /// The lab's agent with a workload.
    Workload {
        /// The workload's name.
        name: String,
        /// Its options.
        options: BTreeMap<String, String>,
    },
    /// An initramfs of the user, or none.
    Initrd(Initrd),
}

/// Makes the plan of one cell.
///
/// # Errors
/// Every error of the values, without places: they are from a command line. RAM that suffices to load the kernel is no error, see
/// [`ram_caution`].
pub fn single(wanted: SingleCell, known: &Known<'_>) -> Result<Plan, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let kernel = match wanted.kernel {
        SingleKernel::User(name) => name,
        SingleKernel::Catalogue(name) => {
            if let Err(UnknownKernel { message, known }) = known.kernels.find(&name) {
                errors.push(unknown(message, &name, known.iter().map(String::as_str)));
            }
            KernelName::new(name)
        }
    };
    let ram = wanted.ram.parse::<RamMib>();
    let vcpus = values::vcpus(&wanted.vcpus.to_string());
    let repeat = values::repeat(&wanted.repeat.to_string());
    errors.extend(ram.as_ref().err().map(|error| Diagnostic::error(error.to_string(), None)));
    errors.extend(
        [vcpus.as_ref().err(), repeat.as_ref().err()]
            .into_iter()
            .flatten()
            .map(|error| Diagnostic::error(error.to_string(), None)),
    );
    let payload = payload(wanted.payload, known, &mut errors);
    let (Ok(ram), Ok(vcpus), Ok(repeat), Some(payload), true) = (ram, vcpus, repeat, payload, errors.is_empty()) else {
        return Err(errors);
    };
    let arch = wanted.arch;
    let expect = match &payload {
        Payload::Workload { name, .. } => known.workloads.get(name.as_str()).map(|workload| workload.healthy(arch)),
        Payload::Initrd(_) => None,
    };
    let mut cell = Cell {
        id: CellId::new(""),
        kernel,
        arch,
        ram,
        vcpus,
        payload,
        needs: Needs::default(),
        faults: wanted.faults,
        canary: wanted.canary,
        axes: Axes::default(),
        append: wanted.append,
        qemu: wanted.qemu,
        timeouts: wanted.timeouts,
        repeat,
        expect: expect.unwrap_or(Expectation::pass()),
        fail_on: wanted.fail_on,
        quarantine: Vec::new(),
    };
    cell.id = cell_id(&cell);
    cell.needs = fit::needs(&cell, known);
    fit::check(&cell, known, MinRam::Image).map_err(|misfit| vec![Diagnostic::error(misfit.to_string(), None)])?;
    Ok(Plan { schema: PLAN_SCHEMA, name: "boot".to_owned(), cells: vec![cell], skipped: Vec::new() })
}

/// Why the cell may have too little RAM: less than is known to suffice, though enough to load the kernel.
pub fn ram_caution(cell: &Cell, known: &Known<'_>) -> Option<String> {
    fit::check(cell, known, MinRam::Known).err().map(|misfit| misfit.to_string())
}

fn payload(wanted: SinglePayload, known: &Known<'_>, errors: &mut Vec<Diagnostic>) -> Option<Payload> {
    let (name, options) = match wanted {
        SinglePayload::Initrd(initrd) => return Some(Payload::Initrd(initrd)),
        SinglePayload::Workload { name, options } => (name, options),
    };
    let Some(workload) = known.workloads.get(&name) else {
        let message = format!("unknown workload `{name}`");
        errors.push(unknown(message, &name, known.workloads.keys().map(String::as_str)));
        return None;
    };
    if let Err(wrong) = workload.check_options(&options) {
        let mut found = Diagnostic::error(wrong.message, None);
        found.label = did_you_mean(&wrong.option, workload.option_names()).filter(|_| wrong.unknown);
        errors.push(found);
    }
    Some(Payload::Workload { name: WorkloadName::new(name), options })
}

fn unknown<'k>(message: String, name: &str, known: impl Iterator<Item = &'k str> + Clone) -> Diagnostic {
    let mut found = Diagnostic::error(message, None);
    found.label = did_you_mean(name, known.clone());
    found.help(format!("there are {}", listed(known)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{KernelLack, KnownKernel, KnownKernels};
    use model::Outcome;
    use std::rc::Rc;

    struct EveryArch;

    impl KnownKernel for EveryArch {
        fn available(&self, _: Arch) -> Result<(), KernelLack> {
            Ok(())
        }

        fn provides(&self, _: Arch, _: &Needs) -> Result<(), KernelLack> {
            Ok(())
        }

        fn image_ram(&self, _: Arch, has_initrd: bool) -> Option<RamMib> {
            Some(RamMib(if has_initrd { 20 } else { 10 }))
        }

        fn min_ram(&self, _: Arch) -> Option<RamMib> {
            Some(RamMib(24))
        }
    }

    /// Kernels by their names.
    struct Named(&'static [&'static str]);

    impl KnownKernels for Named {
        fn find(&self, name: &str) -> Result<Rc<dyn KnownKernel + '_>, UnknownKernel> {
            let unknown = || UnknownKernel::of(name, self.0.iter().map(|&name| name.to_owned()));
            self.0.contains(&name).then(|| Rc::new(EveryArch) as Rc<dyn KnownKernel>).ok_or_else(unknown)
        }

        fn names(&self, _: Arch) -> Vec<String> {
            self.0.iter().map(|&name| name.to_owned()).collect()
        }
    }

    fn known() -> Known<'static> {
        Known { kernels: &Named(&["linux-6.1"]), workloads: BTreeMap::new() }
    }

    fn wanted(kernel: SingleKernel) -> SingleCell {
        SingleCell {
            kernel,
            arch: arch::find("riscv64-nommu").unwrap(),
            ram: "32M".to_owned(),
            payload: SinglePayload::Initrd(Initrd { path: Some("my/initrd.cpio".into()), ..Initrd::default() }),
            vcpus: 2,
            append: vec!["quiet".to_owned()],
            qemu: Vec::new(),
            faults: Faults::default(),
            canary: Canary::default(),
            timeouts: Timeouts::default(),
            repeat: 3,
            fail_on: vec![AlsoKind::Warning],
        }
    }

    #[test]
    fn user_kernel_needs_no_catalogue() {
        let plan =
            single(wanted(SingleKernel::User("my Image".into())), &Known { kernels: &Named(&[]), ..known() }).unwrap();
        let [cell] = plan.cells.as_slice() else { panic!("{plan:?}") };
        assert!(
            cell.id.as_str().starts_with("my-Image-") && cell.id.as_str().ends_with(".riscv64-nommu.32M.initrd.2cpu")
        );
        assert_eq!(
            (cell.repeat, cell.expect.verdict.outcome, &*cell.fail_on),
            (3, Outcome::Pass, &[AlsoKind::Warning][..])
        );
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let mut cell = wanted(SingleKernel::Catalogue("linux-6.11".to_owned()));
        cell.ram = "32".to_owned();
        cell.payload = SinglePayload::Workload { name: "idle".to_owned(), options: BTreeMap::new() };
        cell.vcpus = 0;
        cell.repeat = 0;
        let errors = single(cell, &known()).unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(errors[0].to_string().contains("did you mean `linux-6.1`?"));
    }

    #[test]
    fn impossible_cell_is_refused() {
        let mut cell = wanted(SingleKernel::Catalogue("linux-6.1".to_owned()));
        cell.ram = "16M".to_owned();
        let refused = |cell: &SingleCell| single(cell.clone(), &known()).unwrap_err()[0].message.clone();
        assert_eq!(refused(&cell), "linux-6.1 for riscv64-nommu needs at least 20M of RAM, not 16M");
        cell.payload = SinglePayload::Initrd(Initrd::default());
        assert!(single(cell.clone(), &known()).is_ok(), "without an initramfs it fits");
        cell.ram = "4M".to_owned();
        assert_eq!(refused(&cell), "linux-6.1 for riscv64-nommu needs at least 10M of RAM, not 4M");
    }

    #[test]
    fn ram_below_the_known_minimum_is_a_caution() {
        let mut cell = wanted(SingleKernel::Catalogue("linux-6.1".to_owned()));
        let caution = |cell: &SingleCell| ram_caution(&single(cell.clone(), &known()).unwrap().cells[0], &known());
        assert_eq!(caution(&cell), None);
        cell.ram = "20M".to_owned();
        assert_eq!(caution(&cell).unwrap(), "linux-6.1 for riscv64-nommu needs at least 24M of RAM, not 20M");
        cell.kernel = SingleKernel::User("mine".into());
        cell.ram = "4M".to_owned();
        assert_eq!(caution(&cell).unwrap(), "riscv64-nommu needs at least 8M of RAM, not 4M");
    }
}
