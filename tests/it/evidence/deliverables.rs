//! The lab's list of what is to be handed in, by the numbers of its text (4.3 is the third
//! of task 4, M1 the first question; 0 is what the text of task 0 lets one look at), and
//! what each file has to show.

use super::checks::Shows::{
    self, Answer, Answers, BothAnswer, ByHand, Configuration, ContainerLog, Containers, Events,
    Inspected, Killed, Known, Lost, Members, Network, NodeFiles, NoneLost, Page, PagePicture,
    Picture, Processes, Published, Reload, Says, States, Timeline, Unnoticed,
};
use super::folder::Evidence;

pub(super) struct Deliverable {
    pub(super) number: &'static str,
    pub(super) file: &'static str,
    shows: Shows,
}

const fn row(number: &'static str, file: &'static str, shows: Shows) -> Deliverable {
    Deliverable {
        number,
        file,
        shows,
    }
}

const STATIC: &[(&str, &str)] = &[
    ("ha", "80->80"),
    ("ha", "1936->1936"),
    ("s1", "4000->3000"),
    ("s2", "4001->3000"),
];
const STATIC_AND_S3: &[(&str, &str)] = &[
    ("ha", "80->80"),
    ("s1", "4000->3000"),
    ("s2", "4001->3000"),
    ("s3", "4002->3000"),
];
const HA: &str = "ha";
const S1: &str = "webapp-1";
const S2: &str = "webapp-2";
const FIVE_UP: &str = "webapp-1 UP, webapp-2 UP, webapp-3 UP, webapp-4 UP, webapp-5 UP";
const FIVE: &[&str] = &[HA, S1, S2, "webapp-3", "webapp-4", "webapp-5"];
const HA_JOINS: &str = "member-join ha balancer";
const S1_JOINS: &str = "member-join webapp-1 backend";
const S2_JOINS: &str = "member-join webapp-2 backend";

