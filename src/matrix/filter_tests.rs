//! Tests of filters.

use super::*;
use crate::matrix::id::cell_id;
use model::{PLAN_SCHEMA, RamMib};
use proptest::prelude::*;

fn cell(arch: &str, ram: u32, workload: &str, vcpus: u32, preempt: Option<&str>) -> Cell {
    let mut cell = Cell {
        kernel: "linux-6.1".into(),
        ram: RamMib(ram),
        vcpus,
        axes: preempt.map(|value| ("preempt".to_owned(), value.to_owned())).into_iter().collect(),
        ..model::samples::cell("", arch::find(arch).unwrap(), workload)
    };
    cell.id = cell_id(&cell);
    cell
}

fn plan() -> Plan {
    let cells = vec![
        cell("riscv64-nommu", 32, "idle", 1, None),
        cell("riscv64-nommu", 32, "zombie-victim", 2, Some("full")),
        cell("arm", 128, "idle", 1, None),
        cell("x86_64", 1024, "anon-hog", 1, Some("none")),
    ];
    Plan { schema: PLAN_SCHEMA, name: "test".to_owned(), cells, skipped: Vec::new() }
}

fn chosen(expression: &str) -> String {
    let mut plan = plan();
    match Filter::parse(expression).and_then(|filter| filter.apply(&mut plan)) {
        Ok(()) => plan.cells.iter().map(|cell| cell.arch.to_string()).collect::<Vec<_>>().join(" "),
        Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

#[test]
fn terms_choose_cells() {
    for (expression, expected) in [
        ("", "riscv64-nommu riscv64-nommu arm x86_64"),
        ("arch=arm,x86_64", "arm x86_64"),
        ("arch!=riscv*", "arm x86_64"),
        ("ram<=128M", "riscv64-nommu riscv64-nommu arm"),
        ("ram>32M & ram<1G", "arm"),
        ("ram=1024M", "x86_64"),
        ("ram=1*", "arm x86_64"),
        ("vcpus>1", "riscv64-nommu"),
        ("workload=zombie-victim&&arch=riscv64-nommu", "riscv64-nommu"),
        ("id~ZOMBIE", "riscv64-nommu"),
        ("workload!~hog idle", "riscv64-nommu arm"),
        ("preempt=none", "x86_64"),
        ("preempt!=none arch=x86_64,arm", "arm"),
        ("32M.zombie-victim.2cpu.preempt=full", "riscv64-nommu"),
    ] {
        assert_eq!(chosen(expression), expected, "{expression}");
    }
}

#[test]
fn wrong_terms_are_shown_with_their_place() {
    for (expression, message, column) in [
        ("idle =arm", "there is no key before `=`", 6),
        ("arch=", "a value is missing after `arch=`", 1),
        ("é arch=arm,", "a value is missing", 3),
        ("ram<=lots", "`lots` is not a RAM size", 1),
        ("ram=64", "`64` is not a RAM size", 1),
        ("kernel<6.2", "only `ram` and `vcpus` can be compared", 1),
        ("arhc=arm", "did you mean `arch`?", 1),
        ("arch=mips", "no cell of the plan matches", 1),
    ] {
        let shown = chosen(expression);
        assert!(shown.contains(message) && shown.contains(&format!("--filter:1:{column}\n")), "{expression}: {shown}");
    }
    assert_eq!(Filter::parse("ram<x vcpus>y").unwrap_err().len(), 2);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(expression in "\\PC{0,40}") {
        let _ = Filter::parse(&expression);
    }

    #[test]
    fn terms_are_joined_by_and(left in "(arch=arm|ram<1G|idle|vcpus=1)", right in "(arch!=arm|ram>=32M|hog|id~6)") {
        let (a, b) = (Filter::parse(&left).unwrap(), Filter::parse(&right).unwrap());
        let both = Filter::parse(&format!("{left} & {right}")).unwrap();
        for cell in plan().cells {
            prop_assert_eq!(both.matches(&cell), a.matches(&cell) && b.matches(&cell));
        }
    }

    #[test]
    fn a_negated_term_is_the_complement(key in "(kernel|arch|ram|workload|preempt)", value in "(\\*|arm|32M|idle|full|linux-6.1)") {
        prop_assume!(key != "ram" || value == "32M" || value == "*");
        let (is, not) = (format!("{key}={value}"), format!("{key}!={value}"));
        let (is, not) = (Filter::parse(&is).unwrap(), Filter::parse(&not).unwrap());
        for cell in plan().cells {
            prop_assert_ne!(is.matches(&cell), not.matches(&cell));
        }
    }
}
