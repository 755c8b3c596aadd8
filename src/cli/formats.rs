//! Flags that say which format the sources have, and those that are about one format each, as the table of
//! formats has them.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use crate::format::entry::{Read, Said};
use crate::format::source::all;
use crate::format::{Extra, Format, Pattern};
use crate::verb::extract::Reading;

use super::{CsvFlags, Usage};

/// Which format the sources have.
#[derive(Args, Clone, Debug)]
pub struct FormatFlags {
    #[arg(long, value_name = "FORMAT", value_parser = Format::named, help = from_help())]
    from: Option<&'static Format>,

    /// Lines by a regular expression whose named groups, `(?<name>...)`, are the columns
    #[arg(long, value_name = "REGEX", conflicts_with = "from")]
    pattern: Option<String>,

    #[command(flatten)]
    own: OwnFlags,
}

fn from_help() -> String {
    format!("The format: {} [default: by the ending]", Format::names())
}

impl FormatFlags {
    /// Which of the flags were given.
    pub fn given(&self) -> Vec<String> {
        let own = self.own.0.iter().map(|(flag, _)| format!("--{flag}"));
        let from = self.from.map(|_| "--from".to_owned());
        let pattern = self.pattern.as_ref().map(|_| "--pattern".to_owned());
        from.into_iter().chain(pattern).chain(own).collect()
    }

    /// The format of these files, with what the flags say about it.
    ///
    /// # Errors
    /// A wrong usage: the files are of several formats, or a flag says nothing about the format.
    pub fn reading(
        &self,
        paths: &[PathBuf],
        csv: &CsvFlags,
        extra: Option<Extra>,
    ) -> anyhow::Result<Reading> {
        if let Some(pattern) = &self.pattern {
            self.refuse_strangers(None, csv)?;
            let pattern = Pattern::new(pattern).map_err(Usage::error)?;
            return Ok(Reading::Units(Box::new(pattern)));
        }
        let format = match self.from {
            Some(format) => format,
            None if csv.has_delimiter() => Format::named("csv").map_err(Usage::error)?,
            None => Format::of_files(paths).map_err(Usage::error)?,
        };
        self.refuse_strangers(Some(format), csv)?;
        Ok(match format.read {
            Read::Csv(delimiter) => csv.reading(delimiter, extra)?,
            Read::Units(read) => {
                let said = Said {
                    flag: &|name| self.own.value(name),
                    names: csv.names(),
                };
                Reading::Units(read(&said).map_err(Usage::error)?)
            }
        })
    }

    /// Flags that say nothing about this format, or about a pattern, are a mistake.
    fn refuse_strangers(&self, format: Option<&Format>, csv: &CsvFlags) -> anyhow::Result<()> {
        for (flag, _) in &self.own.0 {
            let has_it = |format: &&Format| format.flags.iter().any(|own| own.name == *flag);
            if !format.as_ref().is_some_and(has_it) {
                let owner = all().find(has_it).map_or("", |format| format.name);
                return Err(Usage::error(format!("--{flag} is for --from {owner} only")));
            }
        }
        let is_csv = format.is_some_and(|format| matches!(format.read, Read::Csv(_)));
        let takes_names = format.is_some_and(|format| format.takes_names);
        let mut given = csv.given().into_iter();
        match given.find(|flag| !(is_csv || takes_names && *flag == "--names")) {
            Some(flag) => Err(Usage::error(format!("{flag} is for CSV only"))),
            None => Ok(()),
        }
    }
}

/// What was said by the flags of the table: names and values.
#[derive(Clone, Debug, Default)]
struct OwnFlags(Vec<(&'static str, String)>);

impl OwnFlags {
    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(flag, _)| *flag == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Args for OwnFlags {
    fn augment_args(command: Command) -> Command {
        let flags = all().flat_map(|format| format.flags);
        flags.fold(command, |command, flag| {
            let argument = Arg::new(flag.name).long(flag.name);
            command.arg(argument.value_name(flag.value).help(flag.help))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OwnFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = all().flat_map(|format| format.flags);
        let said = flags.filter_map(|flag| {
            let value = matches.get_one::<String>(flag.name)?;
            Some((flag.name, value.clone()))
        });
        Ok(OwnFlags(said.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
