//! Rebuilds the program when a file that is built into it appears or goes.

fn main() {
    println!("cargo:rerun-if-changed=images");
    println!("cargo:rerun-if-changed=kernels");
}
