//! How much of what was said survives when a conversation of 60 turns moves from a window of 200k tokens to one of 8k.

use std::{fmt::Write as _, sync::Arc};

use roundelay_protocol::{
    chat::{Body, Dialect, Extra, Part, Request, Role, Turns},
    estimate::Tokenizer,
    handover::{Kind, Room, hand_over, tokens},
};

use super::{
    conversations::{call, text},
    room, strict, texts, without_summary,
};
use crate::dialects::written;

/// Who says it, in which of the first fifty turns; the words; and what of them must still be there.
const FACTS: [(&str, usize, &str, &str); 40] = [
    ("user", 1, "The customer is Halvorsen Logistics and their contact is Marta Oyelaran.", "Marta Oyelaran"),
    ("user", 1, "Everything has to be live by 14 March 2027.", "14 March 2027"),
    ("user", 2, "Please never touch the table billing_ledger_v2, finance reads it directly.", "billing_ledger_v2"),
    ("assistant", 3, "Then we agreed: retries stop after 7 attempts.", "7 attempts"),
    ("user", 4, "Our staging cluster listens on port 8443.", "8443"),
    ("user", 5, "I prefer tabs over spaces in the Makefiles.", "tabs over spaces"),
    (
        "assistant",
        6,
        "I put the importer into services/intake/csv_reader.rs as you wanted.",
        "services/intake/csv_reader.rs",
    ),
    ("user", 7, "数据库必须部署在法兰克福机房。", "法兰克福"),
    ("user", 8, "The nightly job belongs to Tomasz, ask him before changing it.", "Tomasz"),
    ("assistant", 9, "We chose zstd at level 9 for the archives.", "zstd at level 9"),
    ("user", 10, "Write to ops-night@halvorsen.example when the run fails.", "ops-night@halvorsen.example"),
    ("user", 11, "我们决定使用蓝绿发布，不要用滚动升级。", "蓝绿发布"),
    ("assistant", 12, "The root cause was a clock skew of 340 ms between the two brokers.", "340 ms"),
    ("user", 13, "The dashboard must load within 900 ms on a tablet.", "900 ms"),
    ("tool", 14, "warning: checksum of shard 17 differs from the manifest", "shard 17"),
    ("user", 15, "Call the new service pelican-gate everywhere.", "pelican-gate"),
    ("assistant", 16, "Decision: the cache key includes the tenant and the locale.", "tenant and the locale"),
    ("user", 17, "See https://wiki.halvorsen.example/runbooks/41 for the old procedure.", "runbooks/41"),
    ("user", 18, "预算上限是每月三万二千元。", "三万二千元"),
    ("assistant", 19, "The feature flag is named FF_SPLIT_INVOICE and it is off by default.", "FF_SPLIT_INVOICE"),
    ("user", 20, "Invoices are rounded half to even, never half up.", "half to even"),
    ("tool", 21, "note: the certificate of edge-03 expires on 2027-01-09", "2027-01-09"),
    ("user", 22, "Legal approved keeping logs for 400 days.", "400 days"),
    ("assistant", 23, "I renamed the module from parcel to shipment.", "from parcel to shipment"),
    ("user", 24, "The password rotation is handled by the vault in Rotterdam.", "Rotterdam"),
    ("user", 25, "负责人是陈美玲，她同意了接口变更。", "陈美玲"),
    ("assistant", 26, "The migration number is 0093 and it is reversible.", "0093"),
    ("user", 28, "We always deploy on Tuesdays.", "Tuesdays"),
    ("user", 29, "Our largest tenant has 2.4 million parcels a day.", "2.4 million"),
    ("assistant", 30, "The error code for a duplicate is E_DUP_WAYBILL.", "E_DUP_WAYBILL"),
    ("tool", 31, "hint: the feature needs glibc 2.31 or newer", "glibc 2.31"),
    ("user", 32, "Do not add new dependencies without asking Priya.", "Priya"),
    ("user", 34, "The word \"consignee\" has to stay in all texts.", "consignee"),
    ("assistant", 35, "The benchmark is in bench/route_plan.rs and takes 12 minutes.", "bench/route_plan.rs"),
    ("user", 36, "日志里总是写托运单号，不要写姓名。", "托运单号"),
    ("user", 38, "If the queue is longer than 5000 we stop the intake.", "5000"),
    ("assistant", 40, "Agreed, timestamps are stored in UTC and shown in Europe/Oslo.", "Europe/Oslo"),
    ("user", 42, "Is the carrier API v3 or v4? Nobody could tell me.", "carrier API"),
    ("assistant", 44, "The fallback carrier is Northwind Freight.", "Northwind Freight"),
    ("user", 46, "The pilot runs in Bergen with 25 drivers.", "25 drivers"),
];

