//! The `oomlab` program.

fn main() -> std::process::ExitCode {
    oomlab::cli::main()
}
