//! What a browser sees at the operator's address.

use axum::response::Html;

pub(super) async fn get() -> Html<&'static str> {
    Html(PAGE)
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Roundelay</title>
<style>body { font: 16px/1.5 system-ui; max-width: 46rem; margin: 3rem auto; padding: 0 1rem } td { padding-right: 1.5rem }</style>
<h1>Roundelay</h1>
<p>This is the operator's side of a gateway. Applications connect to its other address.</p>
<p>Open to everybody who can reach it:</p>
<table>
<tr><td><a href="/healthz">/healthz</a><td>whether the process is alive
<tr><td><a href="/readyz">/readyz</a><td>whether requests are welcome, and if not, why
<tr><td><a href="/metrics">/metrics</a><td>for Prometheus
</table>
<p>With the admin token, as <code>Authorization: Bearer rladmin-…</code>:</p>
<table>
<tr><td>GET /admin/deployments<td>how every deployment is doing
<tr><td>GET /admin/exchanges?limit=&amp;before=<td>the latest exchanges
<tr><td>GET /admin/exchanges/{id}<td>one exchange: what was considered, tried and answered
<tr><td>GET, POST /admin/keys<td>list and make API keys
<tr><td>PATCH /admin/keys/{id}<td>change one
<tr><td>POST /admin/keys/{id}/revoke<td>revoke one
<tr><td>GET, POST /admin/accounts<td>list and make accounts
<tr><td>GET, PATCH /admin/accounts/{id}<td>show and change one
<tr><td>POST /admin/accounts/{id}/credit<td>put money on it
<tr><td>POST /admin/accounts/{id}/adjust<td>correct its balance
<tr><td>GET /admin/entries?account=&amp;before=<td>what came in and what was charged
<tr><td>GET /admin/balances<td>what is left at providers
<tr><td>POST /admin/balances/poll<td>ask them now
<tr><td>GET /admin/usage?by=<td>exchanges, tokens and charges, added up
<tr><td>POST /admin/route<td>where a request would go
<tr><td>POST /admin/reload<td>read the configuration again
<tr><td>POST /admin/token<td>a new admin token in the place of this one
</table>
</html>
"#;
