//! One conversation with the agent, as bytes that come in and news that go out. It has no socket.

use std::hash::RandomState;

use anyhow::{Result, bail};
use serf_rpc::{AUTH, HANDSHAKE, Values};

use crate::wire::{self, ListHash};

/// How much memory a session keeps for received bytes, so that a long list does not occupy its
/// memory for ever.
const KEPT: usize = 64 * 1024;

#[derive(Debug, PartialEq)]
pub(crate) enum News {
    /// The members may have changed.
    Hint,
    /// The list that was asked for.
    Members(ListHash),
}

/// What the next value on the stream will be.
#[derive(Clone, Copy)]
enum Next {
    Reply,
    Record,
    Members,
}

pub(crate) struct Session {
    received: Vec<u8>,
    values: Values,
    next: Next,
    to_send: Vec<u8>,
    last_seq: u64,
    asked: Option<u64>,
    /// Whether a member was leaving in the last list.
    leaving: bool,
    monitors: bool,
    has_key: bool,
    keys: RandomState,
}

impl Session {
    pub(crate) fn new(key: Option<&str>, keys: RandomState) -> Result<Session> {
        Ok(Session {
            received: Vec::new(),
            values: Values::default(),
            next: Next::Reply,
            to_send: wire::greeting(key)?,
            last_seq: wire::FIRST_MEMBERS - 1,
            asked: None,
            leaving: false,
            monitors: false,
            has_key: key.is_some(),
            keys,
        })
    }

    pub(crate) fn outgoing(&mut self) -> &mut Vec<u8> {
        &mut self.to_send
    }

    /// Asks for the list. The caller must wait for the answer before it asks again.
    pub(crate) fn ask(&mut self) -> Result<()> {
        self.last_seq += 1;
        self.asked = Some(self.last_seq);
        self.to_send.extend(wire::ask_members(self.last_seq)?);
        Ok(())
    }

    pub(crate) fn receive(&mut self, bytes: &[u8], news: &mut Vec<News>) -> Result<()> {
        let mut received = std::mem::take(&mut self.received);
        received.extend_from_slice(bytes);
        loop {
            match self.values.next(&received) {
                Ok(Some(value)) => self.take(&received[value], news)?,
                Ok(None) => break,
                Err(lie) => bail!("the agent sent {lie}"),
            }
        }
        received.drain(..self.values.forget());
        if received.len() < KEPT {
            received.shrink_to(KEPT);
        }
        self.received = received;
        Ok(())
    }

    fn take(&mut self, value: &[u8], news: &mut Vec<News>) -> Result<()> {
        match std::mem::replace(&mut self.next, Next::Reply) {
            Next::Reply => self.reply(value)?,
            Next::Record => {
                // The list that was asked for may have a member that is leaving.
                let leaving = self.leaving || self.asked.is_some();
                if wire::is_hint(value, leaving)? && news.last() != Some(&News::Hint) {
                    news.push(News::Hint);
                }
            }
            Next::Members => {
                let list = wire::hash_of_list(value, &self.keys)?;
                self.leaving = list.leaving;
                news.push(News::Members(list));
            }
        }
        Ok(())
    }

