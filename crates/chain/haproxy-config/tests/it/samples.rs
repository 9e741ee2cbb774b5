//! For each keyword the words by which HAProxy is asked for it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Keywords with a value each that HAProxy takes. DIR is the test's folder. One that is not
/// here has none.
const VALUES: &[(&str, &str)] = &[
    ("addr", "127.0.0.1"),
    ("agent-addr", "127.0.0.1"),
    ("agent-inter", "1s"),
    ("agent-port", "81"),
    ("agent-send", "text"),
    ("alpn", "h2"),
    ("ca-file", "DIR/pair"),
    ("check-alpn", "h2"),
    ("check-pool-conn-name", "text"),
    ("check-proto", "h1"),
    ("check-sni", "a.example"),
    ("ciphers", "HIGH"),
    ("ciphersuites", "TLS_AES_128_GCM_SHA256"),
    ("client-sigalgs", "RSA+SHA256"),
    ("cookie", "text"),
    ("crl-file", "DIR/crl"),
    ("crt", "DIR/pair"),
    ("curves", "P-256"),
    ("downinter", "1s"),
    ("error-limit", "3"),
    ("fall", "2"),
    ("fastinter", "1s"),
    ("guid", "one"),
    ("hash-key", "addr"),
    ("id", "777"),
    ("idle-ping", "1s"),
    ("init-addr", "none"),
    ("init-state", "down"),
    ("inter", "1s"),
    ("interface", "lo"),
    ("log-bufsize", "20000"),
    ("log-proto", "octet-count"),
    ("max-reuse", "5"),
    ("maxconn", "5"),
    ("maxqueue", "5"),
    ("minconn", "5"),
    ("namespace", "none-such"),
    ("npn", "h2"),
    ("observe", "layer4"),
    ("on-error", "fail-check"),
    ("on-marked-down", "shutdown-sessions"),
    ("on-marked-up", "shutdown-backup-sessions"),
    ("pool-conn-name", "str(text)"),
    ("pool-low-conn", "2"),
    ("pool-max-conn", "2"),
    ("pool-purge-delay", "2s"),
    ("port", "82"),
    ("proto", "h1"),
    ("proxy-v2-options", "ssl"),
    ("redir", "http://a.example"),
    ("resolve-net", "127.0.0.0/8"),
    ("resolve-opts", "allow-dup-ip"),
    ("resolve-prefer", "ipv4"),
    ("resolvers", "names"),
    ("rise", "2"),
    ("set-proxy-v2-tlv-fmt", "text"),
    ("shard", "1"),
    ("sigalgs", "RSA+SHA256"),
    ("slowstart", "1s"),
    ("sni", "str(a.example)"),
    ("socks4", "127.0.0.1:90"),
    ("source", "127.0.0.1"),
    ("ssl-max-ver", "TLSv1.2"),
    ("ssl-min-ver", "TLSv1.2"),
    ("tcp-ut", "1s"),
    ("track", "tracked/one"),
    ("usesrc", "clientip"),
    ("verify", "none"),
    ("verifyhost", "a.example"),
    ("weight", "5"),
    ("ws", "h1"),
];

/// What has to stand before some of them.
const BEFORE: &[(&str, &str)] = &[
    ("agent-check", "agent-port 81"),
    ("ca-file", "ssl verify none"),
    ("check-ssl", "verify none"),
    ("crl-file", "ssl verify none"),
    ("crt", "ssl verify none"),
    ("interface", "source 127.0.0.1"),
    ("observe", "check"),
    ("on-error", "check"),
    ("ssl", "verify none"),
    ("usesrc", "source 127.0.0.1"),
];

/// Where the servers of the samples are, and nobody answers.
pub(crate) fn address() -> String {
    format!("{}:1", harness::address("61.1"))
}

/// The words by which the keyword `name` is asked for on a server's line.
pub(crate) fn words(name: &str, dir: &Path) -> String {
    let of = |table: &[(&str, &str)]| {
        let found = table.iter().find(|(key, _)| *key == name);
        found.map_or(String::new(), |(_, value)| {
            value.replace("DIR", &dir.display().to_string())
        })
    };
    let id = if name == "set-proxy-v2-tlv-fmt" {
        "(0x20)"
    } else {
        ""
    };
    let all = format!("{} {name}{id} {}", of(BEFORE), of(VALUES));
    all.trim().to_owned()
}

/// How many words stand behind the keyword in its sample.
pub(crate) fn arguments(name: &str) -> usize {
    VALUES.iter().filter(|(key, _)| *key == name).count()
}

/// The names of all samples.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    VALUES.iter().chain(BEFORE).map(|(name, _)| *name)
}

/// Makes a certificate with its key, and a list of revoked ones, in `dir`.
pub(crate) fn make_certificates(dir: &Path) {
    let openssl = harness::require("openssl");
    let config = "[req]\ndistinguished_name=name\n[name]\n[ca]\ndefault_ca=own\n[own]\n\
                  database=index\ndefault_md=sha256\ndefault_crl_days=3000\n";
    write(&dir.join("config"), config);
    write(&dir.join("index"), "");
    for words in [
        "req -x509 -config config -newkey rsa:2048 -nodes -keyout key -out own -days 3000 -subj /CN=a.example",
        "ca -config config -gencrl -keyfile key -cert own -out crl",
    ] {
        let mut command = Command::new(&openssl);
        let output = command.args(words.split(' ')).current_dir(dir).output();
        let output = output.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {words}: {told}");
    }
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    write(&dir.join("pair"), &(read("own") + &read("key")));
}

pub(crate) fn write(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