/// What people and models say besides, in pieces that make tens of thousands of sentences; some have numbers, paths,
/// names and words of decision as well.
const BEGIN: [&str; 16] = [
    "I think",
    "As far as I can see",
    "In the first version",
    "Before we go on",
    "On the other hand",
    "To be honest",
    "When I tried it again",
    "Looking at it now",
    "For the moment",
    "If I remember well",
    "In the second file",
    "After the last change",
    "With the smaller sample",
    "Compared with yesterday",
    "Strictly speaking",
    "In short",
];
const WHO: [&str; 14] = [
    "the reader",
    "the whole loop",
    "this function",
    "the old handler",
    "the test",
    "the second worker",
    "the parser",
    "the cache in src/cache_{n}.rs",
    "the colleague from the other team",
    "the helper",
    "the build",
    "Anna's variant",
    "the request",
    "the middle part",
];
const DOES: [&str; 16] = [
    "takes longer than it should",
    "does what we expected",
    "is easier to follow",
    "needs another look",
    "opens the file only once",
    "waits for the answer",
    "returns the same value twice",
    "must have seen the old data",
    "handles about {n} records",
    "is called from two places",
    "leaves the folder untouched",
    "reads line {n} again",
    "prints a warning that is harmless",
    "works on my machine",
    "copies more than it needs",
    "fails now and then",
];
const BESIDE: [&str; 14] = [
    "because the cache was warm",
    "which is fine with me",
    "although nobody asked for it",
    "and I left it like that",
    "so we can come back to it later",
    "as the comment there says",
    "while the others are running",
    "at least with the data from {n}",
    "since it should not matter here",
    "and that is always a good sign",
    "which I would not have thought",
    "without any change of the result",
    "if the input is empty",
    "for some reason",
];
/// These have no spaces between their words.
const OTHER: [&str; 6] = [
    "好的，我再看一下第{n}行的代码，然后告诉你结果",
    "目前看起来没有问题，可以继续下一步",
    "这里的名字有点长，不过容易理解",
    "测试在我的机器上需要{n}秒",
    "我觉得这样写比较清楚，你看可以吗",
    "刚才的结果和昨天的一样",
];

/// Makes up what is said besides, or takes it from the sentences of a page.
struct Dice<'p> {
    state: u64,
    page: &'p [String],
}

impl Dice<'_> {
    fn below(&mut self, most: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state % most as u64) as usize
    }

    fn one_of(&mut self, pieces: &[&str]) -> String {
        let number = 10 + self.below(900);
        pieces[self.below(pieces.len())].replace("{n}", &number.to_string())
    }

    fn sentence(&mut self) -> String {
        if !self.page.is_empty() {
            return self.page[self.below(self.page.len())].clone();
        }
        if self.below(20) == 0 {
            return self.one_of(&OTHER) + "。";
        }
        let [begin, who, does, beside] = [&BEGIN[..], &WHO, &DOES, &BESIDE].map(|pieces| self.one_of(pieces));
        let end = if self.below(8) == 0 { '?' } else { '.' };
        format!("{begin} {who} {does}, {beside}{end}")
    }

    /// So many sentences, and among them what `who` has to say in that turn.
    fn prose(&mut self, sentences: usize, who: &str, number: usize) -> String {
        let mut prose: Vec<_> = (0..sentences).map(|_| self.sentence()).collect();
        for (_, _, words, _) in FACTS.iter().filter(|(speaker, turn, ..)| *speaker == who && *turn == number) {
            let at = self.below(prose.len() + 1);
            prose.insert(at, (*words).to_owned());
        }
        prose.join(" ")
    }
}

