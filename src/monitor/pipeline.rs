//! Rebuilds pipelines from the figures that stages left in a directory, and finds the bottleneck of each.
//!
//! The reader of a pipe follows its writer. If a foreign program is between two stages, they are matched by their
//! parent process, their overlapping times and the inode numbers of their pipes, which a shell creates in order.

use std::fs;
use std::io;
use std::path::Path;

use crate::trust::figures::{Course, End, Figures};
use crate::trust::process;

/// One stage of a pipeline.
#[derive(Clone, Debug)]
pub struct Stage {
    /// What the stage reports.
    pub figures: Figures,
    /// The name of its file, without the extension.
    id: String,
    /// Whether it reports that it is running although its process is gone.
    pub is_killed: bool,
    /// How many stages it is nested in, each running the next as its command.
    pub depth: usize,
}

impl Stage {
    /// Returns its program, with the foreign command that it runs.
    pub fn label(&self) -> String {
        match &self.figures.runs {
            Some(command) => format!("{} {command}", self.figures.program),
            None => self.figures.program.clone(),
        }
    }

    /// Whether it is still running.
    pub fn is_running(&self) -> bool {
        self.figures.state == Course::Running && !self.is_killed
    }

    /// Returns the seconds spent waiting for upstream; reading files counts as work.
    pub fn waited_in(&self) -> f64 {
        let is_file = |end: &End| matches!(end, End::File(_));
        match self.figures.inputs.iter().all(is_file) {
            true => 0.0,
            false => self.figures.blocked_in_seconds,
        }
    }

    /// Returns the seconds spent waiting for downstream; writing files counts as work.
    pub fn waited_out(&self) -> f64 {
        match pipes(&self.figures.outputs).next() {
            Some(_) => self.figures.blocked_out_seconds,
            None => 0.0,
        }
    }

    /// Returns the seconds spent working: waiting for neither.
    pub fn worked(&self) -> f64 {
        (self.figures.wall_seconds - self.waited_in() - self.waited_out()).max(0.0)
    }

    /// Returns these seconds as a share of the stage's wall time.
    pub fn share(&self, seconds: f64) -> f64 {
        match self.figures.wall_seconds > 0.0 {
            true => (seconds / self.figures.wall_seconds).clamp(0.0, 1.0),
            false => 0.0,
        }
    }
}

/// Stages joined by pipes, in the order of the stream.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// A stage that another one runs comes after it.
    pub stages: Vec<Stage>,
    /// Pairs of stages with a foreign program between them: the places of the one before and the one after it.
    foreign: Vec<(usize, usize)>,
}

/// Reads all pipelines whose stages left figures in `directory`, in the order in which they started.
///
/// # Errors
/// The directory cannot be read.
pub fn read(directory: &Path) -> io::Result<Vec<Pipeline>> {
    let mut stages = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_figures = path.extension().is_some_and(|ending| ending == "json");
        if let (true, Ok(text)) = (is_figures, fs::read(&path))
            && let Ok(figures) = serde_json::from_slice::<Figures>(&text)
        {
            let process = figures.pid.to_string();
            let is_there =
                process::started(&process).is_ok_and(|start| start == figures.process_start);
            let id = path.file_stem().unwrap_or_default().to_string_lossy();
            stages.push(Stage {
                id: id.into_owned(),
                is_killed: figures.state == Course::Running && !is_there,
                figures,
                depth: 0,
            });
        }
    }
    stages.sort_by(|one, other| one.id.cmp(&other.id));
    let is_inner = |stage: &Stage| {
        let within = stage.figures.within.as_ref();
        within.is_some_and(|outer| stages.iter().any(|stage| stage.id == *outer))
    };
    let (inner, outer) = stages.iter().cloned().partition(is_inner);
    Ok(in_pipelines(outer, &inner, 0))
}

fn pipes(ends: &[End]) -> impl Iterator<Item = &str> {
    ends.iter().filter_map(|end| match end {
        End::Pipe(key) => Some(key.as_str()),
        _ => None,
    })
}

/// A connection from one stage's output to another's input.
struct Joint {
    from: usize,
    to: usize,
    is_foreign: bool,
}

fn in_pipelines(stages: Vec<Stage>, inner: &[Stage], depth: usize) -> Vec<Pipeline> {
    let joints = joints(&stages);
    let mut left: Vec<usize> = (0..stages.len()).collect();
    let mut pipelines = Vec::new();
    while let Some(&first) = left.first() {
        let members = joined_with(first, &joints);
        left.retain(|stage| !members.contains(stage));
        let order = ordered(members, &joints);
        let mut pipeline = Pipeline::default();
        let mut places = vec![0; stages.len()];
        for &stage in &order {
            places[stage] = pipeline.stages.len();
            let stage = Stage {
                depth,
                ..stages[stage].clone()
            };
            let is_run = |one: &&Stage| one.figures.within.as_ref() == Some(&stage.id);
            let run: Vec<Stage> = inner.iter().filter(is_run).cloned().collect();
            pipeline.stages.push(stage);
            for within in in_pipelines(run, inner, depth + 1) {
                pipeline.stages.extend(within.stages);
            }
        }
        let is_foreign = |joint: &&Joint| joint.is_foreign && order.contains(&joint.from);
        pipeline.foreign = joints
            .iter()
            .filter(is_foreign)
            .map(|joint| (places[joint.from], places[joint.to]))
            .collect();
        pipelines.push(pipeline);
    }
    pipelines
}

