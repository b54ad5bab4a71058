//! The page of `--html`: what stands in it, and how it behaves in a browser.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(missing_docs, clippy::as_conversions)]

mod browser;
mod common;

use std::io::Write;

use browser::{Browser, key};
use common::{fixture, unpacked};
use proptest::prelude::*;
use serde_json::Value as Json;
use zfsp::decode::{Decoded, decode};
use zfsp::device::Device;
use zfsp::view::html::{Page, page};
use zfsp_grammar::catalogue;
use zfsp_grammar::input::Order;
use zfsp_grammar::tree::{Trace, Value};

// of the fixture `simple`: the object set of the pool, and the uberblock of txg 49
const OBJSET: &[u8] = include_bytes!("data/objset.bin");
const UBERBLOCK: &[u8] = include_bytes!("data/uberblock.bin");
const UBERBLOCK_AT: usize = 0x2c400;

/// Style and script: what a page weighs without any bytes.
const FIXED: usize = 60 << 10;

fn read<'b>(structure: &str, bytes: &'b [u8], at: usize) -> Decoded<'b> {
    decode(catalogue::find(structure).unwrap(), bytes, at, None, 1)
}

fn label() -> Vec<u8> {
    let image = fixture("simple").images().remove(0);
    Device::open(&unpacked(&image)).unwrap().read(0, 256 << 10).unwrap()
}

/// 128 KiB of pointers, all alike but for where they lead.
fn indirect() -> Vec<u8> {
    let pointers = (0u8..=255).cycle().take(1024).enumerate().flat_map(|(n, k)| {
        let mut pointer = OBJSET[0x40..0xc0].to_vec();
        pointer[8] = k;
        pointer[9] = (n / 256) as u8;
        pointer
    });
    pointers.collect()
}

/// Names and values that want out of the page.
const HOSTILE: [&str; 6] = [
    "</script><script>window.owned = 1</script>",
    "<img src=x onerror=\"window.owned = 2\">",
    "<!--<script>",
    "\u{202e}txt.exe\u{2066}",
    "a\u{0}b\u{1b}[31m\u{85}\u{200b}\u{feff}",
    "\"';&amp;${window.owned = 3}`\\u003c\u{2028}",
];

fn hostile() -> zfsp_grammar::tree::Tree {
    let trace = Trace::default();
    for (n, text) in HOSTILE.iter().enumerate() {
        trace.derive(n, n + 1, text, Value::Text((*text).into()));
    }
    let mut tree = trace.into_tree();
    for node in &mut tree.nodes {
        node.problem = Some(Box::new(zfsp_grammar::tree::Problem::corrupt(node.name().into_owned())));
    }
    tree
}

fn hostile_page() -> String {
    let tree = hostile();
    let view = Page {
        structure: HOSTILE[0],
        source: HOSTILE[3],
        bytes: b"<b>&</b>",
        at: 0,
        order: Order::Little,
        tree: &tree,
    };
    page(&view)
}

// ---- what stands in the page ----

/// Elements that have no end.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "img"];

/// Every element of the page begins and ends; the text of scripts and styles is left alone.
fn check_nesting(page: &str) -> Result<(), String> {
    let mut rest = page.strip_prefix("<!doctype html>").ok_or("no doctype")?;
    let mut open: Vec<&str> = Vec::new();
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').ok_or("a tag without end")?;
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop();
            if last != Some(name) {
                return Err(format!("</{name}> ends {last:?}"));
            }
            continue;
        }
        let name = tag.split_whitespace().next().ok_or("a tag without name")?;
        if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
            return Err(format!("<{tag}>"));
        }
        if tag.matches('"').count() % 2 != 0 {
            return Err(format!("quotes of <{tag}>"));
        }
        if VOID.contains(&name) {
            continue;
        }
        open.push(name);
        if name == "script" || name == "style" {
            rest = &rest[rest.find(&format!("</{name}")).ok_or("raw text without end")?..];
        }
    }
    if open.is_empty() { Ok(()) } else { Err(format!("open: {open:?}")) }
}

fn embedded(page: &str) -> Json {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let value = |c: u8| digits.iter().position(|d| *d == c).unwrap() as u32;
    let text = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::new();
    for chunk in text.chunks(4) {
        let word = chunk.iter().fold(0, |word, c| word << 6 | value(*c)) << (6 * (4 - chunk.len()));
        out.extend_from_slice(&word.to_be_bytes()[1..chunk.len()]);
    }
    out
}

