//! The lines of a file that are no servers, and those of other files.

use super::case::{Case, each, nodes, template};
use crate::haproxy::front;

#[test]
fn a_file_that_haproxy_reads_besides_is_no_difference() {
    let mut bind = front(170);
    bind.set_port(8081);
    let first = format!(
        "defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    timeout server 5s\n\
         frontend first\n    bind {bind}\n    default_backend z\n\
         backend z\n    server x 127.0.0.1:1\n"
    );
    let case = Case::start_after(&first, 170, &template(&each("")), &[1]);
    let worker = case.worker();
    case.assert_agrees();
    let (status, rows) = case.status();
    assert_eq!(status["agrees"], true, "{status}");
    let other = case.path("first.cfg");
    let note = format!(
        "HAProxy reads {} too: what stands there is not compared",
        other.display()
    );
    assert!(status["notes"].to_string().contains(&note), "{status}");
    assert_eq!(rows["z/x"], "other");
    case.add(2, "");
    case.step_without_reload();
    case.assert_agrees();
    assert_eq!(case.worker(), worker);
}

#[test]
fn comments_and_empty_lines_in_a_loop_are_no_reason_to_reload() {
    let loops = "    balance roundrobin # of {{ nodes | length }}\n    # {{ nodes | length }} nodes\n{% for n in nodes %}\n\n  # {{ n.name }}\n    \
                 server {{ n.name }} {{ n.address }} # {{ n.ip }}\n{% endfor %}\n\t\n";
    let case = Case::start(171, &template(loops), &[1]);
    case.assert_agrees();
    case.add(2, "");
    case.step_without_reload();
    case.remove(1);
    case.step_without_reload();
    case.assert_agrees();
}

#[test]
fn the_line_that_differs_is_told_with_its_number_and_both_texts() {
    let mut template = template(&each(""));
    template.defaults.push_str("    timeout queue 5s\n");
    let case = Case::start(172, &template, &[1]);
    case.assert_agrees();
    template.defaults = template.defaults.replace("queue 5s", "queue 6s");
    case.use_template(&template);
    let file = case.read("haproxy.cfg");
    let at = file.lines().position(|line| line.ends_with("queue 6s"));
    let told = case.follow();
    let expected = format!(
        "reload, since line {}: `timeout queue 6s` was `timeout queue 5s`",
        at.unwrap() + 1
    );
    assert!(told.contains(&expected), "{told}");
    case.assert_agrees();
}

#[test]
fn defaults_that_a_condition_leaves_out_are_not_taken_for_real() {
    let _nodes = nodes(194, &[1, 2]);
    let mut template = template(&each(""));
    template
        .defaults
        .push_str(".if defined(NOT_THERE)\ndefaults\n    default-server disabled\n.endif\n");
    let case = Case::start(194, &template, &[1, 2]);
    let served: Vec<String> = case.shares(4).into_keys().collect();
    assert_eq!(served, ["s1", "s2"]);
    case.assert_agrees();
}