    fn reply(&mut self, value: &[u8]) -> Result<()> {
        let reply = serf_rpc::reply(value)?;
        if !reply.error.0.is_empty() {
            bail!("{}", serf_rpc::complaint(reply.error.0, self.has_key));
        }
        match reply.seq {
            HANDSHAKE => (),
            AUTH if self.has_key => (),
            wire::MONITOR if self.monitors => self.next = Next::Record,
            wire::MONITOR => self.monitors = true,
            seq if self.asked == Some(seq) => {
                self.asked = None;
                self.next = Next::Members;
            }
            seq => bail!("the agent answered question {seq}, which was not asked"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(key: Option<&str>) -> Session {
        Session::new(key, RandomState::new()).unwrap()
    }

    fn reply(seq: u8, error: &str) -> Vec<u8> {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Reply<'a> {
            seq: u8,
            error: &'a str,
        }
        rmp_serde::to_vec_named(&Reply { seq, error }).unwrap()
    }

    fn log(line: &str) -> Vec<u8> {
        let body = rmp_serde::to_vec(&std::collections::BTreeMap::from([("Log", line)])).unwrap();
        [reply(2, ""), body].concat()
    }

    fn nobody() -> Vec<u8> {
        [&[0x81, 0xa7][..], b"Members", &[0xc0]].concat()
    }

    fn receive(session: &mut Session, bytes: &[u8]) -> Result<Vec<News>, String> {
        let mut news = Vec::new();
        session
            .receive(bytes, &mut news)
            .map(|()| news)
            .map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn it_asks_and_is_answered() {
        let mut session = session(None);
        session.ask().unwrap();
        let bytes = [reply(0, ""), reply(2, ""), reply(3, ""), nobody()].concat();
        let news = receive(&mut session, &bytes).unwrap();
        assert!(matches!(news[..], [News::Members(_)]));
    }

    #[test]
    fn many_lines_of_the_log_are_one_hint() {
        let mut session = session(None);
        let line = log("serf: EventMemberJoin: s1 127.0.0.2");
        let other = log("memberlist: Stream connection from=127.0.0.2");
        let bytes = [
            reply(0, ""),
            reply(2, ""),
            other.clone(),
            line.clone(),
            line,
            other,
        ]
        .concat();
        assert_eq!(receive(&mut session, &bytes).unwrap(), [News::Hint]);
    }

    #[test]
    fn that_a_member_stays_is_a_hint_only_while_the_list_is_not_known() {
        let mut session = session(None);
        session.ask().unwrap();
        let stays = log("serf: messageJoinType: s1");
        let before = [reply(0, ""), reply(2, ""), stays.clone()].concat();
        assert_eq!(receive(&mut session, &before).unwrap(), [News::Hint]);
        let after = [reply(3, ""), nobody(), stays].concat();
        let news = receive(&mut session, &after).unwrap();
        assert!(matches!(news[..], [News::Members(_)]), "{news:?}");
    }

    #[test]
    fn single_bytes_are_as_good_as_the_whole() {
        let mut session = session(Some("key"));
        session.ask().unwrap();
        let join = log("serf: EventMemberJoin: s1 127.0.0.2");
        let bytes = [
            reply(0, ""),
            reply(1, ""),
            reply(2, ""),
            join,
            reply(3, ""),
            nobody(),
        ]
        .concat();
        let mut news = Vec::new();
        for byte in bytes {
            news.extend(receive(&mut session, &[byte]).unwrap());
        }
        assert!(
            matches!(news[..], [News::Hint, News::Members(_)]),
            "{news:?}"
        );
        assert!(session.received.is_empty());
    }

    #[test]
    fn a_key_that_is_wrong_or_missing_is_told_with_what_to_do() {
        let wrong = receive(
            &mut session(Some("x")),
            &reply(1, "Invalid authentication token"),
        );
        assert_eq!(
            wrong.unwrap_err(),
            "the agent refuses the key in --rpc-key-file: Invalid authentication token"
        );
        let missing = receive(&mut session(None), &reply(2, "Authentication required"));
        assert_eq!(
            missing.unwrap_err(),
            "the agent asks for a key, which --rpc-key-file can give: Authentication required"
        );
    }

    #[test]
    fn what_the_agent_says_is_escaped() {
        let error = receive(&mut session(None), &reply(0, "no\nserf-watch: all is well"));
        assert_eq!(
            error.unwrap_err(),
            "the agent refuses: no\\nserf-watch: all is well"
        );
    }

    #[test]
    fn an_answer_to_nothing_ends_the_conversation() {
        let error = receive(&mut session(None), &reply(9, "")).unwrap_err();
        assert_eq!(error, "the agent answered question 9, which was not asked");
        assert!(receive(&mut session(None), b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
    }

    #[test]
    fn a_long_list_does_not_keep_its_memory() {
        let mut session = session(None);
        session.ask().unwrap();
        let head = [reply(0, ""), reply(2, ""), reply(3, "")].concat();
        receive(&mut session, &head).unwrap();
        let long = [
            &[0x82, 0xa1, b'x', 0xdb, 0, 0x10, 0, 0][..],
            &vec![0; 1 << 20],
            &nobody()[1..],
        ];
        assert_eq!(receive(&mut session, &long.concat()).unwrap().len(), 1);
        assert!(session.received.capacity() <= KEPT);
    }
}
