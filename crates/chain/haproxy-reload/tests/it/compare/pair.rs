//! A HAProxy that the programs change, and one that is started anew from the same file.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::haproxy::{Haproxy, ask};
use harness::wait::until;
use harness::{Owned, Scratch};

use super::case::{Act, State};
use super::judge::{Name, Seen, falls, with_id};
use super::programs::{Told, Workplace};
use super::rates;
use super::shares::Service;
use super::sites::Sites;

/// Far above what checks take.
pub(crate) const SETTLES: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(60);
/// How often shares and rates are measured at the most, where servers go down meanwhile.
const MEASURED: u8 = 8;
/// What --status says where not all servers can be compared.
const UNCOMPARED: &str = ": agrees, as far as they are compared, with ";
/// What is said then.
const DELETES: &str = "haproxy-reload: deleted what left and is idle";
/// How long HAProxy may keep connections to a server that left: twice what it keeps idle ones.
const DELETED: Duration = Duration::from_secs(10);

/// Both, and the files of a case. The processes end with the value.
pub(crate) struct Pair<'a> {
    pub(crate) dir: Scratch,
    sites: &'a Sites,
    place: Workplace,
    process: Owned,
    /// How often shares were measured.
    rounds: u8,
    /// How long the two may need to become equal.
    pub(crate) patience: Duration,
}

impl<'a> Pair<'a> {
    /// Starts HAProxy with the first state.
    pub(crate) fn start(sites: &'a Sites, state: &State) -> Result<Self, String> {
        let dir = harness::scratch();
        let place = Workplace::new(dir.path(), &sites.address(1).to_string());
        sites.say(state.words);
        place.write(state, sites);
        let told = place.generate();
        if told.code != 0 {
            return Err(format!("haproxy-gen at first: {told:?}"));
        }
        let process = place
            .haproxy
            .start()
            .map_err(|error| format!("{error:#}"))?;
        Ok(Self {
            dir,
            sites,
            place,
            process,
            rounds: 0,
            patience: SETTLES,
        })
    }

    /// Does what a step says, and returns what haproxy-reload said.
    pub(crate) fn step(&mut self, state: &State) -> Result<Told, String> {
        self.sites.say(state.words);
        self.place.write(state, self.sites);
        if state.act == Act::ReloadByHand {
            self.reload_by_hand()?;
        }
        for command in &state.by_hand {
            let answer = self.place.haproxy.ask(command);
            answer.map_err(|error| format!("{error:#}"))?;
        }
        let told = self.place.generate();
        if !matches!(told.code, 0 | 1) {
            return Err(format!("haproxy-gen: {told:?}"));
        }
        let told = self.place.check();
        if told.code != 0 {
            return Err(format!(
                "haproxy-gen made a file that HAProxy refuses: {told:?}"
            ));
        }
        let told = self.place.reload(&["--timeout", "30s"]);
        if !matches!(told.code, 0 | 1) {
            return Err(format!("haproxy-reload: {told:?}"));
        }
        if !state.by_hand.is_empty() && self.place.reload(&["--status"]).out.contains(UNCOMPARED) {
            // What a person did there stays until a reload.
            self.reload_by_hand()?;
        }
        Ok(told)
    }

    /// Compares what runs with what a new HAProxy runs.
    pub(crate) fn compare(&mut self) -> Result<(), String> {
        self.agrees()?;
        let found = self.judge().map_err(|error| format!("{error:#}"))?;
        let status = self.place.reload(&["--status"]).out;
        let Some(found) = found else {
            return self.agrees();
        };
        let first = status.lines().next().unwrap_or_default();
        Err(format!("{found}\n--status said: {first}"))
    }

    /// Whether haproxy-reload finds nothing to do, and says so.
    fn agrees(&self) -> Result<(), String> {
        let mut again = self.place.reload(&[]);
        // From 3.0 on a server that left is deleted when its last connection has ended.
        let _ = until("the last one to be deleted", DELETED, || {
            let is_more = again.code == 0 && again.err.starts_with(DELETES);
            if is_more {
                again = self.place.reload(&[]);
            }
            (!is_more).then_some(())
        });
        if again.code != 1 || !again.out.is_empty() || !again.err.is_empty() {
            return Err(format!("a second run has something to do: {again:?}"));
        }
        let status = self.place.reload(&["--status", "--json"]);
        if status.code != 0 || !status.out.contains("\"agrees\":true") {
            return Err(format!("nothing is to do, and --status says: {status:?}"));
        }
        Ok(())
    }

