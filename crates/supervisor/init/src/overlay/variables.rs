//! The `S6_*` variables of s6-overlay, and which of them mean something here.

use std::time::Duration;

/// Variables of s6-overlay that mean nothing here, and what to do instead.
const WITHOUT_MEANING: [(&str, &str); 5] = [
    (
        "S6_LOGGING",
        "services and commands write where init writes; a log service beside a service keeps its output",
    ),
    (
        "S6_LOGGING_SCRIPT",
        "give the log service's run file its own arguments",
    ),
    (
        "S6_CMD_RECEIVE_SIGNALS",
        "a command gets all signals but TERM, INT and QUIT, which stop everything",
    ),
    ("S6_RUNTIME_PROFILE", "start init with --services"),
    ("S6_STAGE2_HOOK", "put a script into /etc/cont-init.d"),
];

/// What happens when a script of `cont-init.d` fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IfScriptFails {
    /// 0: go on, and say so.
    #[default]
    GoOn,
    /// 1: start nothing further, neither services nor the command, and stay.
    Stay,
    /// 2: stop the container with the script's code.
    Stop,
}

/// What the `S6_*` variables ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variables {
    /// `S6_BEHAVIOUR_IF_STAGE2_FAILS`.
    pub(crate) if_script_fails: IfScriptFails,
    /// `S6_KEEP_ENV`: services start with the whole environment.
    pub(crate) keep_env: bool,
    /// `S6_SERVICES_GRACETIME`: how long a service or the command may take to stop once
    /// it was asked, and how long a service waits for its turn; `None` for ever.
    pub(crate) services_grace: Option<Duration>,
    /// `S6_KILL_GRACETIME`: the longest wait for everything else, from TERM to KILL.
    pub(crate) kill_grace: Duration,
    /// `S6_KILL_FINISH_MAXTIME`: the longest run of one script of `cont-finish.d`; `None`
    /// for ever.
    pub(crate) finish_max: Option<Duration>,
    /// `S6_CMD_WAIT_FOR_SERVICES`: the command starts when every service is up, or ready where it announces that.
    pub(crate) command_waits: bool,
    /// `S6_CMD_WAIT_FOR_SERVICES_MAXTIME`: the longest such wait; `None` for ever.
    pub(crate) command_waits_max: Option<Duration>,
    /// `S6_SYNC_DISKS`: sync at the end.
    pub(crate) sync_disks: bool,
    /// What is wrong with variables that are set, in words.
    pub(crate) complaints: Vec<String>,
}

impl Variables {
    /// Reads the variables through `get`, which looks them up in the environment. Where
    /// services are defined as s6-overlay 3 has it, `is_3`, its defaults count: the
    /// command waits for them, and for as long as it takes.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>, is_3: bool) -> Variables {
        let mut complaints = Vec::new();
        let keep_env = keeps_environment(&get, &mut complaints);
        let mut number = |name, default| number(get(name), name, default, &mut complaints);
        let if_script_fails = match number("S6_BEHAVIOUR_IF_STAGE2_FAILS", 0) {
            0 => IfScriptFails::GoOn,
            // Version 3 warns and goes on. Who fails is told in any case.
            1 if is_3 => IfScriptFails::GoOn,
            1 => IfScriptFails::Stay,
            _ => IfScriptFails::Stop,
        };
        let waits_max = if is_3 { 0 } else { 5000 };
        let command_waits_max = number("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", waits_max);
        let variables = Variables {
            if_script_fails,
            keep_env,
            services_grace: limit(number("S6_SERVICES_GRACETIME", 3000)),
            kill_grace: Duration::from_millis(number("S6_KILL_GRACETIME", 3000)),
            finish_max: limit(number("S6_KILL_FINISH_MAXTIME", 5000)),
            command_waits: number("S6_CMD_WAIT_FOR_SERVICES", 0) != 0 || is_3,
            command_waits_max: limit(command_waits_max),
            sync_disks: number("S6_SYNC_DISKS", 0) != 0,
            complaints: Vec::new(),
        };
        complaints.extend(without_meaning(&get));
        Variables {
            complaints,
            ..variables
        }
    }
}

/// Whether `S6_KEEP_ENV` asks that programs start with the whole environment: it is a
/// number other than 0.
pub fn keeps_environment(
    get: impl Fn(&str) -> Option<String>,
    complaints: &mut Vec<String>,
) -> bool {
    let name = "S6_KEEP_ENV";
    number(get(name), name, 0, complaints) != 0
}

/// An empty value counts as not set, since that is how a compose file unsets a variable.
fn number(value: Option<String>, name: &str, default: u64, complaints: &mut Vec<String>) -> u64 {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return default;
    };
    value.trim().parse().unwrap_or_else(|_| {
        complaints.push(format!(
            "{name} is {:?}, which is no number: taken as {default}",
            shorten(&value)
        ));
        default
    })
}