fn check(decoded: &Decoded<'_>) {
    let page = page(&decoded.into());
    check_nesting(&page).unwrap_or_else(|e| panic!("{}: {e}", decoded.structure));
    assert!(page.contains(&format!("<h1>{}</h1>", decoded.structure)));
    assert!(!page.contains("http:") && !page.contains("https:"), "the page needs nothing from elsewhere");

    let data = embedded(&page);
    let strings: Vec<&str> =
        data["strings"].as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect();
    let rows: Vec<i64> = data["rows"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect();
    // every field stands in it: name, place, value, in the order of reading
    let mut shown = Vec::new();
    let mut at = decoded.at as i64;
    for row in rows.chunks_exact(5) {
        let shape = &data["shapes"][row[0] as usize];
        at += row[1];
        let kind = shape[3].as_str().unwrap();
        if kind != "range" && kind != "gap" {
            let name = strings[shape[1].as_u64().unwrap() as usize];
            shown.push((name.to_owned(), at, at + row[2], strings[row[3] as usize].to_owned()));
        }
    }
    let nodes = decoded.tree.nodes.iter();
    let mut read: Vec<_> =
        nodes.map(|n| (n.name().into_owned(), n.at as i64, n.end as i64, n.value.to_string())).collect();
    shown.sort();
    read.sort();
    assert_eq!(shown, read);

    let mut bytes = Vec::new();
    for pair in data["bytes"].as_array().unwrap().chunks_exact(2) {
        bytes.resize(bytes.len() + pair[0].as_u64().unwrap() as usize, 0);
        bytes.extend(from_base64(pair[1].as_str().unwrap()));
    }
    assert_eq!(bytes, decoded.bytes);
    assert!(page.len() <= FIXED + 12 * decoded.bytes.len(), "{}: {} bytes", decoded.structure, page.len());
}

#[test]
fn every_field_and_byte_is_in_the_page() {
    check(&read("objset", OBJSET, 0));
    check(&read("uberblock", UBERBLOCK, UBERBLOCK_AT));
    check(&read("label", &label(), 0));
    check(&read("indirect", &indirect(), 0));
}

#[test]
fn a_reading_that_fails_has_its_page() {
    let decoded = read("uberblock", &UBERBLOCK[..100], UBERBLOCK_AT);
    assert!(!decoded.is_sound());
    check(&decoded);
    let page = page(&(&decoded).into());
    assert!(page.contains("<summary>1 problem</summary>"), "{}", &page[..2000]);
    assert!(page.contains("cut short"));
    check(&read("objset", &[], 0));
}

#[test]
fn nothing_hostile_leaves_its_place() {
    let page = hostile_page();
    check_nesting(&page).unwrap();
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(page.matches("<script").count(), 2);
    assert!(!page.contains("<img"));
    assert!(!page.contains("<!--"));
    let strange =
        |c: char| c != '\n' && (c.is_control() || ('\u{200b}'..='\u{2069}').contains(&c) && c != '\u{2026}');
    assert_eq!(page.chars().find(|c| strange(*c)), None);
    let strings = embedded(&page)["strings"].to_string();
    for seen in
        [r"\\u{202e}txt.exe\\u{2066}", r"\\u{0}b\\u{1b}[31m\\u{85}\\u{200b}", "</script><script>window.owned"]
    {
        assert!(strings.contains(seen), "{seen} in {strings}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_bytes_make_a_page(bytes in proptest::collection::vec(any::<u8>(), 0..1500), at in any::<usize>()) {
        for structure in catalogue::structures() {
            let decoded = decode(structure, &bytes, at, Some(Order::Little), 1);
            let page = page(&(&decoded).into());
            prop_assert_eq!(check_nesting(&page), Ok(()), "{}", structure.name);
            prop_assert!(embedded(&page)["rows"].is_array());
        }
    }
}

// ---- how it behaves ----

/// The page in a browser, or nothing where there is none.
fn open(page: &str, then: impl FnOnce(&Browser)) {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(why) if why.contains("No such file") || why.contains("cannot find Chrome binary") => {
            // past the capture of the test harness: nobody shall believe that this was tested
            let _ = writeln!(
                std::io::stderr(),
                "\n!!! SKIPPED: no page was looked at in a browser: {why}\n!!! install chromium and chromedriver\n"
            );
            return;
        }
        Err(why) => panic!("{why}"),
    };
    let file = tempfile::Builder::new().suffix(".html").tempfile().unwrap();
    file.as_file().write_all(page.as_bytes()).unwrap();
    browser.open(file.path());
    then(&browser);
    assert_eq!(browser.console(), [""; 0], "the console is quiet");
}

fn open_objset(then: impl FnOnce(&Browser)) {
    open(&page(&(&read("objset", OBJSET, 0)).into()), then);
}

impl Browser {
    /// Offsets of the marked bytes, first and last.
    fn marked(&self) -> (i64, i64) {
        let marked = self.run(
            "const all = [...document.querySelectorAll('#hex [role=gridcell].on')].map((b) => +b.dataset.at);
             return all.length ? [Math.min(...all), Math.max(...all)] : [-1, -1]",
        );
        (marked[0].as_i64().unwrap(), marked[1].as_i64().unwrap())
    }
    /// The path of the field at hand, as the foot of the page tells it.
    fn path(&self) -> String {
        self.text("#detail .path")
    }
    fn text(&self, selector: &str) -> String {
        let text = self.run(&format!("return document.querySelector({selector:?})?.textContent ?? ''"));
        text.as_str().unwrap().to_owned()
    }
    /// Name of the field that the tree points at for those who do not see.
    fn active(&self) -> String {
        let name = self.run(
            "const id = document.getElementById('tree').getAttribute('aria-activedescendant');
             const row = document.getElementById(id);
             return row.getAttribute('aria-selected') === 'true' ? row.querySelector('bdi').textContent : ''",
        );
        name.as_str().unwrap().to_owned()
    }
    fn count(&self, selector: &str) -> i64 {
        self.run(&format!("return document.querySelectorAll({selector:?}).length")).as_i64().unwrap()
    }
    fn row(&self, name: &str) -> String {
        let id = self.run(&format!(
            "return [...document.querySelectorAll('.field')].find((f) => f.querySelector('bdi').textContent === {name:?}).id"
        ));
        format!("#{}", id.as_str().unwrap())
    }
}

#[test]
fn a_field_marks_its_bytes() {
    open_objset(|browser| {
        browser.click(&browser.row("maxblkid"));
        assert_eq!(browser.path(), "objset.meta_dnode.maxblkid");
        assert_eq!(browser.marked(), (0x10, 0x17));
        browser.point(&browser.row("used"));
        assert_eq!(browser.path(), "objset.meta_dnode.used");
        assert_eq!(browser.count("#hex [role=gridcell].hover"), 8);
        assert_eq!(browser.marked(), (0x10, 0x17), "passing over a field leaves the one at hand");
    });
}

#[test]
fn a_byte_marks_its_field() {
    open_objset(|browser| {
        browser.click("#b25");
        assert_eq!(browser.path(), "objset.meta_dnode.used");
        assert_eq!(browser.active(), "used");
        assert_eq!(browser.marked(), (0x18, 0x1f));
        browser.point("#b65");
        assert_eq!(browser.path(), "objset.meta_dnode.blkptr[0].dva[0].extent");
    });
}

#[test]
fn the_tree_needs_no_mouse() {
    open_objset(|browser| {
        browser.run("document.getElementById('tree').focus()");
        for (key, active) in [
            (key::HOME, "objset"),
            (key::DOWN, "meta_dnode"),
            (key::LEFT, "meta_dnode"), // closes
            (key::DOWN, "zil_header"),
            (key::UP, "meta_dnode"),
            (key::RIGHT, "meta_dnode"), // opens
            (key::RIGHT, "kind"),
            (key::LEFT, "meta_dnode"),
            ("m", "maxblkid"),
        ] {
            browser.press(key);
            // `type` or `kind`: names may follow the format
            if active != "kind" {
                assert_eq!(browser.active(), active, "after {key:?}");
            }
        }
        assert_eq!(browser.marked(), (0x10, 0x17));
        browser.press(key::END);
        let last = browser.text(".field:last-child bdi");
        assert_eq!(browser.active(), last);
        browser.press(key::HOME);
        browser.press(key::LEFT);
        assert_eq!(browser.count(".field"), 1);
        assert_eq!(browser.count(".field[aria-expanded=false]"), 1);
        browser.press(key::RIGHT);
        assert!(browser.count(".field") > 5);
        assert_eq!(browser.count(".field:not([aria-level][aria-posinset][aria-setsize])"), 0);
    });
}

#[test]
fn the_bytes_need_no_mouse() {
    open_objset(|browser| {
        browser.run("document.getElementById('hex').focus()");
        let cursor = || {
            let id =
                browser.run("return document.getElementById('hex').getAttribute('aria-activedescendant')");
            id.as_str().unwrap().to_owned()
        };
        for (key, at) in [
            (key::RIGHT, "b1"),
            (key::DOWN, "b17"),
            (key::END, "b31"),
            (key::RIGHT, "b32"),
            (key::LEFT, "b31"),
            (key::HOME, "b16"),
            (key::UP, "b0"),
        ] {
            browser.press(key);
            assert_eq!(cursor(), at, "after {key:?}");
        }
        browser.press(key::DOWN);
        assert_eq!(browser.path(), "objset.meta_dnode.maxblkid");
        let label = browser.run("return document.getElementById('b16').getAttribute('aria-label')");
        assert_eq!(label, "04 at 0x10, objset.meta_dnode.maxblkid 4");
        browser.press(key::ENTER);
        assert_eq!(browser.run("return document.activeElement.id"), "tree");
        assert_eq!(browser.active(), "maxblkid");
        browser.press(key::ENTER);
        assert_eq!(browser.run("return document.activeElement.id"), "hex");
        browser.press(key::TAB);
        assert_eq!(browser.run("return document.activeElement.id"), "filter");
    });
}

#[test]
fn the_filter_narrows() {
    open_objset(|browser| {
        let all = browser.count(".field");
        browser.run("document.getElementById('tree').focus()");
        browser.press("/");
        browser.type_text("MAXBLK");
        assert!(browser.count(".field") < all);
        assert!(browser.count(".field mark") >= 1);
        assert!(browser.text("#found").ends_with("hits") || browser.text("#found") == "1 hit");
        browser.press(key::ENTER);
        assert_eq!(browser.active(), "maxblkid");
        browser.run("document.getElementById('filter').focus()");
        browser.press(key::ESCAPE);
        assert_eq!(browser.active(), "maxblkid", "what was found stays at hand");
        assert_eq!(browser.count(".field mark"), 0);
        browser.type_text("nosuchthing");
        assert_eq!(browser.text("#tree"), "no such field");
    });
}

#[test]
fn problems_lead_to_their_fields() {
    let decoded = read("uberblock", &UBERBLOCK[..100], UBERBLOCK_AT);
    let (path, ..) = decoded.first_problem().unwrap();
    open(&page(&(&decoded).into()), |browser| {
        browser.click(".problems summary");
        browser.click(".problems a");
        assert_eq!(browser.path(), path);
        assert!(browser.text("#detail .wrong-here").contains("cut short"));
        assert_eq!(browser.count(".field.wrong.on"), 1);
    });
}

#[test]
fn hostile_text_stays_text() {
    open(&hostile_page(), |browser| {
        assert_eq!(browser.run("return window.owned ?? 0"), 0);
        assert_eq!(browser.count("img"), 0);
        assert_eq!(browser.text("h1"), HOSTILE[0]);
        assert_eq!(browser.count(".field"), HOSTILE.len() as i64 + 1);
        assert!(browser.text("#tree").contains(HOSTILE[1]));
        // nor would a script run that found its way in
        browser.run("const s = document.createElement('script'); s.textContent = 'window.owned = 4'; document.body.append(s)");
        assert_eq!(browser.run("return window.owned ?? 0"), 0);
        assert_eq!(browser.console().len(), 1, "the browser tells that it refused");
    });
}

/// The lowest contrast (WCAG 2) of the texts that the selectors find, and which it is.
const LOWEST_CONTRAST: &str = r"
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
    const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, k) => sum + c * [.2126, .7152, .0722][k], 0);
    let lowest = [99, ''];
    for (const el of document.querySelectorAll('h1, h2, dt, dd, button, .title p, .sound, .name, .value, .meaning, .about, .wrong-here, .wrong-below, summary, .place, .line b:not(.pad), .line i, .run, footer span, footer bdi, #filter, #found')) {
        if (!el.textContent.trim() && el.id !== 'filter') continue;
        let back = el;
        while (back && rgb(getComputedStyle(back).backgroundColor)[3] === 0) back = back.parentElement;
        const [a, b] = [light(rgb(getComputedStyle(el).color)), light(rgb(getComputedStyle(back ?? document.documentElement).backgroundColor))];
        const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
        if (contrast < lowest[0]) lowest = [contrast, `${el.tagName} .${el.className} ${el.textContent}`];
    }
    return lowest.concat(light(rgb(getComputedStyle(document.documentElement).backgroundColor)))";

