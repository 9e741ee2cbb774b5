//! What a server has beside its address, wherever it is said.

use harness::wait_for;

use super::case::{Case, each, nodes, template};
use crate::haproxy::PATIENCE;

#[test]
fn a_weight_of_default_server_is_that_of_the_lines_without_one() {
    let _nodes = nodes(159, &[1, 2, 3, 4]);
    let options = "{% if n.name == \"s3\" %}weight 5{% endif %}";
    let lines = "    default-server weight 100\n";
    let case = Case::start(
        159,
        &template(&format!("{lines}{}", each(options))),
        &[1, 2, 3],
    );
    case.assert_agrees();
    case.add(4, "");
    case.step_without_reload();
    let weights = || ["s1", "s2", "s3", "s4"].map(|name| case.state(name).unwrap().weight);
    assert_eq!(weights(), [100, 100, 5, 100]);
    let shares = case.shares(61);
    assert!(shares["s3"] < 6, "{shares:?}");
    assert!(
        ["s1", "s2", "s4"].iter().all(|name| shares[*name] >= 15),
        "{shares:?}"
    );
    assert_eq!(case.run(&["--full"]).code(), 0);
    case.assert_agrees();
    assert_eq!(weights(), [100, 100, 5, 100]);
}

#[test]
fn nodes_that_swap_their_roles_around_a_default_server_line_do_so() {
    let _nodes = nodes(160, &[1, 2]);
    let of_role = |role: &str| {
        let condition = format!("{{% if n.tags.role == \"{role}\" %}}\n");
        let loops = each("check inter 100ms").replace("%}\n    server", "%}SERVER");
        let loops = loops.replace("SERVER", &format!("{condition}    server"));
        loops.replace("\n{%- endfor", "\n{%- endif %}{% endfor")
    };
    let (primary, standby) = (of_role("primary"), of_role("standby"));
    let backend =
        format!("    default-server maxconn 100\n{primary}    default-server backup\n{standby}");
    let case = Case::start(160, &template("    balance roundrobin"), &[]);
    case.add(1, "role=primary");
    case.add(2, "role=standby");
    case.use_template(&template(&backend));
    case.follow();
    assert_eq!(case.get("/"), "s1");
    case.assert_agrees();
    case.add(1, "role=standby");
    case.add(2, "role=primary");
    case.step_with_reload("the settings of nodes/s1 differ");
    (0..10).for_each(|_| assert_eq!(case.get("/"), "s2"));
    case.assert_agrees();
}

#[test]
fn the_first_of_the_backup_servers_is_the_first_of_the_file() {
    let _nodes = nodes(164, &[1, 2]);
    let backend = each("backup");
    let case = Case::start(164, &template(&backend), &[1, 2]);
    case.assert_agrees();
    assert_eq!(case.get("/"), "s1");
    case.use_template(&template(
        &backend.replace("in nodes", "in nodes | reverse"),
    ));
    let told = case.follow();
    assert!(told.contains("run in another order"), "{told}");
    assert_eq!(case.get("/"), "s2");
    case.assert_agrees();
}

#[test]
fn a_server_that_no_command_can_say_joins_by_a_reload_and_is_shown() {
    for options in ["check-sni a;b", "check-sni \"a b\"", "check-sni \"${X-a}\""] {
        let _nodes = (options.contains(';')).then(|| nodes(161, &[2]));
        let case = Case::start(161, &template(&each(options)), &[1]);
        case.assert_agrees();
        case.add(2, "");
        case.step_with_reload(" is new");
        let (status, rows) = case.status();
        assert_eq!(rows["nodes/s2"], "fixed", "{options}");
        let notes = status["notes"].to_string();
        let note = "only a reload changes nodes/s2: it has quotes, variables, escapes";
        assert!(notes.contains(note), "{options}: {notes}");
        case.assert_agrees();
    }
}

const OFF: &str = "{% if n.tags.is == \"off\" %}disabled{% endif %}";
const ON: &str = "{% if n.tags.is == \"on\" %}enabled{% endif %}";

#[test]
fn servers_that_start_in_maintenance_are_compared_like_others() {
    let _nodes = nodes(162, &[1, 2, 3, 4]);
    let case = Case::start(162, &template("    balance roundrobin"), &[]);
    for (number, tags) in [(1, "is=off"), (2, "is=off"), (3, "is=on")] {
        case.add(number, tags);
    }
    case.use_template(&template(&each(OFF)));
    case.follow();
    case.assert_agrees();
    let (_, rows) = case.status();
    assert!(
        rows.values().all(|row| row == "same") && rows.len() == 3,
        "{rows:?}"
    );
    case.add(4, "is=off");
    case.add(1, "is=on");
    case.step_without_reload();
    let is_out = ["s1", "s2", "s3", "s4"].map(|name| case.is_out(name));
    assert_eq!(is_out, [false, true, false, true]);
    let served: Vec<String> = case.shares(6).into_keys().collect();
    assert_eq!(served, ["s1", "s3"]);
    case.assert_agrees();
}

#[test]
fn servers_that_default_server_disables_stay_in_maintenance() {
    let _nodes = nodes(163, &[1, 2, 3, 4]);
    let lines = "    default-server disabled\n";
    let case = Case::start(163, &template("    balance roundrobin"), &[]);
    case.add(1, "is=off");
    case.add(2, "is=on");
    case.use_template(&template(&format!("{lines}{}", each(ON))));
    case.follow();
    case.assert_agrees();
    assert!(case.is_out("s1"));
    assert_eq!(case.get("/"), "s2");
    case.add(3, "is=off");
    case.add(4, "is=on");
    case.step_without_reload();
    wait_for("the joined node to serve", PATIENCE, || {
        (case.get("/") == "s4").then_some(())
    });
    let is_out = || ["s1", "s2", "s3", "s4"].map(|name| case.is_out(name));
    assert_eq!(is_out(), [true, false, true, false]);
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(is_out(), [true, false, true, false]);
    case.assert_agrees();
}

#[test]
fn a_limit_that_somebody_set_is_not_looked_at_and_stays_until_a_reload() {
    let case = Case::start(180, &template(&each("maxconn 50")), &[1]);
    let limit = || case.stat("s1", "slim").unwrap();
    case.ask("set maxconn server nodes/s1 7");
    case.assert_agrees();
    assert_eq!(limit(), "7");
    assert_eq!(case.run(&["--full"]).code(), 0);
    assert_eq!(limit(), "50");
}
