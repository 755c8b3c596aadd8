//! Records behind those that a file holds: the old file is copied into the new one, which then
//! takes its place.

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

/// Bytes that are copied at once.
const CHUNK: usize = 1 << 20;

/// Whether a change that comes now may have the time of the last one.
fn is_recent(metadata: &Metadata) -> bool {
    let (seconds, rest) = (metadata.ctime(), metadata.ctime_nsec());
    let (Ok(seconds), Ok(rest)) = (u64::try_from(seconds), u32::try_from(rest)) else {
        return false;
    };
    let changed = SystemTime::UNIX_EPOCH + Duration::new(seconds, rest);
    let age = SystemTime::now().duration_since(changed);
    age.is_ok_and(|age| age < STEP)
}

/// A file whose records stay.
pub struct Old {
    file: File,
    name: String,
    length: u64,
    /// The file as it was when it was opened.
    pub standing: Standing,
}

/// A change that comes so soon after another may have the same time: the system's clock for files
/// goes in steps of some milliseconds.
const STEP: Duration = Duration::from_millis(20);

impl Old {
    /// The file at `path`; none where there is none.
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

    /// Whether there is nothing in it, not even a header.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Holds that its columns are those of the stream.
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

    /// Copies it, and ends its last line. `dialect`: of CSV, whose last record must be whole.
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
