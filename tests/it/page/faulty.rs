//! That what is looked for in pages is found in one that has all of it.

use super::browser::{Browser, Look};
use super::looks::LOOK;

/// Each of these has a fault, and what is said of it.
const FAULTS: [(&str, &str); 13] = [
    ("<p style='width: 2000px'>far</p>", "it scrolls sideways"),
    (
        "<p id=cut style='width: 20px; overflow: hidden; white-space: nowrap'>much too long</p>",
        "<p#cut> is cut",
    ),
    (
        "<p style='margin: 0'>under</p><p style='margin: -1em 0 0'>upon</p>",
        "\"under\" of <p>",
    ),
    ("<p style='color: #999'>grey on white</p>", "is faint: 2.8"),
    (
        "<p style='opacity: .4; color: black'>thin</p>",
        "\"thin\" of <p> p. (rgb(0, 0, 0)) is faint",
    ),
    ("<h1>two</h1>", "it has not one h1"),
    ("<h4>deep</h4>", "<h4> comes after h1"),
    ("<ul><p>none</p></ul>", "<p> is no item of its list"),
    ("<i id=a>a</i><b id=a>b</b>", "two elements are called a"),
    ("<input id=nameless>", "<input#nameless> has no name"),
    (
        "<button id=b style='outline: none'>b</button>",
        "one cannot see that <button#b>",
    ),
    ("<svg id=drawing></svg>", "<svg#drawing> has no name"),
    (
        "<ul id=nodes><li id=n data-state=serves>!</ul>",
        "<li#n> does not say its state",
    ),
];

/// What is found in a page whose main part is this.
fn found(browser: &Browser, part: &str) -> String {
    let page = format!(
        "<!doctype html><html lang=en><title>t</title><main><h1>one</h1>\
         <p role=status></p>{part}</main>"
    );
    let at = harness::http::serve((harness::address("148.60"), 0), move |peer| {
        while peer.request().is_some() {
            let length = page.len();
            peer.send(&format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}"
            ));
        }
    });
    browser.go(&format!("http://{at}/"));
    browser.text(&format!("(() => {{ {LOOK} }})().join('\\n')"))
}

#[test]
fn what_is_looked_for_is_found_where_it_is_and_nowhere_else() {
    let browser = Browser::open(Look::WIDE);
    let good = "<h2>two</h2><ul id=nodes><li data-state=serves><span class=state>serves</span>\
                </ul><button>press</button><p style='color: #595959'>grey enough</p>";
    assert_eq!(found(&browser, good), "");
    for (part, fault) in FAULTS {
        let found = found(&browser, part);
        assert!(found.contains(fault), "{part}: {found}");
    }
}
