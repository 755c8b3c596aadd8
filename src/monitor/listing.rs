//! The stages of pipelines as a table for people, or as records.

use super::pipeline::{Bottleneck, Pipeline, Stage};
use crate::record::field;
use crate::trust::figures::Course;

/// The columns of the table; the first three are aligned left.
const COLUMNS: [&str; 13] = [
    "stage",
    "program",
    "state",
    "records in",
    "records out",
    "MB in",
    "MB out",
    "records/s",
    "wall s",
    "CPU s",
    "waits in",
    "waits out",
    "peak MB",
];
const LEFT: usize = 3;

/// Returns a table for each pipeline, followed by its bottleneck.
pub fn table(pipelines: &[Pipeline]) -> String {
    let mut text = String::new();
    for (place, pipeline) in pipelines.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        let stages = pipeline.stages.iter().enumerate();
        let rows: Vec<[String; 13]> = stages.map(|(place, stage)| cells(place, stage)).collect();
        push_rows(&rows, &mut text);
        let verdict = match (pipeline.stages.len(), pipeline.verdict()) {
            (..2, _) => continue,
            (_, Some(verdict)) => format!("bottleneck: {verdict}"),
            (_, None) => "bottleneck: none to see, the run is too short".to_owned(),
        };
        text.push_str(&verdict);
        text.push('\n');
    }
    text
}

fn push_rows(rows: &[[String; 13]], text: &mut String) {
    let head = COLUMNS.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            all()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in all() {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column > 0 { "  " } else { "" };
            match column < LEFT {
                true => line.push_str(&format!("{gap}{cell:<width$}")),
                false => line.push_str(&format!("{gap}{cell:>width$}")),
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn cells(place: usize, stage: &Stage) -> [String; 13] {
    let figures = &stage.figures;
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    let percent = |seconds: f64| format!("{:.0} %", 100.0 * stage.share(seconds));
    [
        (place + 1).to_string(),
        format!("{}{}", "  ".repeat(stage.depth), stage.label()),
        match (state(stage), figures.exit) {
            (state, Some(code)) if figures.state == Course::Failed => format!("{state} ({code})"),
            (state, _) => state.to_owned(),
        },
        figures.records_in.to_string(),
        figures.records_out.to_string(),
        megabytes(figures.bytes_in),
        megabytes(figures.bytes_out),
        format!("{:.0}", speed(stage)),
        format!("{:.1}", figures.wall_seconds),
        format!("{:.1}", figures.cpu_seconds),
        percent(stage.waited_in()),
        percent(stage.waited_out()),
        megabytes(figures.peak_bytes),
    ]
}

fn state(stage: &Stage) -> &'static str {
    match stage.figures.state {
        Course::Running if stage.is_killed => "killed",
        Course::Running => "running",
        Course::Done => "done",
        Course::Failed => "failed",
        Course::Stopped => "stopped",
    }
}

/// Returns records per second.
fn speed(stage: &Stage) -> f64 {
    let figures = &stage.figures;
    let records = figures.records_in.max(figures.records_out);
    records as f64 / figures.wall_seconds.max(1e-3)
}

/// Returns one record for each stage.
pub fn records(pipelines: &[Pipeline]) -> Vec<u8> {
    let mut out = b"pipeline,stage,program,runs,state,exit,records_in,records_out,rejected,bytes_in,bytes_out,\
        wall_seconds,cpu_seconds,waited_in_seconds,waited_out_seconds,peak_bytes,started,pid,command,\
        is_bottleneck\n"
        .to_vec();
    for (number, pipeline) in pipelines.iter().enumerate() {
        let bottleneck = pipeline.bottleneck();
        for (place, stage) in pipeline.stages.iter().enumerate() {
            let figures = &stage.figures;
            out.extend_from_slice(format!("{},{},", number + 1, place + 1).as_bytes());
            field::push_text(figures.program.as_bytes(), b',', &mut out);
            out.push(b',');
            if let Some(command) = &figures.runs {
                field::push_text(command.as_bytes(), b',', &mut out);
            }
            let exit = figures
                .exit
                .map(|code| code.to_string())
                .unwrap_or_default();
            let figured = format!(
                ",{},{exit},{},{},{},{},{},{},{},{:.6},{:.6},{},{},{},",
                state(stage),
                figures.records_in,
                figures.records_out,
                figures.rejected,
                figures.bytes_in,
                figures.bytes_out,
                figures.wall_seconds,
                figures.cpu_seconds,
                stage.waited_in(),
                stage.waited_out(),
                figures.peak_bytes,
                figures.started,
                figures.pid,
            );
            out.extend_from_slice(figured.as_bytes());
            field::push_text(figures.command.as_bytes(), b',', &mut out);
            let is_it = bottleneck == Some(Bottleneck::Stage(place));
            out.extend_from_slice(format!(",{is_it}\n").as_bytes());
        }
    }
    out
}