/// Sixty times the user, a step with tools, and an answer.
fn conversation(page: &[String]) -> Request<'static> {
    let mut dice = Dice { state: 0x5eed, page };
    let mut turns = Turns::default();
    for number in 1..=60 {
        let mut push = |role, parts| turns.push(role, parts, Extra::default());
        push(Role::User, vec![text(&dice.prose(4, "user", number))]);
        let id = format!("call_{number}");
        push(Role::Assistant, vec![text(&dice.prose(1, "nobody", number)), call(&id)]);
        let mut given = String::new();
        for line in 0..92 {
            let _ = writeln!(given, "{line:04} ok module_{} took {} us", dice.below(40), dice.below(9_000));
            if line == 30 {
                given += &format!("{}\n", dice.prose(0, "tool", number));
            }
        }
        push(Role::User, vec![result(&id, &given)]);
        push(Role::Assistant, vec![text(&dice.prose(12, "assistant", number))]);
    }
    turns.push(Role::User, vec![text("Good. What is left to do before the pilot?")], Extra::default());
    let mut request = Request::new(Dialect::OpenaiChat);
    request.system = vec![text("You are the assistant of a small team of engineers.")];
    request.turns = turns.turns;
    request
}

fn result(id: &str, given: &str) -> Part<'static> {
    let mut part = super::conversations::result(id, 0, 0, false, false);
    if let Body::ToolResult(result) = &mut part.body {
        result.content = vec![text(given)];
    }
    part
}

fn all_words(request: &Request<'_>) -> String {
    request.turns.iter().flat_map(texts).collect::<Vec<_>>().join("\n")
}

fn missing(request: &Request<'_>) -> Vec<&'static str> {
    let words = all_words(request);
    FACTS.iter().map(|(.., kept)| *kept).filter(|kept| !words.contains(kept)).collect()
}

/// The sentences of this project's own pages, in two languages: as dense with names and numbers as the facts are, which
/// is as hard as it gets.
fn pages() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let text = |path| std::fs::read_to_string(path).unwrap().replace('。', "。\n").replace(". ", ".\n");
    let lines = files.into_iter().filter(|path| path.is_file()).map(text).collect::<Vec<_>>().join("\n");
    let is_prose = |line: &&str| line.ends_with(['.', '。']) && !line.starts_with(['|', '#', '`']);
    lines.lines().map(str::trim).filter(is_prose).map(str::to_owned).collect()
}

/// How many facts there are in an extract of the conversation.
#[track_caller]
fn check(page: &[String], least: usize) {
    let before = conversation(page);
    let size = tokens(&before, Tokenizer::Narrow);
    assert!((140_000..220_000).contains(&size), "{size}");
    assert_eq!(missing(&before), [""; 0]);
    let (after, told) = without_summary(&before, &narrow()).unwrap();
    assert_eq!(told.kind, Kind::Extract);
    assert!(told.first_kept > 4 * 46, "no fact is in what is kept: {told:?}");
    takes(&after);
    let missing = missing(&after);
    let survived = FACTS.len() - missing.len();
    assert!(survived >= least, "{survived} of {} are there; lost: {missing:?}", FACTS.len());
}

#[test]
fn an_extract_keeps_nine_of_ten_facts_among_small_talk() {
    check(&[], 36);
}

#[test]
fn an_extract_keeps_half_of_the_facts_among_other_facts() {
    check(&pages(), 20);
}

#[test]
fn what_a_summary_says_arrives_whole() {
    let before = conversation(&[]);
    let facts: Vec<_> = FACTS.iter().map(|(_, _, words, _)| format!("- {words}")).collect();
    let summary: Arc<str> = facts.join("\n").into();
    let mut after = before.clone();
    // It was made ten turns ago.
    let told = hand_over(&mut after, &narrow(), &mut |turns| (turns == 200).then(|| Arc::clone(&summary))).unwrap();
    assert_eq!((told.kind, told.stood_for), (Kind::Summary, 200));
    assert_eq!(missing(&after), [""; 0]);
    assert!(texts(&after.turns[0])[0].contains("Since then:"), "what came after it is told by rule");
    takes(&after);
}

/// A window of 8k tokens of which the answer has one.
fn narrow() -> Room {
    Room { tokenizer: Tokenizer::Narrow, ..room(8_000 - 1_000) }
}

#[track_caller]
fn takes(request: &Request<'_>) {
    for dialect in Dialect::ALL {
        strict::check(dialect, &written(request, dialect).0)
            .unwrap_or_else(|fault| panic!("{}: {fault}", dialect.name()));
    }
}