/// In s6-overlay a limit of 0 ms is none.
fn limit(milliseconds: u64) -> Option<Duration> {
    (milliseconds != 0).then(|| Duration::from_millis(milliseconds))
}

fn shorten(value: &str) -> String {
    value.chars().take(20).collect()
}

fn without_meaning(get: impl Fn(&str) -> Option<String>) -> Vec<String> {
    WITHOUT_MEANING
        .iter()
        .filter(|(name, _)| get(name).is_some_and(|value| !value.is_empty() && value != "0"))
        .map(|(name, instead)| format!("{name} means nothing here: {instead}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Variables {
        read_for(set, false)
    }

    fn read_for(set: &[(&str, &str)], is_3: bool) -> Variables {
        let get = |name: &str| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).into())
        };
        Variables::read(get, is_3)
    }

    #[test]
    fn s6_overlay_3_has_the_command_wait_for_ever_and_goes_on_where_1_says_warn() {
        let variables = read_for(&[], true);
        assert!(variables.command_waits && variables.command_waits_max.is_none());
        let failing = ("S6_BEHAVIOUR_IF_STAGE2_FAILS", "1");
        let if_script_fails = |is_3| read_for(&[failing], is_3).if_script_fails;
        assert_eq!(if_script_fails(true), IfScriptFails::GoOn);
        assert_eq!(if_script_fails(false), IfScriptFails::Stay);
        let variables = read_for(&[("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "200")], true);
        let limit = Some(Duration::from_millis(200));
        assert_eq!(variables.command_waits_max, limit);
    }

    #[test]
    fn the_defaults_are_s6_overlays() {
        let variables = read(&[]);
        assert_eq!(variables.if_script_fails, IfScriptFails::GoOn);
        assert_eq!(variables.services_grace, Some(Duration::from_secs(3)));
        assert_eq!(variables.kill_grace, Duration::from_secs(3));
        assert_eq!(variables.finish_max, Some(Duration::from_secs(5)));
        assert_eq!(variables.command_waits_max, Some(Duration::from_secs(5)));
        assert!(!variables.keep_env && !variables.command_waits && !variables.sync_disks);
        assert!(variables.complaints.is_empty());
    }

    #[test]
    fn what_is_set_is_followed() {
        let variables = read(&[
            ("S6_KEEP_ENV", "1"),
            ("S6_KILL_GRACETIME", "250"),
            ("S6_CMD_WAIT_FOR_SERVICES", "1"),
            ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0"),
        ]);
        assert!(variables.keep_env && variables.command_waits);
        assert_eq!(variables.kill_grace, Duration::from_millis(250));
        assert_eq!(variables.command_waits_max, None);
    }

    #[test]
    fn any_number_but_0_keeps_the_environment() {
        let keeps = |value: &str| read(&[("S6_KEEP_ENV", value)]).keep_env;
        assert!(keeps("1") && keeps("2") && keeps(" 1\n"));
        assert!(!keeps("0") && !keeps("") && !keeps("yes"));
    }

    #[test]
    fn a_failing_script_has_three_answers() {
        let answer = |value| read(&[("S6_BEHAVIOUR_IF_STAGE2_FAILS", value)]).if_script_fails;
        assert_eq!(
            ["0", "1", "2"].map(answer),
            [
                IfScriptFails::GoOn,
                IfScriptFails::Stay,
                IfScriptFails::Stop
            ]
        );
    }

    #[test]
    fn a_limit_of_0_is_none_and_a_grace_of_0_after_the_last_signal_is_no_time() {
        let variables = read(&[
            ("S6_SERVICES_GRACETIME", "0"),
            ("S6_KILL_FINISH_MAXTIME", "0"),
            ("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "0"),
            ("S6_KILL_GRACETIME", "0"),
        ]);
        assert_eq!(variables.services_grace, None);
        assert_eq!(variables.finish_max, None);
        assert_eq!(variables.command_waits_max, None);
        assert_eq!(variables.kill_grace, Duration::ZERO);
    }

    #[test]
    fn empty_is_not_set() {
        assert_eq!(
            read(&[("S6_KILL_GRACETIME", ""), ("S6_LOGGING", "")]),
            read(&[])
        );
    }

    #[test]
    fn what_is_no_number_is_told_and_left_at_its_default() {
        let variables = read(&[("S6_KILL_GRACETIME", "soon")]);
        assert_eq!(variables.kill_grace, Duration::from_secs(3));
        assert_eq!(
            variables.complaints,
            ["S6_KILL_GRACETIME is \"soon\", which is no number: taken as 3000"]
        );
    }

    #[test]
    fn what_means_nothing_here_is_told() {
        let complaints = read(&[("S6_LOGGING", "1"), ("S6_RUNTIME_PROFILE", "test")]).complaints;
        assert_eq!(complaints.len(), 2);
        assert!(
            complaints[0].starts_with("S6_LOGGING means nothing here: "),
            "{complaints:?}"
        );
    }
}
