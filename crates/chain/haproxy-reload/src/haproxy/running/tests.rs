use super::*;

const ANSWER: &str = "\
CONFIG_FINGERPRINT=abc.def

HAPROXY_CFGFILES=/a.cfg;/b.cfg

proc.haproxy_reload_file: type=str value=<0123>

proc.haproxy_reload_servers: type=str value=<0a>

1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port
3 nodes 1 s1 127.0.50.2 2 0 100 100 1 8 2 0 6 0 0 0 - 3000 - 0 0 - - 0
3 nodes 2 s2 ::1 0 1 50 7 0 1 0 0 14 0 0 0 - 3001 - 0 0 - - 0
3 nodes 3 s3 - 0 8 1 1 0 1 0 0 2 0 0 0 example.org 3001 - 0 0 - - 0

Name: HAProxy
Version: 2.6.12-1+deb12u4
Pid: 15615
Uptime: 0d 0h00m01s
Uptime_sec: 1
Stopping: 0
Start_time_sec: 1795262579

";

fn running() -> Running {
    Running::parse(ANSWER).unwrap()
}

#[test]
fn the_worker_says_who_it_is_and_what_it_took() {
    let running = running();
    assert_eq!(
        (running.pid, running.uptime, running.stopping),
        (15615, 1, false)
    );
    let began = running.fingerprint.as_ref().unwrap();
    assert_eq!(began.to_string(), "abc.def");
    assert_eq!(running.files, ["/a.cfg", "/b.cfg"]);
    assert_eq!(running.made.as_ref().unwrap().servers, "0a");
    assert_eq!(running.taken.as_deref(), Some("0123"));
    assert_eq!(running.release(), (2, 6));
}

#[test]
fn the_state_of_each_server_is_read() {
    let running = running();
    let servers = &running.backends["nodes"];
    let expected = State {
        address: Some("127.0.50.2:3000".parse().unwrap()),
        weight: 100,
        first_weight: 100,
        id: 1,
        place: 0,
        maintenance: false,
        drain: false,
        checked: true,
        checking: false,
        asks_agent: false,
        has_result: true,
        up: true,
    };
    assert_eq!(servers["s1"], expected);
    assert!(servers["s2"].maintenance && servers["s2"].checked && !servers["s2"].up);
    assert_eq!(servers["s2"].address, Some("[::1]:3001".parse().unwrap()));
    assert!(servers["s3"].drain && !servers["s3"].checked);
    assert_eq!(servers["s3"].address, None);
}

#[test]
fn what_is_unknown_is_unknown() {
    let answer = ANSWER
        .replace("CONFIG_FINGERPRINT=abc.def", "Variable not found")
        .replace(
            "proc.haproxy_reload_file: type=str value=<0123>",
            "Variable not found.",
        );
    let running = Running::parse(&answer).unwrap();
    assert!(running.fingerprint.is_none() && running.taken.is_none());
    let version = |text: &str| {
        Running {
            version: text.to_owned(),
            ..Running::default()
        }
        .release()
    };
    assert_eq!(version("3.0.11-1+deb13u2"), (3, 0));
    assert_eq!(version("3.5-dev5"), (3, 5));
    assert_eq!(version("new"), (0, 0));
}

#[test]
fn an_answer_that_was_cut_off_is_an_error() {
    let end = ANSWER.find("Stopping: ").unwrap();
    for length in 0..end {
        assert!(
            Running::parse(&ANSWER[..length]).is_err(),
            "{}",
            &ANSWER[..length]
        );
    }
}

#[test]
fn an_unknown_row_is_shown() {
    let error =
        Running::parse(&ANSWER.replace(" s1 127.0.50.2 2 0", " s1\t127 x x x")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("HAProxy lists a server as `3 nodes 1 s1\\t127 x x x"),
        "{text}"
    );
}

#[test]
fn a_name_that_could_be_another_command_is_no_row() {
    for (name, other) in [
        (" s3 ", " s3;shutdown "),
        (" s3 ", " s3\u{1b}[2J "),
        (" nodes ", " nodes;help "),
    ] {
        let error = Running::parse(&ANSWER.replace(name, other)).unwrap_err();
        let text = format!("{error:#}");
        assert!(
            text.starts_with("HAProxy lists a server as `3 nodes"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic(text in "(?s).*") {
        let _ = Running::parse(&text);
        let _ = Running::parse(&format!("# be_id \n{text}"));
    }

    #[test]
    fn no_mixture_of_its_words_makes_it_panic(
        words in proptest::collection::vec("(# be_id|1|nodes|-|::1|Pid: |Stopping: |[\n<>=])", 0..80)
    ) {
        let _ = Running::parse(&words.join(" "));
    }
}
