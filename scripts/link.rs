//! Has GCC's unwinder linked into each program rather than loaded at its start, which takes a tenth
//! of what a small run takes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo:rerun-if-changed=scripts/link.rs")?;
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" && is_there() {
        // Found before the system's library of this name, it says what stands for it.
        let place = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
        fs::write(place.join("libgcc_s.so"), "GROUP ( -lgcc_eh -lgcc )\n")?;
        writeln!(cargo, "cargo:rustc-link-search=native={}", place.display())?;
    }
    Ok(())
}

/// Whether the linker's compiler has the unwinder as an archive, and is that of this machine.
fn is_there() -> bool {
    let is_own = env::var("HOST") == env::var("TARGET");
    let found = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    let path = found.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned());
    is_own && path.is_ok_and(|path| Path::new(&path).is_absolute())
}
