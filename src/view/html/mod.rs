//! The tree for a browser: one page that needs nothing else, with the bytes beside their fields.
//!
//! Rust writes what stands still (the head of the page, the list of problems) and the bytes and
//! fields as JSON; the script draws from that only what is in sight, so that a label of 256 KiB or an
//! indirect block with its tens of thousands of fields opens at once.
//!
//! What the bytes say is hostile. Each text is tamed (`escape.rs`) and escaped for the place where
//! it stands, the script sets text and never markup, and the page forbids every script and style but
//! its own, and all network, by a Content-Security-Policy that names their hashes.

mod data;
mod escape;

use std::fmt::Write;

use sha2::{Digest, Sha256};
use zfsp_grammar::catalogue;
use zfsp_grammar::input::Order;
use zfsp_grammar::tree::{ProblemKind, Tree};

use crate::decode::Decoded;
use data::{Data, Trouble};
use escape::{base64, html};

const STYLE: &str = include_str!("page.css");
/// One script with names of its own.
const SCRIPT: &str = concat!(
    "\"use strict\";\n(() => {\n",
    include_str!("fields.js"),
    include_str!("roll.js"),
    include_str!("page.js"),
    "})();\n"
);

/// Problems that the head of the page lists; the tree marks them all.
const LISTED_PROBLEMS: usize = 200;

/// What a page shows.
#[derive(Clone, Copy, Debug)]
pub struct Page<'p> {
    /// Name of the structure.
    pub structure: &'p str,
    /// Where the bytes are from, for the reader; empty: not shown.
    pub source: &'p str,
    /// The bytes.
    pub bytes: &'p [u8],
    /// Position of the first of them.
    pub at: usize,
    /// Byte order in which they were read.
    pub order: Order,
    /// Their fields.
    pub tree: &'p Tree,
}

impl<'p> From<&'p Decoded<'_>> for Page<'p> {
    fn from(decoded: &'p Decoded<'_>) -> Self {
        Page {
            structure: decoded.structure,
            source: "",
            bytes: decoded.bytes,
            at: decoded.at,
            order: decoded.order,
            tree: &decoded.tree,
        }
    }
}

/// The whole page: a complete HTML document.
///
/// Its size is that of the style and the script, some 40 KiB, and a small multiple of the bytes and
/// their fields. It recurses as deep as the tree.
#[must_use]
pub fn page(view: &Page<'_>) -> String {
    let data = Data::of(view);
    let name = html(view.structure);
    let end = view.at.saturating_add(view.bytes.len());
    let mut out = String::new();
    // writing to a String cannot fail
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name} at {at:#x}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n",
        policy = policy(),
        at = view.at,
    );
    out.push_str("<header>\n<div class=\"title\">");
    let _ = write!(out, "<h1>{name}</h1>");
    if let Some(structure) = catalogue::find(view.structure) {
        let _ = write!(out, "<p>{}</p>", html(structure.about));
    }
    out.push_str("</div>\n<dl>");
    if !view.source.is_empty() {
        fact(&mut out, "source", &html(view.source));
    }
    fact(&mut out, "range", &format!("{:#x} to {end:#x}", view.at));
    fact(&mut out, "length", &length(view.bytes.len()));
    fact(&mut out, "byte order", &view.order.to_string());
    out.push_str("</dl>\n<div class=\"aside\">");
    problems(&mut out, &data.problems);
    out.push_str(KEYS);
    out.push_str("</div>\n</header>\n");
    out.push_str(PANES);
    let _ = write!(
        out,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{SCRIPT}</script>\n\
         </body>\n</html>\n",
        data.json(),
    );
    out
}

/// What the page may do: run its own script, wear its own style, show its empty icon.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", base64(&Sha256::digest(text)));
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src {}; script-src {}",
        hash(STYLE),
        hash(SCRIPT),
    )
}

fn fact(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
}

fn length(bytes: usize) -> String {
    match bytes {
        1024.. if bytes.is_multiple_of(1024) => format!("{bytes} bytes ({} KiB)", bytes / 1024),
        1 => "1 byte".into(),
        _ => format!("{bytes} bytes"),
    }
}

fn problems(out: &mut String, problems: &[Trouble]) {
    match problems.len() {
        0 => return out.push_str("<p class=\"sound\">no problems</p>\n"),
        1 => out.push_str("<details class=\"problems\"><summary>1 problem</summary>"),
        n => {
            let _ = write!(out, "<details class=\"problems\"><summary>{n} problems</summary>");
        }
    }
    out.push_str("<ol>");
    for problem in problems.iter().take(LISTED_PROBLEMS) {
        let _ = write!(
            out,
            "<li><a href=\"#f{}\">{}</a> <span class=\"{}\">{}</span></li>",
            problem.row,
            html(&problem.path),
            kind(problem.kind),
            html(&problem.text),
        );
    }
    if let Some(more @ 1..) = problems.len().checked_sub(LISTED_PROBLEMS) {
        let _ = write!(out, "<li class=\"more\">and {more} more, marked in the tree</li>");
    }
    out.push_str("</ol></details>\n");
}

fn kind(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unsupported => "unsupported",
    }
}

const KEYS: &str = "<details class=\"keys\"><summary>keys</summary><dl>\
<div><dt><kbd>Tab</kbd></dt><dd>between filter, bytes and fields</dd></div>\
<div><dt><kbd>/</kbd></dt><dd>to the filter; <kbd>Esc</kbd> clears it</dd></div>\
<div><dt><kbd>&uarr;</kbd> <kbd>&darr;</kbd></dt><dd>next field, next row of bytes</dd></div>\
<div><dt><kbd>&larr;</kbd> <kbd>&rarr;</kbd></dt><dd>close and open a field, next byte</dd></div>\
<div><dt><kbd>Home</kbd> <kbd>End</kbd></dt><dd>first and last; among bytes those of the row, \
with <kbd>Ctrl</kbd> of all</dd></div>\
<div><dt><kbd>Enter</kbd></dt><dd>from a field to its bytes, and back</dd></div>\
<div><dt><kbd>*</kbd></dt><dd>opens all fields beside this one</dd></div>\
<div><dt>letters</dt><dd>next field of that name</dd></div></dl></details>\n";

const PANES: &str = "<main>
<section class=\"dump\" aria-labelledby=\"bytes-title\">
<div class=\"bar\"><h2 id=\"bytes-title\">bytes</h2></div>
<div id=\"hex\" role=\"grid\" tabindex=\"0\" aria-labelledby=\"bytes-title\"></div>
</section>
<section class=\"fields\" aria-labelledby=\"fields-title\">
<div class=\"bar\"><h2 id=\"fields-title\">fields</h2>
<input id=\"filter\" type=\"search\" placeholder=\"filter by name or value\" aria-label=\"filter fields by name or value\" autocomplete=\"off\" spellcheck=\"false\">
<output id=\"found\" for=\"filter\"></output>
<button id=\"open-all\" type=\"button\">open all</button><button id=\"close-all\" type=\"button\">close all</button></div>
<div id=\"tree\" role=\"tree\" tabindex=\"0\" aria-labelledby=\"fields-title\"></div>
</section>
</main>
<footer id=\"detail\" aria-label=\"the field in hand\"><noscript>this page draws bytes and fields by its own script, which is switched off</noscript></footer>
";
