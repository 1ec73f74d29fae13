# make demo     installs what is missing, builds, fetches the kernels, runs matrices/smoke.yaml
# make test     installs what is missing, then every check and every test; ADVISORIES=1 adds those on dependencies
# make install  builds the program, and installs it, its man pages and completions of bash, zsh and fish below PREFIX=/usr/local
# make bench    how much is read and judged a second; BENCH=watchdog for one group
# make fuzz     feeds what a hostile guest may print to what reads it, for SECONDS=60 each; TARGET=console for one
# make mutants  changes what judges, place by place, and tells which changes no test notices; SHARD=0/10 for a tenth
#
# Both ask for root by sudo, and only to install packages that are missing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
TOOLS := $(CURDIR)/target/tools
# Python packages that tests use: tests/python/requirements.txt.
PYTHON := $(TOOLS)/python
export PATH := $(TOOLS)/bin:$(HOME)/.cargo/bin:$(PATH):$(PYTHON)/bin

RUST := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo)

SECONDS := 60

.PHONY: demo test install bench fuzz mutants host rust linker tools python browser cluster
.NOTPARALLEL:

demo: host
	cargo run --quiet --locked -- run matrices/smoke.yaml

test: host tools python browser cluster
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps
	cargo deny --locked check bans licenses sources $(if $(ADVISORIES),advisories)
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked --workspace; else cargo test --locked --workspace --all-targets; fi
	cargo test --locked --workspace --doc

PREFIX := /usr/local
SHARE := $(DESTDIR)$(PREFIX)/share

# The program has its data built in: it needs QEMU and compilers of the host, which `oomlab doctor` names.
install: rust linker
	cargo build --locked --release --bin oomlab
	install -D --mode=755 "$${CARGO_TARGET_DIR:-target}/release/oomlab" "$(DESTDIR)$(PREFIX)/bin/oomlab"
	"$(DESTDIR)$(PREFIX)/bin/oomlab" man "$(SHARE)/man/man1"
	install -d "$(SHARE)/bash-completion/completions" "$(SHARE)/zsh/site-functions" "$(SHARE)/fish/vendor_completions.d"
	"$(DESTDIR)$(PREFIX)/bin/oomlab" completions bash > "$(SHARE)/bash-completion/completions/oomlab"
	"$(DESTDIR)$(PREFIX)/bin/oomlab" completions zsh > "$(SHARE)/zsh/site-functions/_oomlab"
	"$(DESTDIR)$(PREFIX)/bin/oomlab" completions fish > "$(SHARE)/fish/vendor_completions.d/oomlab.fish"

bench: rust linker
	cargo bench --locked --bench throughput -- $(BENCH)

# The sanitizers that libFuzzer brings need a nightly compiler.
fuzz: rust linker
	@rustup toolchain list | grep --quiet ^nightly || rustup toolchain install nightly --profile minimal
	@cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked --debug --root "$(TOOLS)"
	for target in $(or $(TARGET),$$(cargo fuzz list)); do \
	    cargo +nightly fuzz run $$target -- -max_total_time=$(SECONDS) -max_len=65536 -timeout=10 -rss_limit_mb=1024; \
	done

mutants: rust linker
	@cargo mutants --version >/dev/null 2>&1 || cargo install cargo-mutants --locked --debug --root "$(TOOLS)"
	tests/mutants.sh $(if $(SHARD),--shard $(SHARD))

# QEMU, cross compilers, what kernel builds need: the program itself knows.
host: rust linker
	cargo build --locked
	cargo run --quiet --locked -- doctor --fix

rust:
	@if ! command -v cargo >/dev/null; then \
	    echo "cargo is missing: oomlab needs Rust $(RUST) or newer; install it from https://rustup.rs and try again" >&2; \
	    exit 1; \
	fi
	@found=$$(rustc --version | cut -d' ' -f2); \
	if ! printf '%s\n' "$(RUST)" "$$found" | sort --version-sort --check=quiet; then \
	    echo "Rust $$found is too old: oomlab needs $(RUST) or newer; install it from https://rustup.rs and try again" >&2; \
	    exit 1; \
	fi

# Rust links with the C compiler, the xz library is C, and SSH uses the host's OpenSSL.
linker:
	@if ! command -v cc >/dev/null || ! command -v pkg-config >/dev/null || \
	    ! test -e /usr/include/stdio.h || ! test -e /usr/include/openssl/ssl.h; then \
	    echo "installing a C compiler, which Rust links with, and OpenSSL's headers"; \
	    $(AS_ROOT) apt-get update; \
	    $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
	        gcc libc6-dev libssl-dev pkg-config; \
	fi

# Tests open the pages of runs in it; the program needs none. Ubuntu's Chromium is a snap, which does not see their files: install Chrome there.
browser:
	@if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	    echo "installing Chromium, in which tests open pages"; \
	    $(AS_ROOT) apt-get update; \
	    $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; \
	fi

# Tests start a cluster of their own, on loopback; the program needs Slurm's commands only for `--executor slurm`.
cluster:
	@if ! test -x /usr/sbin/slurmctld || ! test -x /usr/sbin/slurmd || ! test -x /usr/sbin/munged || \
	    ! command -v sbatch >/dev/null; then \
	    echo "installing Slurm and MUNGE, with which tests start a cluster"; \
	    $(AS_ROOT) apt-get update; \
	    $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
	        munge slurm-client slurmctld slurmd; \
	fi

# Unoptimised, cargo-deny is as quick on this many crates, and takes a fraction of the time to build.
tools:
	@cargo fmt --version >/dev/null && cargo clippy --version >/dev/null || rustup component add rustfmt clippy
	@cargo deny --version >/dev/null 2>&1 || \
	    CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --locked --debug --root "$(TOOLS)"

# What reads reports of the program, and the schemas of GitHub and GitLab; systemd checks its own files of contrib/. Debian's own
# Python takes no packages.
python:
	@if ! python3 -c 'import venv, ensurepip' 2>/dev/null || ! command -v systemd-analyze >/dev/null; then \
	    echo "installing Python's venv and systemd-analyze, which tests use"; \
	    $(AS_ROOT) apt-get update; \
	    $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends python3-venv systemd; \
	fi
	@if ! cmp --quiet tests/python/requirements.txt "$(PYTHON)/requirements.txt"; then \
	    python3 -m venv --clear "$(PYTHON)"; \
	    "$(PYTHON)/bin/pip" install --quiet --disable-pip-version-check --requirement tests/python/requirements.txt; \
	    cp tests/python/requirements.txt "$(PYTHON)/"; \
	fi
