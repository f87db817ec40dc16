//! What a browser sees at the operator's address: the table of routes.

use std::fmt::Write as _;

use axum::response::Html;

use super::table::ROUTES;

pub(super) async fn get() -> Html<String> {
    let (mut open, mut shut) = (String::new(), String::new());
    for route in ROUTES {
        let (path, summary) = (route.path, route.summary);
        let written = match route.permission.role() {
            None => writeln!(open, "<tr><td><a href=\"{path}\">{path}</a><td>{summary}"),
            Some(least) => {
                let limited = if route.permission.is_unlimited() { ", of all accounts" } else { "" };
                writeln!(shut, "<tr><td>{} {path}<td>{summary}<td>{}{limited}", route.method.method(), least.label())
            }
        };
        written.expect("a text takes what is written");
    }
    Html(format!("{HEAD}{open}{BETWEEN}{shut}</table>\n</html>\n"))
}

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Roundelay</title>
<style>body { font: 16px/1.5 system-ui; max-width: 52rem; margin: 3rem auto; padding: 0 1rem } td { padding-right: 1.5rem }</style>
<h1>Roundelay</h1>
<p>This is the operator's side of a gateway. Applications connect to its other address.</p>
<p>Open to everybody who can reach it:</p>
<table>
"#;
const BETWEEN: &str = r"</table>
<p>With an operator's token, as <code>Authorization: Bearer rladmin-…</code>, of at least this role:</p>
<table>
";
