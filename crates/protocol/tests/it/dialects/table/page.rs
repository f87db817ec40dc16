//! The tables as docs/dialects.md and docs/dialects.zh-CN.md hold them.

use std::{borrow::Cow, env, fmt::Write as _, fs, path::PathBuf};

use roundelay_protocol::{
    chat::{Dialect, Problem, ProblemKind, words::in_chinese},
    translate,
};
use serde_json::Value;

use super::{Cell, Cells, Row, short};

#[derive(Clone, Copy, Debug)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    fn file(self) -> &'static str {
        match self {
            Self::English => "dialects.md",
            Self::Chinese => "dialects.zh-CN.md",
        }
    }

    fn pick(self, words: [&str; 2]) -> &str {
        words[self as usize]
    }
}

const TITLES: [(Dialect, &str); 5] = [
    (Dialect::OpenaiChat, "Chat Completions"),
    (Dialect::OpenaiResponses, "Responses"),
    (Dialect::Anthropic, "Anthropic Messages"),
    (Dialect::Gemini, "Gemini"),
    (Dialect::Bedrock, "Bedrock Converse"),
];

const BEGIN: &str =
    "<!-- the tables below are what the tests of crates/protocol gave: tests/it/dialects/table.rs -->\n";
const REWRITE: &str = "ROUNDELAY_WRITE_DOCS";

pub(super) fn write(
    language: Language,
    requests: (&[Row], &Cells),
    answers: (&[Row], &Cells),
    kinds: &[ProblemKind],
) -> String {
    let mut out = String::new();
    for (caller, title) in TITLES {
        let heading = language.pick(["A caller who speaks", "调用方使用"]);
        writeln!(out, "\n## {heading} {title}\n").unwrap();
        let sent =
            language.pick(["what the caller sends, at a provider of", "调用方发送的内容，到达以下协议的提供商时"]);
        table(&mut out, language, sent, caller, requests);
        let came =
            language.pick(["what the caller gets, from a provider of", "调用方收到的内容，来自以下协议的提供商时"]);
        table(&mut out, language, came, caller, answers);
    }
    errors(&mut out, language, kinds);
    out
}

fn table(out: &mut String, language: Language, head: &str, caller: Dialect, (rows, cells): (&[Row], &Cells)) {
    let others = || TITLES.into_iter().filter(move |(provider, _)| *provider != caller);
    let columns: Vec<_> = others().map(|(_, title)| title).collect();
    writeln!(out, "| {head} | {} |\n|---|---|---|---|---|", columns.join(" | ")).unwrap();
    let mut group = "";
    for (row, of_row) in rows.iter().zip(cells) {
        let found: Vec<&Cell> = others().map(|(provider, _)| &of_row[&(short(caller), short(provider))]).collect();
        if found.iter().all(|cell| **cell == Cell::Unsaid) {
            continue;
        }
        let name = language.pick([&row.group[0], &row.group[1]]);
        if group != name {
            group = name;
            writeln!(out, "| **{group}** | | | | |").unwrap();
        }
        let found: Vec<_> = found.into_iter().map(|cell| said(cell, language)).collect();
        writeln!(out, "| {} | {} |", language.pick([&row.name[0], &row.name[1]]), found.join(" | ")).unwrap();
    }
    out.push('\n');
}

fn said(cell: &Cell, language: Language) -> String {
    let with = |sign: &str, words: &[String]| {
        let words = words.iter().filter(|word| !word.is_empty()).map(|word| match language {
            Language::English => word.into(),
            Language::Chinese => in_chinese(word).unwrap_or_else(|| panic!("`{word}` has no Chinese")),
        });
        let words: Vec<Cow<'_, str>> = words.collect();
        format!("{sign} {}", words.join(language.pick(["; ", "；"]))).trim_end().to_owned()
    };
    match cell {
        Cell::Kept => "✓".to_owned(),
        Cell::Changed(words) => with("≈", words),
        Cell::Dropped(words) => with("✗", words),
        Cell::Unsaid => "–".to_owned(),
    }
}

/// The status and the word of every kind of error, in each dialect.
fn errors(out: &mut String, language: Language, kinds: &[ProblemKind]) {
    writeln!(out, "## {}\n", language.pick(["Errors", "错误"])).unwrap();
    let intro = language.pick([
        "How an error of a provider's is told in a stream, and by translated answers. What Roundelay itself refuses has the statuses of [failures.md](failures.md), in the same shapes.",
        "供应商的错误在流里和翻译后的回答里如何表达。Roundelay 自己拒绝的请求，状态码见 [failures.md](failures.zh-CN.md)，形状相同。",
    ]);
    writeln!(out, "{intro}\n").unwrap();
    let columns: Vec<_> = TITLES.iter().map(|(_, title)| *title).collect();
    let head = language.pick(["kind", "种类"]);
    writeln!(out, "| {head} | {} |\n|---|---|---|---|---|---|", columns.join(" | ")).unwrap();
    for kind in kinds {
        let found: Vec<_> = TITLES.iter().map(|(dialect, _)| error(*kind, *dialect)).collect();
        writeln!(out, "| {} | {} |", language.pick(name(*kind)), found.join(" | ")).unwrap();
    }
}

fn error(kind: ProblemKind, dialect: Dialect) -> String {
    let problem = Problem { kind, message: "m".into(), code: None, param: None };
    let body: Value = serde_json::from_slice(&translate::encode_error(&problem, dialect)).unwrap();
    let word = ["/error/status", "/error/type", "/__type"].iter().find_map(|path| body.pointer(path)?.as_str());
    let status = translate::status(kind, dialect);
    word.map_or_else(|| status.to_string(), |word| format!("{status} `{word}`"))
}

fn name(kind: ProblemKind) -> [&'static str; 2] {
    match kind {
        ProblemKind::InvalidRequest => ["a request that cannot be served", "无法处理的请求"],
        ProblemKind::Authentication => ["an unknown key", "密钥无效"],
        ProblemKind::Billing => ["no money left", "余额不足"],
        ProblemKind::Permission => ["not allowed", "无权限"],
        ProblemKind::NotFound => ["no such model", "模型不存在"],
        ProblemKind::TooLarge => ["too large", "请求过大"],
        ProblemKind::RateLimit => ["too many requests", "请求过多"],
        ProblemKind::Timeout => ["too slow", "超时"],
        ProblemKind::Overloaded => ["overloaded", "过载"],
        ProblemKind::Server => ["a fault of the provider", "提供商故障"],
    }
}

/// Compares the page with the tables, or writes them into it when told so.
pub(super) fn compare(language: Language, tables: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(language.file());
    let page = fs::read_to_string(&path).unwrap();
    let (prose, found) = page.split_once(BEGIN).expect("the page has the mark above its tables");
    if env::var_os(REWRITE).is_some() {
        fs::write(&path, format!("{prose}{BEGIN}{tables}")).unwrap();
    } else {
        let first = found.lines().zip(tables.lines()).find(|(found, told)| found != told);
        let why = format!("docs/{} is not what the tests gave: write it anew with {REWRITE}=1", language.file());
        assert!(found == tables, "{why}\n{first:#?}");
    }
}
