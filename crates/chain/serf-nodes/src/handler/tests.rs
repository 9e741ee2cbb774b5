use super::*;
use crate::admission::tests::admission;

fn decide_for(event: &str, line: [&str; 3], old: Option<&str>) -> Result<Option<Action>, String> {
    let [name, address, role] = line;
    let member = EventMember {
        name: name.as_bytes(),
        address: address.as_bytes(),
        role: role.as_bytes(),
    };
    let name = Name::parse(name).unwrap();
    let old = old.map(|line| Node::parse(&name, line).unwrap());
    let own = BTreeSet::from(["10.0.0.42".parse().unwrap()]);
    let admission = admission(&[], &[], false);
    decide(
        Kind::parse(event).unwrap(),
        &member,
        &name,
        old,
        &admission,
        &own,
    )
}

fn written(decision: Result<Option<Action>, String>) -> String {
    match decision {
        Ok(Some(Action::Write { node, .. })) => node.line(),
        other => panic!("{other:?}"),
    }
}

const S1: [&str; 3] = ["s1", "10.0.0.1", "backend"];

#[test]
fn a_join_or_an_update_writes_a_backend() {
    for event in ["member-join", "member-update"] {
        assert_eq!(written(decide_for(event, S1, None)), "s1 10.0.0.1\n");
    }
}

#[test]
fn a_node_that_exists_keeps_what_its_file_says_besides_the_address() {
    let old = "s1 10.0.0.9 port=8080 weight=5 service=api rack=b1";
    let line = written(decide_for("member-update", S1, Some(old)));
    assert_eq!(line, "s1 10.0.0.1 port=8080 weight=5 service=api rack=b1\n");
    let same = "s1 10.0.0.1 port=8080";
    assert_eq!(decide_for("member-join", S1, Some(same)), Ok(None));
}

#[test]
fn a_backend_that_goes_is_removed_and_a_namesake_does_not_touch_it() {
    for event in ["member-leave", "member-failed", "member-reap"] {
        for same in ["<nil>", "10.0.0.1", "[::ffff:10.0.0.1]:7946"] {
            let line = ["s1", same, "backend"];
            let decision = decide_for(event, line, Some("s1 10.0.0.1")).unwrap();
            assert!(matches!(decision, Some(Action::Remove { .. })), "{event}");
        }
        let namesake = ["s1", "10.0.0.2", "backend"];
        assert_eq!(
            decide_for(event, namesake, Some("s1 10.0.0.1")),
            Err("its file has another address, 10.0.0.1, and stays".to_string())
        );
    }
}

#[test]
fn a_member_of_another_role_is_no_node() {
    for role in ["", "balancer", "backend "] {
        for event in ["member-join", "member-update", "member-leave"] {
            let line = ["s1", "10.0.0.1", role];
            assert_eq!(decide_for(event, line, None), Ok(None), "{event}");
        }
    }
}

#[test]
fn a_node_that_takes_another_role_goes_and_a_namesake_does_not_touch_it() {
    let same = decide_for("member-update", ["s1", "10.0.0.1", ""], Some("s1 10.0.0.1"));
    assert!(matches!(same, Ok(Some(Action::Remove { .. }))), "{same:?}");
    let namesake = decide_for("member-update", ["s1", "10.0.0.2", ""], Some("s1 10.0.0.1"));
    assert_eq!(namesake, Ok(None));
}

#[test]
fn an_address_that_is_refused_leaves_the_file_as_it_is() {
    for address in ["127.0.0.1", "10.0.0.42", "?010203", ""] {
        let line = ["s1", address, "backend"];
        assert!(
            decide_for("member-join", line, Some("s1 10.0.0.1")).is_err(),
            "{address}"
        );
    }
}

#[test]
fn a_name_that_is_not_utf_8_is_told_in_escaped_form() {
    let member = EventMember {
        name: b"bad\xffutf8",
        address: b"",
        role: b"",
    };
    assert_eq!(
        name(&member).unwrap_err(),
        r"the name 'bad\xffutf8' is not UTF-8"
    );
}

#[test]
fn who_left_by_an_event_has_said_so_and_nobody_else() {
    let old = Some("s1 10.0.0.1 port=80");
    let cases = [
        ("member-leave", "backend", true),
        ("member-failed", "backend", false),
        ("member-reap", "backend", false),
        ("member-leave", "", false),
        ("member-update", "", false),
    ];
    for (event, role, left) in cases {
        match decide_for(event, ["s1", "10.0.0.1", role], old) {
            Ok(Some(Action::Remove { old, has_left, .. })) => {
                assert_eq!(has_left, left, "{event} {role}");
                assert_eq!(old.unwrap().port, Some(80));
            }
            other => panic!("{event} {role}: {other:?}"),
        }
    }
}