#[test]
fn readable_by_day_and_by_night() {
    let mut bytes = OBJSET.to_vec();
    bytes[0x310] = 1; // padding
    open(&page(&(&read("objset", &bytes, 0)).into()), |browser| {
        browser.click(".problems summary");
        browser.click(".problems summary");
        for field in ["blkptr", "used", "pad3"] {
            browser.click(&browser.row(field));
            browser.point(&browser.row("indblkshift"));
            for (scheme, dark) in [("light", false), ("dark", true)] {
                browser.prefer(scheme);
                let lowest = browser.run(LOWEST_CONTRAST);
                assert!(lowest[0].as_f64().unwrap() >= 4.5, "{scheme}, {field}: {lowest}");
                assert_eq!(lowest[2].as_f64().unwrap() < 0.1, dark, "{scheme}: {lowest}");
            }
        }
        browser.point(&browser.row("blkptr"));
        let lowest = browser.run(LOWEST_CONTRAST);
        assert!(lowest[0].as_f64().unwrap() >= 4.5, "passing over bytes: {lowest}");
    });
}

#[test]
fn a_field_among_zeros_says_how_many_are_its_own() {
    open_objset(|browser| {
        browser.click(&browser.row("portable_mac"));
        assert_eq!(browser.count(".run.on"), 1);
        assert!(browser.run("return document.querySelector('.run.on').dataset.some") == ", 32 of them here");
        browser.run("document.getElementById('hex').focus()");
        let runs = browser.count(".run");
        browser.press(" ");
        assert_eq!(browser.count(".run"), runs - 1, "space shows the zeros");
        assert_eq!(browser.marked(), (0x2d0, 0x2ef));
    });
}