fn joints(stages: &[Stage]) -> Vec<Joint> {
    let mut joints = Vec::new();
    let mut open_outputs = Vec::new();
    let mut open_inputs = Vec::new();
    for (from, writer) in stages.iter().enumerate() {
        for pipe in pipes(&writer.figures.outputs) {
            let reads = |stage: &Stage| pipes(&stage.figures.inputs).any(|input| input == pipe);
            let readers = (0..stages.len()).filter(|&to| to != from && reads(&stages[to]));
            let old = joints.len();
            joints.extend(readers.map(|to| Joint {
                from,
                to,
                is_foreign: false,
            }));
            if joints.len() == old {
                open_outputs.push((number(pipe), from));
            }
        }
        for pipe in pipes(&writer.figures.inputs) {
            let writes = |stage: &Stage| pipes(&stage.figures.outputs).any(|output| output == pipe);
            if !stages.iter().any(writes) {
                open_inputs.push((number(pipe), from));
            }
        }
    }
    open_outputs.sort_unstable();
    open_inputs.sort_unstable();
    for (output, from) in open_outputs {
        let is_next = |&(input, to): &(u64, usize)| {
            input > output && to != from && are_together(&stages[from].figures, &stages[to].figures)
        };
        if let Some(place) = open_inputs.iter().position(is_next) {
            let (_, to) = open_inputs.remove(place);
            joints.push(Joint {
                from,
                to,
                is_foreign: true,
            });
        }
    }
    joints
}

/// Returns a pipe's inode, the last part of its key.
fn number(pipe: &str) -> u64 {
    let inode = pipe.rsplit('-').next().unwrap_or_default();
    u64::from_str_radix(inode, 16).unwrap_or(0)
}

/// Whether one parent process ran both at the same time.
fn are_together(one: &Figures, other: &Figures) -> bool {
    let start = |figures: &Figures| figures.started.parse::<jiff::Timestamp>().ok();
    let (Some(first), Some(second)) = (start(one), start(other)) else {
        return false;
    };
    let apart = first.duration_since(second).as_secs_f64();
    one.parent == other.parent
        && apart < other.wall_seconds + 0.1
        && -apart < one.wall_seconds + 0.1
}

/// Returns all stages connected to `first`, directly or through others.
fn joined_with(first: usize, joints: &[Joint]) -> Vec<usize> {
    let mut members = vec![first];
    let mut seen = 0;
    while let Some(&member) = members.get(seen) {
        seen += 1;
        for joint in joints {
            for (one, other) in [(joint.from, joint.to), (joint.to, joint.from)] {
                if one == member && !members.contains(&other) {
                    members.push(other);
                }
            }
        }
    }
    members
}

/// Places every stage after those that feed it. If several qualify, the one that the last placed stage feeds comes
/// next, otherwise the one that started first.
fn ordered(mut members: Vec<usize>, joints: &[Joint]) -> Vec<usize> {
    members.sort_unstable();
    let mut order: Vec<usize> = Vec::new();
    while !members.is_empty() {
        let is_fed = |to: usize| {
            joints
                .iter()
                .any(|joint| joint.to == to && members.contains(&joint.from))
        };
        let follows = |to: usize| {
            joints
                .iter()
                .any(|joint| joint.to == to && order.last() == Some(&joint.from))
        };
        let free: Vec<usize> = members
            .iter()
            .copied()
            .filter(|&stage| !is_fed(stage))
            .collect();
        let next = free.iter().copied().find(|&stage| follows(stage));
        // In a cycle, which shells do not create, any stage may come first.
        let next = next.or(free.first().copied()).unwrap_or(members[0]);
        members.retain(|&stage| stage != next);
        order.push(next);
    }
    order
}

/// What limits the speed of a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bottleneck {
    /// The stage at this place.
    Stage(usize),
    /// Whatever feeds the stage at this place.
    Before(usize),
    /// A foreign program between the stages at these two places.
    Between(usize, usize),
    /// Whatever reads from the stage at this place.
    Behind(usize),
}

/// Below this many seconds, startup dominates the figures and they show nothing.
const SHORT: f64 = 0.1;

