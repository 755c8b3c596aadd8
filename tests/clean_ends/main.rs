//! Clean ends from outside: what a reader does at the end of its input, in every way in which a shell connects
//! programs. A writer that was killed or has failed is never taken for one that was done, and one that was
//! done is never refused.

#[path = "../harness/mod.rs"]
mod harness;

mod arrangements;
mod runtime;
mod signals;

use std::fs;
use std::path::PathBuf;

use harness::Run;

/// What every Bash line may use. No option of the shell helps it.
const PREAMBLE: &str = r#"
set +o pipefail
exits() { "$@"; echo "exit $?"; }
# Runs a program on the first half of in.csv, and kills it while it waits for more.
killed() {
    local feed="feed.$BASHPID" pid
    mkfifo "$feed"
    "$@" "$feed" &
    pid=$!
    exec 9>"$feed"
    head -n 500 in.csv >&9
    sleep 0.1
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    exec 9>&-
    rm "$feed"
}

# Fails after some records.
failing() { { cat in.csv; echo 1,2,3; } | extract - ; }
"#;

/// A directory with `in.csv`, 1,000 records of it, and a runtime directory of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let records: String = (1..=1000).map(|id| format!("{id},\"a\n{id}\"\n")).collect();
        fs::write(place.path().join("in.csv"), format!("id,note\n{records}")).expect("a file");
        fs::create_dir(place.path().join("run")).expect("a directory");
        Place(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a Bash line here.
    fn run(&self, line: &str) -> Run {
        harness::bash(&format!("{PREAMBLE}{line}"))
            .dir(self.0.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .run()
    }

    /// Runs a Bash line where the runtime directory is a disk of 64 KB, which `fill` fills.
    fn on_small_disk(&self, line: &str) -> Run {
        let script = format!(
            "{PREAMBLE} mount -t tmpfs -o size=64k tmpfs run
             fill() {{ cat /dev/zero >run/filler 2>/dev/null; }}
             {line}"
        );
        harness::bash(&format!(
            "unshare {} bash -c \"$SCRIPT\"",
            harness::own_mounts()
        ))
        .env("SCRIPT", script)
        .env("XDG_RUNTIME_DIR", self.path("run"))
        .dir(self.0.path())
        .run()
    }

    /// Holds that the line ends with 0, says nothing, leaves no note, and that `out.csv` is all of `in.csv`.
    #[track_caller]
    fn accepts(&self, line: &str) {
        self.accepts_as(line, "in.csv");
    }

    /// The same, where `out.csv` is to be all of another file.
    #[track_caller]
    fn accepts_as(&self, line: &str, whole: &str) {
        // A refusal's notes stay, for all its readers.
        let notes = self.notes();
        let run = self.run(line);
        assert_eq!((run.code, &*run.err()), (0, ""), "{line}");
        assert!(
            self.holds("out.csv", whole),
            "{line}: out.csv is not {whole}"
        );
        let mut new = self.notes();
        new.retain(|note| !notes.contains(note));
        assert_eq!(new, [""; 0], "{line}");
        fs::remove_file(self.path("out.csv")).expect("a file");
    }

    /// The same, where a note may stay.
    #[track_caller]
    fn accepts_with_notes(&self, line: &str) {
        let run = self.run(line);
        assert_eq!((run.code, &*run.err()), (0, ""), "{line}");
        assert!(
            self.holds("out.csv", "in.csv"),
            "{line}: out.csv is not in.csv"
        );
        fs::remove_file(self.path("out.csv")).expect("a file");
    }

    /// Holds that `load` ends with 1, says so in these words, and that there is no `out.csv`.
    #[track_caller]
    fn refuses(&self, line: &str, words: &[&str]) {
        // The receipt's pipe is read by the test, which would leave the note about it.
        let run = self.run(&format!("{{ {line}\n}} >/dev/null"));
        assert_eq!(run.code, 1, "{line}: {}", run.err());
        let message = run.err();
        let said = message
            .lines()
            .find(|line| line.starts_with("load: "))
            .unwrap_or_else(|| panic!("{line}: load says nothing: {message}"));
        for word in words {
            assert!(said.contains(word), "{line}: '{word}' in: {said}");
        }
        let comfort = "'out.csv' was not written";
        assert!(message.contains(comfort), "{line}: {message}");
        assert!(!self.path("out.csv").exists(), "{line}: it is there");
        self.leaves_nothing_hidden(line);
    }

    #[track_caller]
    fn leaves_nothing_hidden(&self, line: &str) {
        let entries = fs::read_dir(self.0.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let hidden: Vec<_> = names
            .filter(|name| name.to_string_lossy().starts_with(".pipewright"))
            .collect();
        assert!(hidden.is_empty(), "{line}: {hidden:?} is left");
    }

    /// Whether two files are the same, byte for byte.
    fn holds(&self, one: &str, other: &str) -> bool {
        fs::read(self.path(one)).ok() == fs::read(self.path(other)).ok()
    }

    /// The pipes that there are notes about.
    fn notes(&self) -> Vec<String> {
        let place = self.path("run/pipewright");
        let Ok(entries) = fs::read_dir(place) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name != "swept")
            .collect()
    }
}

#[track_caller]
fn is_root() -> bool {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
