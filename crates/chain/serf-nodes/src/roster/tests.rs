use super::*;
use crate::admission::tests::admission;
use crate::members;

fn roster_of(text: &str) -> Roster {
    let members = members::parse(text).unwrap();
    Roster::new(&members, &admission(&[], &[], true))
}

fn roster(members: &[&str]) -> Roster {
    roster_of(&format!("{{\"members\":[{}]}}", members.join(",")))
}

fn member(name: &str, ip: &str, status: &str, tags: &str) -> String {
    format!(
        r#"{{"name":"{name}","addr":"{ip}:7946","status":"{status}","tags":{{"role":"backend"{tags}}}}}"#
    )
}

fn claim<'a>(roster: &'a Roster, name: &str) -> Option<&'a Claim> {
    roster.claims.get(&Name::parse(name).unwrap())
}

fn line(roster: &Roster, name: &str) -> String {
    match claim(roster, name) {
        Some(Claim::Living(node)) => node.line(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn a_living_backend_is_a_node_with_its_tags() {
    let tags = r#","port":"8080","weight":"0","service":"api","other":"x""#;
    let roster = roster(&[&member("s1", "10.0.0.1", "alive", tags)]);
    assert_eq!(
        line(&roster, "s1"),
        "s1 10.0.0.1 port=8080 weight=0 service=api\n"
    );
    assert!(roster.refused.is_empty());
}

#[test]
fn an_empty_tag_is_an_absent_one() {
    let tags = r#","port":"","weight":"","service":"""#;
    let roster = roster(&[&member("s1", "10.0.0.1", "alive", tags)]);
    assert_eq!(line(&roster, "s1"), "s1 10.0.0.1\n");
}

#[test]
fn every_status_has_its_standing() {
    for (status, expected) in [
        ("leaving", Claim::Left),
        ("left", Claim::Left),
        ("failed", Claim::Lost(Loss::Failed)),
        ("none", Claim::Lost(Loss::Failed)),
        ("", Claim::Lost(Loss::Failed)),
    ] {
        let roster = roster(&[&member("s1", "10.0.0.1", status, "")]);
        assert_eq!(claim(&roster, "s1"), Some(&expected), "{status}");
    }
}

#[test]
fn a_tag_that_does_not_fit_refuses_its_member_in_words() {
    for (tags, why) in [
        (
            r#","port":"0""#,
            "refused s1: the port '0' is not 1 to 65535",
        ),
        (r#","port":"http""#, "the port 'http'"),
        (r#","weight":"257""#, "the weight '257'"),
        (r#","weight":"-1""#, "the weight '-1'"),
        (r#","service":"a b\n""#, r"the name 'a b\n'"),
    ] {
        let roster = roster(&[
            &member("s1", "10.0.0.1", "alive", tags),
            &member("s2", "10.0.0.2", "alive", ""),
        ]);
        let lost = Claim::Lost(Loss::Refused);
        assert_eq!(claim(&roster, "s1"), Some(&lost), "{tags}");
        assert!(
            roster.refused[0].text().contains(why),
            "{:?}",
            roster.refused
        );
        assert_eq!(line(&roster, "s2"), "s2 10.0.0.2\n");
    }
}

#[test]
fn a_member_of_another_role_is_nobody_to_tell_of() {
    let roster = roster_of(
        r#"{"members":[{"name":"ha","addr":"10.0.0.9:1","status":"alive","tags":{"role":"balancer"}},
            {"name":"/","addr":"","status":"alive","tags":{"role":"backend "}}]}"#,
    );
    let other = Claim::Lost(Loss::OtherRole);
    assert_eq!(claim(&roster, "ha"), Some(&other));
    assert!(roster.refused.is_empty());
}

#[test]
fn the_addresses_of_living_balancers_are_known_with_a_name() {
    let roster = roster(&[
        &balancer("ha\\n", "[::ffff:10.0.0.1]", "alive"),
        &balancer("a", "10.0.0.1", "alive"),
        &balancer("b", "10.0.0.2", "failed"),
        &balancer("c", "<nil>", "alive"),
        &member("s1", "10.0.0.1", "alive", ""),
    ]);
    let named = ("10.0.0.1".parse().unwrap(), r"ha\n".to_string());
    assert_eq!(roster.of_balancers, BTreeMap::from([named]));
    assert_eq!(line(&roster, "s1"), "s1 10.0.0.1\n");
}

#[test]
fn of_a_name_that_is_there_twice_the_living_one_wins_whatever_the_order() {
    let mut claims = [
        member("s1", "10.0.0.2", "alive", ""),
        member("s1", "10.0.0.1", "alive", ""),
        member("s1", "10.0.0.3", "left", ""),
        member("s1", "0.0.0.0", "alive", ""),
        member("s1", "10.0.0.3", "failed", ""),
    ];
    for _ in 0..claims.len() {
        claims.rotate_left(1);
        let forward: Vec<&str> = claims.iter().map(String::as_str).collect();
        let backward: Vec<&str> = forward.iter().rev().copied().collect();
        assert_eq!(line(&roster(&forward), "s1"), "s1 10.0.0.1\n");
        assert_eq!(line(&roster(&backward), "s1"), "s1 10.0.0.1\n");
    }
}

#[test]
fn of_a_name_that_failed_and_left_the_one_that_keeps_the_node_wins() {
    let failed = member("s1", "10.0.0.1", "failed", "");
    let left = member("s1", "10.0.0.1", "left", "");
    let lost = Claim::Lost(Loss::Failed);
    assert_eq!(claim(&roster(&[&failed, &left]), "s1"), Some(&lost));
    assert_eq!(claim(&roster(&[&left, &failed]), "s1"), Some(&lost));
}

#[test]
fn one_member_or_none_is_an_agent_alone() {
    let s1 = member("s1", "10.0.0.1", "alive", "");
    let s2 = member("s2", "10.0.0.2", "failed", "");
    assert!(roster(&[]).is_alone);
    assert!(roster(&[&s1]).is_alone);
    assert!(roster(&[&s1, &s1]).is_alone);
    assert!(!roster(&[&s1, &s2]).is_alone);
}

#[test]
fn hostile_names_leave_only_words() {
    let roster = roster_of(include_str!("../../tests/fixtures/members-hostile.json"));
    let living: Vec<&str> = roster
        .claims
        .iter()
        .filter(|(_, claim)| matches!(claim, Claim::Living(_)))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(living, ["vm"]);
    assert_eq!(roster.refused.len(), 14, "{:#?}", roster.refused);
    let told: Vec<&str> = roster.refused.iter().map(Refusal::text).collect();
    let told = told.concat();
    assert!(
        told.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
        "{told}"
    );
}

#[test]
fn forged_members_leave_only_words() {
    let roster = roster_of(include_str!("../../tests/fixtures/members-raw.json"));
    let living: Vec<String> = roster
        .claims
        .iter()
        .filter_map(|(_, claim)| match claim {
            Claim::Living(node) => Some(node.line()),
            _ => None,
        })
        .collect();
    assert_eq!(
        living,
        [
            "oldrole 10.0.0.15\n",
            "rawlo 127.0.0.1\n",
            "v4mapped 10.1.2.3\n",
            "v6 2001:db8::1\n"
        ]
    );
}

fn balancer(name: &str, ip: &str, status: &str) -> String {
    format!(
        r#"{{"name":"{name}","addr":"{ip}:7946","status":"{status}","tags":{{"role":"balancer"}}}}"#
    )
}

#[test]
fn the_balancers_that_may_be_asked_are_living_and_at_addresses_that_are_allowed() {
    let list = [
        balancer("ha\\n", "10.0.0.1", "alive"),
        balancer("hb", "10.0.0.2", "failed"),
        balancer("hc", "10.0.0.66", "alive"),
        balancer("hd", "192.168.0.1", "alive"),
        balancer("he", "127.0.0.1", "alive"),
        balancer("hf", "10.0.0.7 or 8", "alive"),
        member("s1", "10.0.0.3", "alive", ""),
    ];
    let text = format!("{{\"members\":[{}]}}", list.join(","));
    let members = members::parse(&text).unwrap();
    let admission = admission(&["10.0.0.0/24"], &["10.0.0.66"], false);
    let found = Roster::new(&members, &admission).balancers;
    let want = (r"ha\n".to_owned(), "10.0.0.1".parse().unwrap());
    assert_eq!(found, BTreeMap::from([want]));
}

#[test]
fn a_flood_of_balancers_is_cut() {
    let list: Vec<String> = (0..1000)
        .map(|number| balancer(&format!("ha{number:03}"), "10.0.0.1", "alive"))
        .collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let found = roster(&list).balancers;
    assert_eq!((found.len(), MAX_BALANCERS), (50, 50));
    assert!(found.contains_key("ha000") && found.contains_key("ha049"));
}

#[test]
fn the_members_are_counted_by_their_status() {
    let all = [
        "alive", "alive", "failed", "left", "leaving", "none", "x\\n",
    ];
    let list: Vec<String> = all
        .iter()
        .enumerate()
        .map(|(number, status)| member(&format!("s{number}"), "10.0.0.1", status, ""))
        .collect();
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let want = [
        ("alive", 2),
        ("failed", 1),
        ("leaving", 1),
        ("left", 1),
        ("none", 2),
    ];
    assert_eq!(roster(&list).statuses, BTreeMap::from(want));
}
