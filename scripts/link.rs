//! What the programs need of the C library is linked into them, where the linker's compiler has it as
//! archives: to load libraries at the start takes a fifth of what a small run takes. So they run on
//! any Linux machine of this processor, whatever C library that has.
//!
//! What the C library would load while it runs is asked of the system's own tools
//! (`src/connector/postgres/system.rs`: hosts and users).

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// The parts of the C library that Rust's own asks for; since glibc 2.34 most are empty.
const PARTS: [&str; 6] = ["c", "m", "pthread", "dl", "rt", "util"];

fn main() -> io::Result<()> {
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo:rerun-if-changed=scripts/link.rs")?;
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    let is_own = env::var("HOST") == env::var("TARGET");
    if !is_own || target("OS") != "linux" || target("ENV") != "gnu" {
        return Ok(());
    }
    // Found before the system's libraries of their names, they say what stands for those.
    let out = env::var("OUT_DIR").unwrap_or_default();
    if archive("gcc_eh").is_some() {
        let unwinder = stand_in(&out, "unwinder", "gcc_s", "-lgcc_eh -lgcc")?;
        writeln!(cargo, "cargo:rustc-link-search=native={unwinder}")?;
        let parts: Option<Vec<String>> = PARTS.iter().map(|part| archive(part)).collect();
        if let Some(archives) = parts {
            for (part, archive) in PARTS.iter().zip(archives) {
                stand_in(&out, "whole", part, &archive)?;
            }
            writeln!(cargo, "cargo:rustc-link-arg-bins=-L{out}/whole")?;
            writeln!(cargo, "cargo:rustc-link-arg-bins=-static-pie")?;
        }
    }
    Ok(())
}

/// Where the linker's compiler has a library as an archive.
fn archive(library: &str) -> Option<String> {
    let asked = format!("-print-file-name=lib{library}.a");
    let found = Command::new("cc").arg(asked).output().ok()?;
    let path = String::from_utf8(found.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_absolute().then_some(path)
}

/// Has a library of this name, in a directory of its own, stand for others; yields the directory.
fn stand_in(out: &str, directory: &str, library: &str, others: &str) -> io::Result<String> {
    let directory = format!("{out}/{directory}");
    fs::create_dir_all(&directory)?;
    fs::write(
        format!("{directory}/lib{library}.so"),
        format!("GROUP ( {others} )\n"),
    )?;
    Ok(directory)
}