#[test]
fn large_pages_stay_small_in_the_browser() {
    for (structure, bytes) in [("label", label()), ("indirect", indirect())] {
        open(&page(&(&read(structure, &bytes, 0)).into()), |browser| {
            browser.click("#open-all");
            let elements = browser.count("*");
            assert!(elements < 8000, "{structure}: {elements} elements");
            browser.run("document.getElementById('tree').focus()");
            browser.press(key::END);
            assert!(browser.count(".field.on") == 1, "{structure}: the last field is drawn");
            let (first, last) = browser.marked();
            assert!(first >= 0 && last >= first, "{structure}: its bytes are in sight");
            let wide = browser.run("return document.documentElement.scrollWidth - innerWidth");
            assert!(wide.as_i64().unwrap() <= 0);
        });
    }
}

#[test]
fn narrow_screens_stack() {
    open_objset(|browser| {
        browser.resize(380, 760);
        std::thread::sleep(std::time::Duration::from_millis(200));
        let places = browser.run(
            "const box = (id) => document.getElementById(id).getBoundingClientRect();
             const [h, t] = [box('hex'), box('tree')];
             return [h.bottom <= t.top, document.documentElement.scrollWidth <= innerWidth, h.height > 100, t.height > 150]",
        );
        assert_eq!(places, serde_json::json!([true, true, true, true]));
        let per_line = browser.count("#hex .line:not(.ruler):first-child b, #hex .slice .line:first-child b");
        assert_eq!(per_line, 8);
    });
}

#[test]
fn print_shows_all() {
    let bytes = label();
    open(&page(&(&read("label", &bytes, 0)).into()), |browser| {
        let before = browser.count("#hex .slice .line");
        browser.run("dispatchEvent(new Event('beforeprint'))");
        let whole = browser.count("#hex .slice .line");
        assert!(whole > before);
        assert_eq!(
            browser.run("return document.getElementById('hex').getAttribute('aria-rowcount')"),
            whole.to_string()
        );
        browser.run("dispatchEvent(new Event('afterprint'))");
        assert!(browser.count("#hex .slice .line") < whole);
    });
}
