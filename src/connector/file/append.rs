//! Appends records to a file: the old file is copied into a new one, which then takes its place.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};

use crate::bytes::{Dialect, scan};
use crate::connector::file::sidecar::Standing;
use crate::load::nearest_of;
use crate::record::Header;
use crate::stream::{Framing, Input, Opener, Output, Source};

/// Bytes copied at once.
const CHUNK: usize = 1 << 20;

/// Returns whether a change made now could get the same timestamp as the last one.
fn is_recent(metadata: &Metadata) -> bool {
    let (seconds, rest) = (metadata.ctime(), metadata.ctime_nsec());
    let (Ok(seconds), Ok(rest)) = (u64::try_from(seconds), u32::try_from(rest)) else {
        return false;
    };
    let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, rest);
    let age = SystemTime::now().duration_since(changed);
    age.is_ok_and(|age| age < STEP)
}

/// An existing file that records are appended to.
pub struct Old {
    file: File,
    name: String,
    length: u64,
    /// The identity and times of the file when it was opened.
    pub standing: Standing,
}

/// Two changes within this time may get the same timestamp: the kernel's clock for files advances in steps of some
/// milliseconds.
const STEP: Duration = Duration::from_millis(20);

impl Old {
    /// Opens the file at `path`; None if it does not exist.
    pub fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        let name = path.display().to_string();
        let cannot = || format!("cannot open '{name}'");
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(cannot),
        };
        let mut metadata: Metadata = file.metadata().with_context(cannot)?;
        if is_recent(&metadata) {
            std::thread::sleep(STEP);
            metadata = file.metadata().with_context(cannot)?;
        }
        Ok(Some(Old {
            file,
            name,
            length: metadata.len(),
            standing: Standing::of(&metadata),
        }))
    }

    /// Returns whether the file holds nothing, not even a header.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Checks that the file has the columns of the stream, in the same order.
    pub fn refuse_others(&self, header: &Header, dialect: Dialect) -> anyhow::Result<()> {
        let file = self.file.try_clone().context("cannot read the old file")?;
        let name: Arc<str> = Arc::from(self.name.as_str());
        let opener: Opener = Box::new(move || Ok(Source::own(name, Box::new(file))));
        let old = Input::new([opener], Framing::Records(dialect)).header()?;
        if old == *header {
            return Ok(());
        }
        let missing = |one: &Header, other: &Header| {
            let mut names = one.names().iter();
            names.find(|name| other.position(name).is_none()).cloned()
        };
        let name = &self.name;
        if let Some(strange) = missing(header, &old) {
            let nearest = nearest_of(&strange, old.names());
            bail!("'{name}' has no column '{strange}': {nearest}");
        }
        if let Some(absent) = missing(&old, header) {
            bail!("'{name}' has a column '{absent}', and the stream has none");
        }
        bail!(
            "'{name}' has its columns in another order: {}",
            old.names().join(", ")
        )
    }

    /// Copies the file and terminates its last line. `dialect` is set for CSV, whose last record must be complete.
    pub fn copy(&self, dialect: Option<Dialect>, output: &mut Output) -> anyhow::Result<()> {
        let cannot = || format!("cannot read '{}'", self.name);
        let mut file = &self.file;
        std::io::Seek::rewind(&mut file).with_context(cannot)?;
        let mut left = file.take(self.length);
        let mut chunk = vec![0; CHUNK];
        let (mut is_inside, mut last) = (false, None);
        loop {
            let count = match left.read(&mut chunk) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result.with_context(cannot)?,
            };
            let Some(end) = chunk[..count].last() else {
                break;
            };
            last = Some(*end);
            if let Some(dialect) = dialect {
                is_inside ^= scan::tally(&chunk[..count], dialect).is_odd;
            }
            output.write(&chunk[..count])?;
        }
        if is_inside {
            bail!(
                "'{}' ends inside a quoted field; nothing can be appended to it",
                self.name
            );
        }
        if last.is_some_and(|byte| byte != b'\n') {
            output.write(b"\n")?;
        }
        Ok(())
    }
}
