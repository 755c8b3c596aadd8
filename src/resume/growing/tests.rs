//! Random histories of files that grow, rotate, are compressed, copied, taken away and put back, read on by
//! runs some of which are killed: whatever happens, each line is loaded once, or a run refuses and says how to
//! go on.
//!
//! PIPEWRIGHT_TEST_CASES=N tries N histories instead of 300, PIPEWRIGHT_TEST_SEED=N others.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::resume::growing::*;
use crate::stream::{Framing, Input};

/// A sequence that looks random, and is the same in every run (Steele, Lea and Flood, SplitMix64, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % below as u64) as usize
    }
}

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    Log,
    Glob,
    Directory,
}

/// What a rotation calls the older part.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Naming {
    Numbers,
    /// From the first one on, as some libraries do.
    Rising,
    Dates,
    /// A date in front of the ending.
    Inside,
}

/// One history.
struct World {
    place: tempfile::TempDir,
    dice: Dice,
    means: Means,
    naming: Naming,
    /// Rotations so far.
    day: usize,
    written: Vec<String>,
    loaded: Vec<String>,
    position: Option<Position>,
    log: Vec<String>,
    next: usize,
    /// Whether files begin with the same lines. Of such ones a rotation is always done in one manner.
    are_alike: bool,
    copies: bool,
    held: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let means = [Means::Log, Means::Log, Means::Glob, Means::Directory][dice.roll(4)];
        let naming = [
            Naming::Numbers,
            Naming::Numbers,
            Naming::Rising,
            Naming::Dates,
            Naming::Inside,
        ][dice.roll(5)];
        // In a set, a name with a date in front of its ending is that of a file of its own.
        let naming = match (means, naming) {
            (Means::Glob, Naming::Inside) => Naming::Dates,
            _ => naming,
        };
        let are_alike = dice.roll(3) == 0;
        let copies = dice.roll(3) == 0;
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("in")).unwrap();
        fs::create_dir(place.path().join("hold")).unwrap();
        World {
            place,
            dice,
            means,
            naming,
            day: 0,
            written: Vec::new(),
            loaded: Vec::new(),
            position: None,
            log: Vec::new(),
            next: 0,
            are_alike,
            copies,
            held: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join("in").join(name)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.place.path().join("in"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn sources(&self) -> Vec<PathBuf> {
        let is_meant = |name: &&String| self.means == Means::Directory || name.starts_with("app");
        match self.means {
            Means::Log => vec![self.path("app.log")],
            _ => self
                .names()
                .iter()
                .filter(is_meant)
                .map(|name| self.path(name))
                .collect(),
        }
    }

    fn append(&mut self, name: &str, count: usize) {
        let path = self.path(name);
        let mut text = String::new();
        let is_new = fs::metadata(&path).map_or(0, |metadata| metadata.len()) == 0;
        // A log that was emptied and holds the very same again, to the byte, is nothing but its copy.
        let count = match is_new && self.are_alike && self.copies {
            true => count + 3,
            false => count,
        };
        for place in 0..count {
            let line = match is_new && self.are_alike && place < 2 {
                true => format!("start {place}\n"),
                false => {
                    self.next += 1;
                    format!("{} a line that is of some length\n", self.next)
                }
            };
            text.push_str(&line);
            self.written.push(line);
        }
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// One run: whether it was not refused. One that is killed commits nothing.
    fn run(&mut self, is_killed: bool) -> Result<bool, String> {
        if self.sources().is_empty() {
            return Ok(true);
        }
        let following = Following {
            resume: Resume::new("f", "t".to_owned(), self.position.clone()),
            sources: vec![match self.means {
                Means::Log => self.path("app.log"),
                Means::Glob => self.path("app*"),
                Means::Directory => self.place.path().join("in"),
            }],
            accept_gap: false,
            accept_unfinished: false,
        };
        let all = |following: Following| -> anyhow::Result<(Vec<String>, Position)> {
            let growing = following.begin(Lead::default(), None)?;
            let mut input = Input::new(growing.openers(), Framing::Lines);
            let mut lines = Vec::new();
            while let Some(block) = input.next(&mut Vec::new())? {
                let text = String::from_utf8(block.bytes).unwrap();
                lines.extend(text.split_inclusive('\n').map(str::to_owned));
            }
            drop(input);
            let mut progress = std::mem::take(&mut *lock(&growing.progress));
            progress.settle()?;
            assert_eq!(progress.read, growing.pieces.len());
            Ok((lines, position(progress, growing.columns)?))
        };
        match all(following) {
            Err(error) => {
                let words = format!("{error:#}");
                self.log.push(format!("refused: {words}"));
                Err(words)
            }
            Ok((lines, to)) => {
                self.log
                    .push(format!("run, {} lines, killed {is_killed}", lines.len()));
                if !is_killed {
                    self.loaded.extend(lines);
                    self.position = Some(to);
                }
                Ok(true)
            }
        }
    }

    /// Older parts, by name.
    fn older(&self) -> Vec<String> {
        self.names()
            .into_iter()
            .filter(|name| name.starts_with("app") && name != "app.log")
            .collect()
    }

    fn rotated_name(&mut self) -> String {
        self.day += 1;
        match self.naming {
            Naming::Numbers => {
                let number = |name: &str| {
                    let mut parts = name.strip_prefix("app.log.")?.splitn(2, '.');
                    Some((
                        parts.next()?.parse::<u32>().ok()?,
                        parts
                            .next()
                            .map_or(String::new(), |ending| format!(".{ending}")),
                    ))
                };
                let mut all: Vec<(u32, String, String)> = (self.older().into_iter())
                    .filter_map(|name| number(&name).map(|(number, ending)| (number, ending, name)))
                    .collect();
                all.sort_by(|a, b| b.cmp(a));
                for (number, ending, name) in all {
                    fs::rename(
                        self.path(&name),
                        self.path(&format!("app.log.{}{ending}", number + 1)),
                    )
                    .unwrap();
                }
                "app.log.1".to_owned()
            }
            Naming::Rising => format!("app.log.{}", self.day),
            Naming::Dates => format!("app.log-{}", 20_260_100 + self.day),
            Naming::Inside => format!("app-{}.log", 20_260_100 + self.day),
        }
    }

    fn step(&mut self) {
        let count = self.dice.roll(4);
        let choice = match (self.dice.roll(12), self.copies) {
            (0 | 1, true) if self.are_alike => 2,
            (2, false) if self.are_alike => 0,
            (choice, _) => choice,
        };
        self.log.push(format!("step {choice} with {count}"));
        match choice {
            // A rotation by renaming, with late lines.
            0 | 1 if self.means != Means::Directory && self.path("app.log").exists() => {
                let to = self.rotated_name();
                fs::rename(self.path("app.log"), self.path(&to)).unwrap();
                if self.dice.roll(3) == 0 {
                    self.append(&to, count);
                }
                if self.dice.roll(3) == 0 {
                    let _ = self.run(false);
                }
                if self.dice.roll(4) > 0 {
                    self.append("app.log", count);
                }
            }
            // One by copying and emptying.
            2 if self.means != Means::Directory && self.path("app.log").exists() => {
                let to = self.rotated_name();
                fs::copy(self.path("app.log"), self.path(&to)).unwrap();
                if self.dice.roll(3) == 0 {
                    let _ = self.run(false);
                }
                File::create(self.path("app.log")).unwrap();
                self.append("app.log", count);
            }
            // An older part is compressed, perhaps while a run looks.
            3 => self.compress(),
            // A clock that is wrong.
            4 => {
                let names = self.names();
                if let Some(name) = names.get(self.dice.roll(names.len().max(1))) {
                    let file = File::options().write(true).open(self.path(name)).unwrap();
                    let days = self.dice.roll(2_000) as u64;
                    let time = SystemTime::now() - Duration::from_secs(86_400 * 1_000)
                        + Duration::from_secs(86_400 * days);
                    file.set_modified(time).unwrap();
                }
            }
            5 => {
                let _ = self.run(true);
            }
            6 | 7 => {
                let _ = self.run(false);
            }
            // Files of a set come, go, are like others, and return.
            8 if self.means == Means::Directory => {
                let name = format!("day-{:02}.csv", self.dice.roll(12));
                // One that is away keeps its name.
                if !self.held.iter().any(|held| held.starts_with(&name)) {
                    self.append(&name, count + 1);
                }
            }
            9 if self.means == Means::Directory => {
                let names = self.names();
                let new = format!("export-{}.csv", self.next);
                self.next += 1;
                if let Some(name) = names.get(self.dice.roll(names.len().max(1)))
                    && name.ends_with(".csv")
                {
                    let text = fs::read_to_string(self.path(name)).unwrap();
                    let text = match self.dice.roll(3) {
                        // Like it but for a line in the middle, a part of it, or the same.
                        0 => text.replacen("of some", "OF SOME", 1),
                        1 => text.split_inclusive('\n').take(2).collect(),
                        _ => text,
                    };
                    self.written
                        .extend(text.split_inclusive('\n').map(str::to_owned));
                    fs::write(self.path(&new), text).unwrap();
                }
            }
            10 if self.means == Means::Directory => {
                let names = self.names();
                if let Some(name) = names.get(self.dice.roll(names.len().max(1)))
                    && !self
                        .held
                        .iter()
                        .any(|held| held.starts_with(&name[..name.len().min(10)]))
                {
                    fs::rename(self.path(name), self.place.path().join("hold").join(name)).unwrap();
                    self.held.push(name.clone());
                }
            }
            11 if self.means == Means::Directory => self.put_back(),
            _ if self.means == Means::Directory => {
                let names = self.names();
                let plain: Vec<_> = names
                    .into_iter()
                    .filter(|name| name.ends_with(".csv"))
                    .collect();
                if let Some(name) = plain.get(self.dice.roll(plain.len().max(1))) {
                    let name = name.clone();
                    self.append(&name, count);
                }
            }
            _ => self.append("app.log", count),
        }
    }

    fn put_back(&mut self) {
        for name in std::mem::take(&mut self.held) {
            let from = self.place.path().join("hold").join(&name);
            fs::rename(from, self.path(&name)).unwrap();
        }
    }

    fn compress(&mut self) {
        let names = self.names();
        let plain: Vec<_> = (names.into_iter())
            .filter(|name| name != "app.log" && !name.ends_with(".gz") && !name.ends_with(".zst"))
            .collect();
        let Some(name) = plain.get(self.dice.roll(plain.len().max(1))) else {
            return;
        };
        // A log of ours that is read alone and not rotated any more is not compressed.
        let text = fs::read(self.path(name)).unwrap();
        let ending = ["gz", "zst"][self.dice.roll(2)];
        let packed = match ending {
            "gz" => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(&text).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(&text[..], 1).unwrap(),
        };
        let to = self.path(&format!("{name}.{ending}"));
        if to.exists() {
            return;
        }
        if self.dice.roll(3) == 0 {
            fs::write(&to, &packed[..packed.len() * self.dice.roll(10) / 10]).unwrap();
            let _ = self.run(false);
        }
        let modified = fs::metadata(self.path(name)).unwrap().modified().unwrap();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&to)
            .unwrap();
        file.write_all(&packed).unwrap();
        file.set_modified(modified).unwrap();
        if self.dice.roll(3) == 0 {
            let _ = self.run(false);
        }
        fs::remove_file(self.path(name)).unwrap();
    }

    /// What is wrong, if anything.
    fn fault(&self, is_all: bool) -> Option<String> {
        let mut counts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        self.written
            .iter()
            .for_each(|line| counts.entry(line).or_default().0 += 1);
        self.loaded
            .iter()
            .for_each(|line| counts.entry(line).or_default().1 += 1);
        let wrong: Vec<_> = counts
            .into_iter()
            .filter(|(_, (written, loaded))| loaded > written || is_all && loaded < written)
            .collect();
        (!wrong.is_empty()).then(|| format!("(written, loaded): {wrong:?}"))
    }
}

fn show(world: &World, seed: u64, fault: &str) -> String {
    let files: Vec<String> = (world.names().iter())
        .map(|name| {
            format!(
                "{name}: {} bytes",
                fs::metadata(world.path(name)).map_or(0, |metadata| metadata.len())
            )
        })
        .collect();
    format!(
        "seed {seed}: {:?} {:?} alike {}\n{}\n{fault}\n{files:#?}",
        world.means,
        world.naming,
        world.are_alike,
        world.log.join("\n")
    )
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

#[test]
fn whatever_happens_each_line_is_loaded_once_or_a_run_refuses() {
    let (cases, first) = (
        number("PIPEWRIGHT_TEST_CASES", 300),
        number("PIPEWRIGHT_TEST_SEED", 0),
    );
    let (mut refused, mut lines) = (BTreeMap::<String, u32>::new(), 0);
    for seed in first..first + cases {
        let mut world = World::new(seed);
        match world.means {
            Means::Directory => world.append("day-00.csv", 3),
            _ => world.append("app.log", 3),
        }
        if world.run(false).is_err() {
            panic!("{}", show(&world, seed, "the first run was refused"));
        }
        for _ in 0..25 {
            world.step();
            if let Some(fault) = world.fault(false) {
                panic!("{}", show(&world, seed, &fault));
            }
        }
        world.put_back();
        if world.means != Means::Directory && !world.path("app.log").exists() {
            world.append("app.log", 1);
        }
        match world.run(false) {
            Ok(_) => {
                if let Some(fault) = world.fault(true) {
                    panic!("{}", show(&world, seed, &fault));
                }
                lines += world.loaded.len();
            }
            Err(words) => {
                let is_told = [
                    "--accept-gap",
                    "run the pipeline again",
                    "name them as sources",
                ]
                .iter()
                .any(|way| words.contains(way));
                assert!(is_told, "{}", show(&world, seed, &words));
                let name = Path::new(&world.place.path()).display().to_string();
                let kind: String = words
                    .replace(&name, "")
                    .chars()
                    .filter(|letter| !letter.is_ascii_digit())
                    .collect();
                *refused.entry(kind).or_default() += 1;
            }
        }
    }
    let count: u32 = refused.values().sum();
    println!("{cases} histories, {lines} lines, {count} refused at their end: {refused:#?}");
    assert!(u64::from(count) <= cases / 10 + 1, "{refused:#?}");
}