    /// How what runs differs from what a new HAProxy runs, whatever our programs say.
    pub(crate) fn judge(&mut self) -> anyhow::Result<Option<String>> {
        let config = std::fs::read_to_string(&self.place.haproxy.config)?;
        let new = NewOne::start(self.sites, self.dir.path(), &self.place.haproxy)?;
        let by_id = with_id(&config);
        let mut left = MEASURED;
        loop {
            (self.rounds, left) = (self.rounds + 1, left - 1);
            if let Some(found) = self.settle(&new.haproxy, &by_id)? {
                return Ok(Some(found));
            }
            let before = self.falls(&new.haproxy)?;
            let Some(found) = self.measure(&new, &config)? else {
                // The requests and the time that they took may have shown what checks find.
                return self.settle(&new.haproxy, &by_id);
            };
            // On a busy machine a check can be late, and then a server is out for a moment.
            if self.falls(&new.haproxy)? == before || left == 0 {
                return Ok(Some(found));
            }
        }
    }

    /// How the two differ in what servers and clients see of them.
    fn measure(&self, new: &NewOne, config: &str) -> anyhow::Result<Option<String>> {
        let seen = Seen::of(&new.haproxy.socket)?;
        let mut found: Vec<String> = rates::compare(self.sites, config).into_iter().collect();
        for service in Service::all(&seen, config) {
            found.extend(service.compare(self.old(), new.address, self.rounds));
        }
        Ok((!found.is_empty()).then(|| found.join("\n")))
    }

    /// How often servers have gone down, in the one and in the other.
    fn falls(&self, new: &Haproxy) -> anyhow::Result<[u64; 2]> {
        Ok([falls(&self.place.haproxy.socket)?, falls(&new.socket)?])
    }

    /// Waits until both are settled and equal, or says how they differ.
    fn settle(&self, new: &Haproxy, by_id: &BTreeSet<Name>) -> anyhow::Result<Option<String>> {
        let deadline = Instant::now() + self.patience;
        loop {
            let old = Seen::of(&self.place.haproxy.socket)?;
            let new = Seen::of(&new.socket)?;
            let mut found = old.differences(&new, by_id);
            if found.is_empty() && old.is_settled() && new.is_settled() {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                if found.is_empty() {
                    found.push("they do not settle".to_owned());
                }
                return Ok(Some(found.join("\n")));
            }
            harness::wait::pass(Duration::from_millis(20));
        }
    }

    fn old(&self) -> Ipv4Addr {
        self.sites.address(1)
    }

    fn reload_by_hand(&self) -> Result<(), String> {
        let worker = self
            .place
            .haproxy
            .worker()
            .map_err(|error| format!("{error:#}"))?;
        let _ = ask(&self.place.haproxy.master, "reload");
        let reloaded = until("a reload by hand", PATIENCE, || {
            let now = self.place.haproxy.worker().ok()?;
            let answers = self.place.haproxy.processes().is_ok();
            (now != worker && answers).then_some(())
        });
        reloaded.map_err(|error| format!("{error:#}"))
    }

    /// Changes the file, and nothing else.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = &self.place.haproxy.config;
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(from), "{text}");
        let text = text.replace(from, to);
        files::replace(path, text.as_bytes(), files::Durability::Unsynced).unwrap();
    }

    /// Gives the HAProxy that runs a command behind the programs' back.
    pub(crate) fn ask(&self, command: &str) -> String {
        self.place.haproxy.ask(command).unwrap()
    }

    /// Keeps what can tell why a case failed.
    pub(crate) fn evidence(&self) -> Vec<(String, String)> {
        let read = |name: &str| {
            let bytes = std::fs::read(self.dir.path().join(name)).unwrap_or_default();
            (
                name.to_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            )
        };
        let mut all: Vec<_> = ["template", "haproxy.cfg", "log"]
            .into_iter()
            .map(read)
            .collect();
        for question in ["show servers state", "show stat", "show env"] {
            let answer = ask(&self.place.haproxy.socket, question).unwrap_or_default();
            all.push((question.replace(' ', "-"), answer));
        }
        all
    }

    /// Whether HAProxy still runs.
    pub(crate) fn lives(&mut self) -> bool {
        self.process.runs()
    }
}

/// A HAProxy that is started from the same file.
struct NewOne {
    haproxy: Haproxy,
    address: Ipv4Addr,
    _process: Owned,
}

impl NewOne {
    fn start(sites: &Sites, dir: &Path, old: &Haproxy) -> anyhow::Result<Self> {
        let dir = dir.join("new");
        std::fs::create_dir_all(&dir)?;
        let address = sites.address(2);
        let mut haproxy = Haproxy::new(&dir, address.to_string());
        haproxy.config.clone_from(&old.config);
        let process = haproxy.start()?;
        Ok(Self {
            haproxy,
            address,
            _process: process,
        })
    }
}
