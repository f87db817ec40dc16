//! What losses are called, in English and in Chinese.

use std::borrow::Cow;

/// The words of a loss where nothing more can be said of it.
pub(crate) const NO_PEER: &str = "the provider's dialect has no word for it";
/// Of a member that only its own dialect knows.
pub(crate) const UNKNOWN: &str = "a member that is not known here";

/// Every fixed one, with the same in Chinese.
const WORDS: &[(&str, &str)] = &[
    (NO_PEER, "提供商的协议没有对应的表达"),
    (UNKNOWN, "此处不认识的字段"),
    ("a blank user's turn stands before it", "其前补了一个空的用户轮次"),
    ("a compaction of another deployment", "另一个部署的压缩内容"),
    ("a document said as text", "文档改为文本"),
    ("a file", "文件"),
    ("a file that was uploaded elsewhere", "上传在别处的文件"),
    ("a forced tool and thinking exclude each other", "强制使用工具与思考不能同时使用"),
    ("a full window told as the limit of output tokens", "上下文窗口已满改为输出 token 达到上限"),
    ("a part that only its own dialect knows", "只有其自身协议认识的部分"),
    ("a paused turn told as finished", "暂停的轮次改为已结束"),
    ("a refusal", "拒答"),
    ("a refusal said as text", "拒答改为文本"),
    ("a result whose call is not there", "找不到对应调用的结果"),
    ("a schema has no name here", "此协议的 schema 没有名称"),
    ("a schema has no name here and is always strict", "此协议的 schema 没有名称，并且总是严格"),
    ("a source that only its own dialect knows", "只有其自身协议认识的来源"),
    ("a stop sequence told as the end", "停止序列改为正常结束"),
    ("a system turn said as the user", "系统轮次改为用户的话"),
    ("a text's or a tool call's signature", "文本或工具调用的签名"),
    ("a text's signature", "文本的签名"),
    ("a tool call", "工具调用"),
    ("a tool call's signature", "工具调用的签名"),
    ("a tool result", "工具结果"),
    ("all answers but the first", "第一个以外的回答"),
    ("an event that only its own dialect knows", "只有其自身协议认识的事件"),
    ("an image", "图片"),
    ("any JSON object", "任意 JSON 对象"),
    ("arguments that are no JSON object", "不是 JSON 对象的参数"),
    ("audio", "音频"),
    ("bytes that are not in the request, or of a format it does not know", "请求中没有其内容，或格式不被支持"),
    ("counted as input", "计入输入"),
    ("counted as output", "计入输出"),
    ("earlier thoughts", "先前的思考"),
    ("free input said as a JSON string", "自由输入改为 JSON 字符串"),
    ("free input said as one string argument", "自由输入改为一个字符串参数"),
    ("how closely to look", "看图的精细程度"),
    ("left to the model's habit", "由模型自行决定"),
    ("log probabilities", "对数概率"),
    ("more of it than its beginning and its end", "除首尾以外的部分"),
    ("moved to the user's message after it", "移到其后的用户消息"),
    ("no marks for the prompt cache", "没有提示缓存标记"),
    ("not enforced", "不强制执行"),
    ("not for this server", "不是发给此服务器的"),
    ("not together with thinking", "不能与思考同时使用"),
    ("not which stop sequence it was", "未说明是哪个停止序列"),
    ("one answer only", "只能有一个回答"),
    ("one call at a time", "一次只调用一个工具"),
    ("only its text says so", "只有其文本说明了这一点"),
    ("only some of the tools", "只限部分工具"),
    ("said as a budget", "改为预算"),
    ("said as an effort", "改为思考强度"),
    ("said as the user, because the model has no system prompt", "改为用户的话，因为模型没有系统提示词"),
    ("sealed thinking", "加密的思考"),
    ("signed by another deployment", "由另一个部署签名"),
    ("sources of an earlier answer", "先前回答的来源"),
    ("sources of the answer", "回答的来源"),
    ("stop sequences", "停止序列"),
    ("text", "文本"),
    ("the beginning of an answer", "回答的开头"),
    ("the conversation that it goes on from", "它所接续的对话"),
    ("the model cannot be made to use a tool", "无法强制该模型使用工具"),
    ("the model does not follow a JSON schema", "该模型不支持按 JSON schema 回答"),
    ("the model does not take it", "该模型不接受"),
    ("the model does not think", "该模型没有思考"),
    ("the model has no tools", "该模型不支持工具"),
    ("the model's cache takes no marks", "该模型的缓存不接受标记"),
    ("the name of a file", "文件名"),
    ("the server does not take it", "该服务器不接受"),
    ("the tool calls before have no thoughts that this model could go on from", "之前的工具调用没有该模型可接续的思考"),
    ("the tool calls before have no thoughts to go on from", "之前的工具调用没有可接续的思考"),
    ("the words of a refusal", "拒答的措辞"),
    ("their deployment refused them", "其部署拒绝了它们"),
    ("thinking", "思考"),
    ("thoughts of another deployment", "另一个部署的思考"),
    ("thoughts sealed by another deployment", "由另一个部署加密的思考"),
    ("thoughts signed by another deployment", "由另一个部署签名的思考"),
    ("thoughts that the deployment cannot read", "该部署读不了的思考"),
    ("thoughts without a signature", "没有签名的思考"),
    ("what a namespace of tools is for", "工具命名空间的用途"),
    ("what a tool gave that is no text", "工具返回的非文本内容"),
    ("what is no text", "非文本内容"),
    ("what is no text and too large to stay", "过大而无法保留的非文本内容"),
    ("what only another deployment can read", "只有另一个部署能读取的内容"),
];

/// What a loss is called in Chinese; `None` for words that no loss has.
pub fn in_chinese(words: &str) -> Option<Cow<'static, str>> {
    if let Some((_, chinese)) = WORDS.iter().find(|(english, _)| *english == words) {
        return Some(Cow::Borrowed(chinese));
    }
    if let Some(tool) = words.strip_suffix(", a tool of the vendor's own") {
        return Some(format!("{tool}，供应商自有的工具").into());
    }
    let (now, asked) = words.split_once(" instead of ")?;
    Some(
        match asked.strip_suffix(" tokens") {
            Some(asked) => format!("{asked} 个 token 改为 {now}"),
            None => format!("{asked} 改为 {now}"),
        }
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_of_words_and_values_is_said_in_chinese_as_well() {
        let said = |words: &str| in_chinese(words).map(Cow::into_owned);
        assert_eq!(said("1 instead of 1.5").as_deref(), Some("1.5 改为 1"));
        assert_eq!(said("2000 instead of 8192 tokens").as_deref(), Some("8192 个 token 改为 2000"));
        assert_eq!(said("`web_search`, a tool of the vendor's own").as_deref(), Some("`web_search`，供应商自有的工具"));
        assert_eq!(said("audio").as_deref(), Some("音频"));
        assert_eq!(said("something else"), None);
    }

    #[test]
    fn no_words_stand_twice() {
        for (index, (english, chinese)) in WORDS.iter().enumerate() {
            assert!(!chinese.is_empty() && WORDS[..index].iter().all(|(known, _)| known != english), "{english}");
        }
    }
}