/// In the order in which they are made.
pub(super) const DELIVERABLES: &[Deliverable] = &[
    row("0", "task0/docker-ps.txt", Published(STATIC)),
    row("0", "task0/network.txt", Network),
    row("0", "task0/answers-direct.txt", BothAnswer),
    row("0", "task0/answers-through-ha.txt", Answers(&["s1", "s2"])),
    row("0.1", "task0/stats.png", Picture),
    row("0.1", "task0/stats.txt", States("s1 UP, s2 UP")),
    row("M1", "task0/stats-after-s1-stopped.png", Picture),
    row(
        "M1",
        "task0/stats-after-s1-stopped.txt",
        States("s1 DOWN, s2 UP"),
    ),
    row("M1", "task0/s3-unnoticed.txt", Unnoticed),
    row("M2", "task0/adding-s3.txt", ByHand),
    row("M2", "task0/answers-meanwhile.txt", Lost),
    row(
        "M2",
        "task0/docker-ps-with-s3.txt",
        Published(STATIC_AND_S3),
    ),
    row("M2", "task0/stats-with-s3.png", Picture),
    row(
        "M2",
        "task0/stats-with-s3.txt",
        States("s1 UP, s2 UP, s3 UP"),
    ),
    row("1.1", "task1/stats.png", Picture),
    row("1.1", "task1/stats.txt", States("webapp-1 UP, webapp-2 UP")),
    row("1.1", "task1/docker-ps.txt", Containers(&[HA, S1, S2])),
    row(
        "1.2",
        "task1/services.txt",
        Says(&[
            "ha: up",
            "serf: up",
            "watch: up",
            "rsyslog: up",
            "webapp: up",
        ]),
    ),
    row("1.2", "task1/processes-before.txt", Processes),
    row("1.2", "task1/haproxy-killed.txt", Killed),
    row("1.2", "task1/processes-after-haproxy-killed.txt", Processes),
    row("1.2", "task1/webapp-killed.txt", Killed),
    row("1.2", "task1/reload.txt", Reload),
    row(
        "1.2",
        "task1/answers-while-reloading.txt",
        NoneLost { of: 100, but: 0 },
    ),
    row("1.2", "task1/processes-after.txt", Processes),
    row("2.2", "task2/members-without-ha.txt", Members(&[S1, S2])),
    row("2.3", "task2/members-ha.txt", Members(&[HA, S1, S2])),
    row("2.3", "task2/members-s1.txt", Members(&[HA, S1, S2])),
    row("2.3", "task2/members-s2.txt", Members(&[HA, S1, S2])),
    row("2.2", "task2/who-is-cluster.txt", Says(&["STREAM cluster"])),
    row("2.1", "task2/ha.log", ContainerLog(HA, &[HA, S1, S2])),
    row("2.1", "task2/s1.log", ContainerLog(S1, &[HA, S1, S2])),
    row("2.1", "task2/s2.log", ContainerLog(S2, &[HA, S1, S2])),
    row("3.1", "task3/ha-alone.log", ContainerLog(HA, &[HA])),
    row("3.2", "task3/serf-ha-alone.log", Events(&[HA_JOINS])),
    row("3.1", "task3/s1.log", ContainerLog(S1, &[HA, S1])),
    row("3.1", "task3/ha-after-s1.log", ContainerLog(HA, &[HA, S1])),
    row(
        "3.2",
        "task3/serf-after-s1.log",
        Events(&[HA_JOINS, S1_JOINS]),
    ),
    row("3.1", "task3/s2.log", ContainerLog(S2, &[HA, S1, S2])),
    row(
        "3.1",
        "task3/ha-after-s2.log",
        ContainerLog(HA, &[HA, S1, S2]),
    ),
    row(
        "3.2",
        "task3/serf-after-s2.log",
        Events(&[HA_JOINS, S1_JOINS, S2_JOINS]),
    ),
    row(
        "3.1",
        "task3/s1-stopped.log",
        Says(&["EventMemberLeave: webapp-1-"]),
    ),
    row(
        "3.1",
        "task3/ha-after-s1-stopped.log",
        Says(&["EventMemberLeave: webapp-1-"]),
    ),
    row(
        "3.2",
        "task3/serf-after-s1-stopped.log",
        Events(&[
            HA_JOINS,
            S1_JOINS,
            S2_JOINS,
            "member-leave webapp-1 backend",
        ]),
    ),
    row("4.3", "task4/fault-ha-alone.cfg", Known(&[HA])),
    row("4.3", "task4/fault-after-s1.cfg", Known(&[S1])),
    row("4.3", "task4/fault-after-s2.cfg", Known(&[S2])),
    row(
        "4.4",
        "task4/fault-serf.log",
        Events(&[HA_JOINS, S1_JOINS, S2_JOINS]),
    ),
    row("4.4", "task4/answer-ha-alone.cfg", Answer(&[])),
    row("4.4", "task4/answer-after-s1.cfg", Answer(&[S1])),
    row("4.4", "task4/answer-after-s2.cfg", Answer(&[S1, S2])),
    row("4.3", "task4/docker-ps.txt", Containers(&[HA, S1, S2])),
    row("4.3", "task4/inspect-ha.json", Inspected(HA)),
    row("4.3", "task4/inspect-s1.json", Inspected(S1)),
    row("4.3", "task4/inspect-s2.json", Inspected(S2)),
    row("5.1", "task5/haproxy-ha-alone.cfg", Configuration(&[])),
    row("5.2", "task5/nodes-ha-alone.txt", NodeFiles(&[])),
    row("5.2", "task5/page-ha-alone.png", PagePicture),
    row("5.2", "task5/page-ha-alone.txt", Page("no node", &[])),
    row("5.1", "task5/haproxy-after-s1.cfg", Configuration(&[S1])),
    row("5.2", "task5/nodes-after-s1.txt", NodeFiles(&[S1])),
    row("5.2", "task5/page-after-s1.png", PagePicture),
    row(
        "5.2",
        "task5/page-after-s1.txt",
        Page("1 of 1 ", &["webapp-1 joined"]),
    ),
    row("5.2", "task5/stats-after-s1.png", Picture),
    row("5.2", "task5/stats-after-s1.txt", States("webapp-1 UP")),
    row(
        "5.1",
        "task5/haproxy-after-s2.cfg",
        Configuration(&[S1, S2]),
    ),
    row("5.2", "task5/nodes-after-s2.txt", NodeFiles(&[S1, S2])),
    row("5.2", "task5/page-after-s2.png", PagePicture),
    row(
        "5.2",
        "task5/page-after-s2.txt",
        Page("2 of 2 ", &["webapp-2 joined"]),
    ),
    row("5.2", "task5/stats-after-s2.png", Picture),
    row(
        "5.2",
        "task5/stats-after-s2.txt",
        States("webapp-1 UP, webapp-2 UP"),
    ),
    row("5.1", "task5/docker-ps.txt", Containers(&[HA, S1, S2])),
    row("5.1", "task5/inspect-ha.json", Inspected(HA)),
    row("5.1", "task5/inspect-s1.json", Inspected(S1)),
    row("5.1", "task5/inspect-s2.json", Inspected(S2)),
    row(
        "5.3",
        "task5/haproxy-after-s1-stopped.cfg",
        Configuration(&[S2]),
    ),
    row("5.3", "task5/nodes-after-s1-stopped.txt", NodeFiles(&[S2])),
    row("5.3", "task5/page-after-s1-stopped.png", PagePicture),
    row(
        "5.3",
        "task5/page-after-s1-stopped.txt",
        Page("1 of 1 ", &["webapp-1 left"]),
    ),
    row("5.3", "task5/stats-after-s1-stopped.png", Picture),
    row(
        "5.3",
        "task5/stats-after-s1-stopped.txt",
        States("webapp-2 UP"),
    ),
    row(
        "5.3",
        "task5/docker-ps-after-s1-stopped.txt",
        Containers(&[HA, S2]),
    ),
    row("6.1", "task6/stats-3-nodes.png", Picture),
    row(
        "6.1",
        "task6/stats-3-nodes.txt",
        States("webapp-1 UP, webapp-2 UP, webapp-3 UP"),
    ),
    row("6.1", "task6/page-3-nodes.png", PagePicture),
    row(
        "6.1",
        "task6/page-3-nodes.txt",
        Page("3 of 3 ", &["webapp-3 joined"]),
    ),
    row(
        "6.1",
        "task6/docker-ps-3-nodes.txt",
        Containers(&[HA, S1, S2, "webapp-3"]),
    ),
    row("6.1", "task6/stats-5-nodes.png", Picture),
    row("6.1", "task6/stats-5-nodes.txt", States(FIVE_UP)),
    row("6.1", "task6/page-5-nodes.png", PagePicture),
    row(
        "6.1",
        "task6/page-5-nodes.txt",
        Page("5 of 5 ", &["webapp-4 joined", "webapp-5 joined"]),
    ),
    row("6.1", "task6/docker-ps-5-nodes.txt", Containers(FIVE)),
    row("6.1", "task6/stats-one-killed.png", Picture),
    row(
        "6.1",
        "task6/stats-one-killed.txt",
        States("webapp-1 UP, webapp-2 UP, webapp-3 DOWN, webapp-4 UP, webapp-5 UP"),
    ),
    row("6.1", "task6/page-one-killed.png", PagePicture),
    row("6.1", "task6/page-one-killed.txt", Page("4 of 5 ", &[])),
    row(
        "6.1",
        "task6/docker-ps-one-killed.txt",
        Containers(&[HA, S1, S2, "webapp-4", "webapp-5"]),
    ),
    row("6.1", "task6/stats-2-nodes.png", Picture),
    row(
        "6.1",
        "task6/stats-2-nodes.txt",
        States("webapp-1 UP, webapp-2 UP"),
    ),
    row("6.1", "task6/page-2-nodes.png", PagePicture),
    row(
        "6.1",
        "task6/page-2-nodes.txt",
        Page(
            "2 of 2 ",
            &["webapp-3 died", "webapp-4 left", "webapp-5 left"],
        ),
    ),
    row(
        "6.1",
        "task6/docker-ps-2-nodes.txt",
        Containers(&[HA, S1, S2]),
    ),
    row("6.1", "task6/stats-after-new-ones.png", Picture),
    row("6.1", "task6/stats-after-new-ones.txt", States(FIVE_UP)),
    row("6.1", "task6/page-after-new-ones.png", PagePicture),
    row(
        "6.1",
        "task6/page-after-new-ones.txt",
        Page("5 of 5 ", &["webapp-3 joined"]),
    ),
    row(
        "6.1",
        "task6/docker-ps-after-new-ones.txt",
        Containers(FIVE),
    ),
    // One node was killed, and a visitor waits for one answer at a time.
    row(
        "6.3",
        "task6/answers-by-code.txt",
        NoneLost { of: 500, but: 1 },
    ),
    row(
        "6.3",
        "task6/timeline.txt",
        Timeline(&[(3, 0), (5, 0), (4, 1), (2, 0), (5, 0)]),
    ),
    row(
        "6.3",
        "task6/serf.log",
        Says(&[
            "Member member-leave event received from: webapp-4-",
            "Member member-failed event received from: webapp-3-",
        ]),
    ),
    row("6.3", "task6/haproxy-processes.txt", Processes),
];

/// What is missing, or does not show what it is for.
pub(super) fn problems(evidence: &Evidence) -> Vec<String> {
    let checked = DELIVERABLES.iter().map(|one| {
        let result = one.shows.check(evidence, one.file);
        result.map_err(|why| format!("{}, logs/{}: {why}", one.number, one.file))
    });
    checked.filter_map(Result::err).collect()
}
