//! Measures muster. [`Options`] is the page; `scripts/bench` runs it.

mod burst;
mod chain_cost;
mod churn;
mod churn_command;
mod faults;
mod fixture;
mod init_question;
mod kill;
mod lab;
mod latency;
mod load_command;
mod machine;
mod members;
mod memory;
mod picture;
mod process;
mod questions;
mod ratio;
mod results;
mod sample;
mod setting;
mod size;
mod story;
mod supervisors;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use exit::Exit;
use harness::cluster::Cluster;

use crate::setting::Setting;

/// Measures muster, its peers and the machine's limits
///
/// Interface
///   run        answers questions, all of them if none is named: chain, burst,
///              members, size, init, memory, effect, churn, faults
///   latency    of a cluster that runs (scripts/latency)
///   churn      requests while the membership changes (scripts/load)
///   load       asks a server at a steady rate, and prints a line of JSON
///
/// Files
///   target/bin            the programs (or those of another folder, see below)
///   bench/results.md      the answers (run without --quick)
///   bench/cost.svg, bench/latency.svg
///
/// Exit codes
///   0    done (load, churn: no request failed)
///   1    load, churn: a request failed
///   100  used wrongly
///   111  a regression, or something could not be measured
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Options {
    /// The repository
    #[arg(long, default_value = ".", value_name = "DIR")]
    root: PathBuf,
    /// The folder of the programs
    #[arg(long, env = "BENCH_PROGRAMS", value_name = "DIR")]
    programs: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Answer questions
    Run {
        /// Fewer rounds, without peers; nothing is kept, and ratios are judged
        #[arg(long)]
        quick: bool,
        /// Which (all)
        #[arg(value_parser = questions::NAMES)]
        questions: Vec<String>,
    },
    /// Measure the cluster that the environment names
    Latency {
        /// So many starts, changes and leaves of a node
        #[arg(long, default_value_t = 20)]
        rounds: usize,
        /// The memory of its programs instead
        #[arg(long)]
        memory: bool,
        /// Put the answer into bench/results.md
        #[arg(long)]
        keep: bool,
    },
    /// Put load on that cluster while it changes
    Churn(churn_command::Churn),
    /// Put load on any server
    Load(load_command::Load),
}

fn main() -> ExitCode {
    exit::main("bench", run)
}

fn run(options: Options) -> anyhow::Result<Exit> {
    let setting = |quick| Setting::new(&options.root, options.programs.clone(), quick);
    match options.action {
        Action::Load(load) => load.run(),
        Action::Run { quick, questions } => questions::run(&setting(quick)?, &questions),
        Action::Churn(churn) => churn.run(&setting(false)?),
        Action::Latency {
            rounds,
            memory,
            keep,
        } => {
            let setting = setting(false)?;
            let cluster = Cluster::of_environment(setting.root())?;
            let answer = if memory {
                memory::question(&cluster)?
            } else {
                latency::measure(&cluster, rounds)?.answer()
            };
            questions::tell(&setting, &answer, keep)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_fit_together() {
        Options::command().debug_assert();
    }

    #[test]
    fn questions_have_names_of_one_word() {
        for name in questions::NAMES {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        }
    }

    #[test]
    fn a_question_that_does_not_exist_is_refused() {
        assert!(Options::try_parse_from(["bench", "run", "beauty"]).is_err());
        assert!(Options::try_parse_from(["bench", "run", "chain", "size"]).is_ok());
    }
}
