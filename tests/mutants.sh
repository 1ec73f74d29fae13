#!/bin/sh
# Mutates what judges, src/watchdog and src/signature, and tells which mutants no test notices. These modules touch no file and
# no process: with those that they stand on and their tests they make a crate of their own, which compiles in a second
# instead of ten.
#
#     tests/mutants.sh [OPTION OF cargo mutants]…      for example --shard 0/10, or -f 'src/watchdog/**'
#
# What was found lies in target/mutants/mutants.out.
set -eu

cd "$(dirname "$0")/.."
crate=target/mutants/crate
rm -rf "$crate"
mkdir -p "$crate/src" "$crate/tests"
for module in console model signature store watchdog; do
	cp -r "src/$module" "$crate/src/"
done
for test in logs replays signatures; do
	cp -r "tests/$test" "tests/$test.rs" "$crate/tests/"
done
cp -r tests/watchdog "$crate/tests/"
sed -i 's/use crate::trial::/use crate::watchdog_tests::trial::/' "$crate"/tests/watchdog/*.rs
cp Cargo.lock "$crate/"
# Without programs, tests and benches that need the rest, and in no workspace.
awk '/^\[/ { skip = /^\[\[/ } !skip && !/^default-run/' Cargo.toml >"$crate/Cargo.toml"
printf '\n[workspace]\n' >>"$crate/Cargo.toml"
cat >"$crate/src/lib.rs" <<'EOF'
//! What judges, with its tests.
#[cfg(test)]
extern crate self as oomlab;
pub mod console;
pub mod model;
pub mod signature;
pub mod store;
pub mod watchdog;
#[cfg(test)]
#[path = "../tests/logs.rs"]
mod logs_tests;
#[cfg(test)]
#[path = "../tests/replays.rs"]
mod replays_tests;
#[cfg(test)]
#[path = "../tests/signatures.rs"]
mod signatures_tests;
#[cfg(test)]
#[path = "../tests/watchdog/main.rs"]
mod watchdog_tests;
EOF
case " $* " in
*" -f "* | *" --file "*) ;;
*) set -- -f 'src/watchdog/**' -f 'src/signature/**' "$@" ;;
esac
exec cargo mutants --dir "$crate" --output target/mutants --timeout 30 --cargo-arg=--lib "$@"
