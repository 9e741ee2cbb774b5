//! What a template has beside Tera's own filters and functions.

use std::collections::BTreeMap;
use std::env::{self, VarError};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use exit::escape;
use haproxy_config::{MAX_FILE, hash_of};
use tera::value::Key;
use tera::{Kwargs, Map, Number, State, Tera, TeraResult, Value};

use crate::paths::whole;

/// A lock that nobody holds across a panic.
fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files that this run makes, by their paths: their digests count, not those of the
/// files that are still in their places.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<Mutex<BTreeMap<PathBuf, String>>>);

impl Made {
    /// Remembers what is made at `path`.
    pub(crate) fn add(&self, path: &Path, text: &str) {
        held(&self.0).insert(whole(path), hash_of(text.as_bytes()));
    }

    fn digest(&self, path: &Path) -> Option<String> {
        held(&self.0).get(&whole(path)).cloned()
    }
}

/// Why a function could not do its work, if the system was the reason. Tera keeps only the
/// words of an error.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<anyhow::Error>>>);

impl Trouble {
    pub(crate) fn take(&self) -> Option<anyhow::Error> {
        held(&self.0).take()
    }

    fn tell(&self, error: anyhow::Error) -> tera::Error {
        let words = format!("{error:#}");
        *held(&self.0) = Some(error);
        tera::Error::message(words)
    }
}

/// Gives the engine all that its templates have beside Tera's own. Relative paths begin at
/// `folder`.
pub(crate) fn register(tera: &mut Tera, folder: &Path, made: &Made, trouble: &Trouble) {
    tera.register_function("env", variable);
    let (folder, made, trouble) = (folder.to_path_buf(), made.clone(), trouble.clone());
    let file_digest = move |arguments: Kwargs, _: &State| -> TeraResult<String> {
        let path = folder.join(arguments.must_get::<&str>("path")?);
        match made.digest(&path) {
            Some(digest) => Ok(digest),
            None => digest(&path).map_err(|error| trouble.tell(error)),
        }
    };
    tera.register_function("file_digest", file_digest);
    tera.register_filter("b64_encode", tera_contrib::base64::b64_encode);
    tera.register_filter("b64_decode", tera_contrib::base64::b64_decode);
    tera.register_filter(
        "filesize_format",
        tera_contrib::filesize_format::filesize_format,
    );
    tera.register_filter("format", tera_contrib::format::format);
    tera.register_filter("group_by", group_by);
    tera.register_filter("json_encode", tera_contrib::json::json_encode);
    tera.register_filter(
        "regex_replace",
        tera_contrib::regex::RegexReplace::default(),
    );
    tera.register_filter("slug", tera_contrib::slug::slug);
    tera.register_filter("urlencode", tera_contrib::urlencode::urlencode);
    tera.register_filter(
        "urlencode_strict",
        tera_contrib::urlencode::urlencode_strict,
    );
    tera.register_test("matching", tera_contrib::regex::Matching::default());
}

/// `env(name, default)`: a variable of our own environment. One with a control character
/// is refused, as in `--set`, so that no value begins a line of its own: a Serf agent gives
/// its handlers variables whose values come from other machines.
#[expect(clippy::needless_pass_by_value, reason = "Tera calls it so")]
fn variable(arguments: Kwargs, _: &State) -> TeraResult<Value> {
    let name = arguments.must_get::<&str>("name")?;
    let refuse = |why: &str| {
        let name = escape(name.as_bytes());
        Err(tera::Error::message(format!("the variable {name} {why}")))
    };
    match env::var(name) {
        Ok(value) if value.contains(char::is_control) => {
            refuse("has control characters, as a line end is one")
        }
        Ok(value) => Ok(Value::from(value)),
        Err(VarError::NotUnicode(_)) => refuse("is not UTF-8"),
        Err(VarError::NotPresent) => match arguments.get::<Value>("default")? {
            Some(default) => Ok(default),
            None => refuse("is not set: set it, or give env() a default"),
        },
    }
}

/// Tera's filter, with the groups in the order of their names. Tera's own gives them another
/// order in each run, so the file would be another one each time.
#[expect(clippy::needless_pass_by_value, reason = "Tera calls it so")]
fn group_by(list: &[Value], arguments: Kwargs, _: &State) -> TeraResult<Map> {
    let attribute = arguments.must_get::<&str>("attribute")?;
    let mut groups: BTreeMap<Key<'static>, Vec<Value>> = BTreeMap::new();
    for (at, element) in list.iter().enumerate() {
        let refuse = |why| tera::Error::message(format!("element {at} of the list {why}"));
        let value = element.get_from_path(attribute);
        let value = value.ok_or_else(|| refuse(format!("has no `{attribute}`")))?;
        if value.is_none() {
            continue;
        }
        let key = key(value);
        let key = key.ok_or_else(|| refuse(format!("has a {} as `{attribute}`", value.name())))?;
        groups.entry(key).or_default().push(element.clone());
    }
    let groups = groups.into_iter();
    Ok(groups.map(|(key, group)| (key, group.into())).collect())
}

/// The value as the key of a map, if it can be one.
fn key(value: &Value) -> Option<Key<'static>> {
    if let Some(text) = value.as_str() {
        return Some(Key::String(text.into()));
    }
    match value.as_number() {
        Some(Number::Integer(number)) => i64::try_from(number).ok().map(Key::I64),
        _ => value.as_bool().map(Key::Bool),
    }
}