impl Pipeline {
    /// Returns the stage that spent the most time working rather than waiting, or what stands before, between or
    /// after the stages if they waited longer for that. None if the run is too short to tell.
    pub fn bottleneck(&self) -> Option<Bottleneck> {
        let long = |stage: &Stage| stage.figures.wall_seconds >= SHORT;
        if !self.stages.iter().any(long) {
            return None;
        }
        let mut longest: (f64, Option<Bottleneck>) = (0.0, None);
        let mut weigh = |seconds: f64, which| {
            if seconds > longest.0 {
                longest = (seconds, Some(which));
            }
        };
        for (place, stage) in self.outer() {
            weigh(stage.worked(), Bottleneck::Stage(place));
            if !self.has_neighbour(place, |joint| joint.1) && self.writer_of(place).is_none() {
                weigh(stage.waited_in(), Bottleneck::Before(place));
            }
            if !self.has_neighbour(place, |joint| joint.0) && self.reader_of(place).is_none() {
                weigh(stage.waited_out(), Bottleneck::Behind(place));
            }
        }
        for &(before, behind) in &self.foreign {
            // If a foreign program is late because its own input is, it is not the bottleneck.
            let late = self.stages[before].figures.wall_seconds - self.stages[before].waited_out();
            let seconds = self.stages[behind].waited_in() - late;
            weigh(seconds, Bottleneck::Between(before, behind));
        }
        longest.1
    }

    /// Returns the bottleneck in words, with the figures that show it.
    pub fn verdict(&self) -> Option<String> {
        let waits = |place: usize, seconds: f64| {
            let stage = &self.stages[place];
            format!(
                "{} waits {:.0} % of its time",
                self.named(place),
                100.0 * stage.share(seconds)
            )
        };
        Some(match self.bottleneck()? {
            Bottleneck::Stage(place) => {
                let stage = &self.stages[place];
                let own_reads = stage.figures.blocked_in_seconds - stage.waited_in();
                let (does, seconds) = match own_reads > stage.worked() / 2.0 {
                    true => ("reads its files", own_reads),
                    false => ("works", stage.worked()),
                };
                let mut text = format!(
                    "{} {does} {:.0} % of its time",
                    self.named(place),
                    100.0 * stage.share(seconds)
                );
                if let Some(writer) = self.writer_of(place) {
                    let waited = waits(writer, self.stages[writer].waited_out());
                    text.push_str(&format!("; {waited} for its reader"));
                }
                if let Some(reader) = self.reader_of(place) {
                    let waited = waits(reader, self.stages[reader].waited_in());
                    text.push_str(&format!("; {waited} for its writer"));
                }
                text
            }
            Bottleneck::Before(place) => {
                let waited = waits(place, self.stages[place].waited_in());
                format!("what feeds {}: {waited} for it", self.named(place))
            }
            Bottleneck::Behind(place) => {
                let waited = waits(place, self.stages[place].waited_out());
                format!("what reads {}: {waited} for it", self.named(place))
            }
            Bottleneck::Between(before, behind) => format!(
                "what stands between {} and {}: {}, {} ('balance -n 1 -- COMMAND' shows it as a stage)",
                self.named(before),
                self.named(behind),
                waits(before, self.stages[before].waited_out()),
                waits(behind, self.stages[behind].waited_in()),
            ),
        })
    }

    /// Whether any of its stages is running.
    pub fn is_running(&self) -> bool {
        self.stages.iter().any(Stage::is_running)
    }

    /// Returns the stages that no other stage runs, with their places.
    fn outer(&self) -> impl Iterator<Item = (usize, &Stage)> {
        self.stages
            .iter()
            .enumerate()
            .filter(|(_, stage)| stage.depth == 0)
    }

    fn writer_of(&self, place: usize) -> Option<usize> {
        let inputs = &self.stages[place].figures.inputs;
        let feeds = |stage: &Stage| {
            pipes(&stage.figures.outputs).any(|pipe| pipes(inputs).any(|input| input == pipe))
        };
        self.outer()
            .find(|(other, stage)| *other != place && feeds(stage))
            .map(|(other, _)| other)
    }

    fn reader_of(&self, place: usize) -> Option<usize> {
        let outputs = &self.stages[place].figures.outputs;
        let takes = |stage: &Stage| {
            pipes(&stage.figures.inputs).any(|pipe| pipes(outputs).any(|output| output == pipe))
        };
        self.outer()
            .find(|(other, stage)| *other != place && takes(stage))
            .map(|(other, _)| other)
    }

    fn has_neighbour(&self, place: usize, side: impl Fn(&(usize, usize)) -> usize) -> bool {
        self.foreign.iter().any(|joint| side(joint) == place)
    }

    /// Returns the name of a stage in quotes, with its number if others have the same name.
    fn named(&self, place: usize) -> String {
        let label = self.stages[place].label();
        let same = self
            .stages
            .iter()
            .filter(|stage| stage.label() == label)
            .count();
        match same {
            1 => format!("'{label}'"),
            _ => format!("'{label}' (stage {})", place + 1),
        }
    }
}