/// The hash of a file's content, or of the names and contents of all files in a folder but
/// those whose names begin with a dot.
fn digest(path: &Path) -> anyhow::Result<String> {
    let what = || format!("read {}", path.display());
    if !path.is_dir() {
        return match files::read(path, MAX_FILE)? {
            Some(content) => Ok(hash_of(&content)),
            None => bail!("{}: there is no such file", what()),
        };
    }
    let mut all = Vec::new();
    let names = fs::read_dir(path).with_context(what)?;
    let names = names.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<OsString> = names.collect::<io::Result<_>>().with_context(what)?;
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort_unstable();
    for name in names {
        let path = path.join(&name);
        if path.is_dir() {
            continue;
        }
        // What has gone since the folder was listed is not in it any more.
        if let Some(content) = files::read(&path, MAX_FILE)? {
            all.extend_from_slice(name.as_encoded_bytes());
            all.push(0);
            all.extend_from_slice(hash_of(&content).as_bytes());
        }
    }
    Ok(hash_of(&all))
}

#[cfg(test)]
mod tests {
    use files::{Durability, replace};
    use tera::Context;

    use super::*;

    fn rendered(template: &str, folder: &Path, made: &Made) -> Result<String, String> {
        let (mut tera, trouble) = (Tera::new(), Trouble::default());
        register(&mut tera, folder, made, &trouble);
        tera.add_raw_template("t", template).unwrap();
        tera.render("t", &Context::new())
            .map_err(|error| match trouble.take() {
                Some(trouble) => format!("{trouble:#}"),
                None => error.to_string(),
            })
    }

    fn digest_of(folder: &Path, name: &str) -> String {
        let template = format!("{{{{ file_digest(path='{name}') }}}}");
        rendered(&template, folder, &Made::default()).unwrap()
    }

    fn write(path: &Path, text: &[u8]) {
        replace(path, text, Durability::Unsynced).unwrap();
    }

    #[test]
    fn a_variable_has_its_value_or_the_default() {
        let render = |template| rendered(template, Path::new(""), &Made::default());
        let home = env::var("CARGO_PKG_NAME").unwrap();
        assert_eq!(render("{{ env(name='CARGO_PKG_NAME') }}").unwrap(), home);
        assert_eq!(
            render("{{ env(name='NOT_SET_HERE', default='x') }}").unwrap(),
            "x"
        );
        assert_eq!(
            render("{{ env(name='NOT_SET_HERE', default=5) + 1 }}").unwrap(),
            "6"
        );
        let error = render("{{ env(name='NOT_SET\nHERE') }}").unwrap_err();
        assert!(
            error.contains("the variable NOT_SET\\nHERE is not set"),
            "{error}"
        );
    }

    #[test]
    fn groups_have_the_order_of_their_names_in_each_run() {
        let list = "[{'z':'c'},{'z':'a'},{'z':none},{'z':'b','n':1},{'z':'a'},{'z':'e'},{'z':'d'}]";
        let template = format!(
            "{{% for z, all in {list} | group_by(attribute='z') %}}{{{{ z }}}}{{{{ all | length }}}} \
             {{% endfor %}}{{{{ [{{'p':80}},{{'p':9}}] | group_by(attribute='p') }}}}"
        );
        let made = rendered(&template, Path::new(""), &Made::default()).unwrap();
        assert_eq!(made, "a2 b1 c1 d1 e1 {9: [{\"p\": 9}], 80: [{\"p\": 80}]}");
        let wrong = "{{ [{'z':[1]}] | group_by(attribute='z') }}";
        let error = rendered(wrong, Path::new(""), &Made::default()).unwrap_err();
        assert!(
            error.contains("element 0 of the list has a array as `z`"),
            "{error}"
        );
    }

    #[test]
    fn the_digest_changes_with_the_content() {
        let scratch = harness::scratch();
        write(&scratch.path().join("hosts.map"), b"a b\n");
        let first = digest_of(scratch.path(), "hosts.map");
        assert_eq!(first, hash_of(b"a b\n"));
        write(&scratch.path().join("hosts.map"), b"a c\n");
        assert_ne!(digest_of(scratch.path(), "hosts.map"), first);
    }

    #[test]
    fn the_digest_of_a_folder_is_that_of_the_names_and_contents_in_it() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join("certs").join(name);
        fs::create_dir_all(path("folder")).unwrap();
        let mut seen = vec![digest_of(scratch.path(), "certs")];
        for (name, text) in [("a", "1"), ("a", "2"), ("b", "2"), ("c", "")] {
            write(&path(name), text.as_bytes());
            seen.push(digest_of(scratch.path(), "certs"));
        }
        fs::rename(path("c"), path("d")).unwrap();
        seen.push(digest_of(scratch.path(), "certs"));
        let last = seen.last().unwrap().clone();
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        write(&path(".hidden"), b"x");
        assert_eq!(digest_of(scratch.path(), "certs"), last);
    }

    #[test]
    fn of_a_file_that_this_run_makes_the_new_content_counts() {
        let scratch = harness::scratch();
        let path = scratch.path().join("hosts.map");
        write(&path, b"old\n");
        let made = Made::default();
        made.add(&scratch.path().join("./hosts.map"), "new\n");
        let template = format!("{{{{ file_digest(path='{}') }}}}", path.display());
        let digest = rendered(&template, Path::new("/"), &made).unwrap();
        assert_eq!(digest, hash_of(b"new\n"));
    }

    #[test]
    fn what_cannot_be_read_is_trouble_and_never_a_digest() {
        let scratch = harness::scratch();
        nix::unistd::mkfifo(&scratch.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (name, why) in [
            ("fifo", "it is no regular file"),
            ("no", "there is no such file"),
        ] {
            let template = format!("{{{{ file_digest(path='{name}') }}}}");
            let error = rendered(&template, scratch.path(), &Made::default()).unwrap_err();
            let path = scratch.path().join(name);
            assert_eq!(error, format!("read {}: {why}", path.display()));
        }
    }
}
