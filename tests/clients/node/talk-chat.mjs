// `openai`, chat completions.

import OpenAI from 'openai';

import { SCHEMAS, schema } from './talk-tools.mjs';

export class ChatTalk {
  static ways = ['whole', 'events', 'helper'];
  static ENDS = { stop: 'stop', tool_calls: 'calls', length: 'length', content_filter: 'filtered' };
  #messages = [];

  constructor(origin, key, model) {
    this.client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
    this.model = model;
  }

  says(way, prompt) {
    this.#messages.push({ role: 'system', content: 'Be brief.' }, { role: 'user', content: prompt });
    return this.#ask(way);
  }

  answers(way, results) {
    for (const { id, function: { name } } of this.#messages.at(-1).tool_calls) {
      this.#messages.push({ role: 'tool', tool_call_id: id, content: results[name] });
    }
    return this.#ask(way);
  }

  async #ask(way) {
    const tools = Object.entries(SCHEMAS).map(([name, argument]) => ({
      type: 'function',
      function: { name, strict: true, parameters: schema(argument) },
    }));
    const asked = { model: this.model, messages: this.#messages, tools, max_completion_tokens: 500 };
    const counted = { ...asked, stream: true, stream_options: { include_usage: true } };
    const completions = this.client.chat.completions;
    let message, end, usage;
    if (way === 'events') {
      ({ message, end, usage } = await gathered(await completions.create(counted)));
    } else {
      const completion = await (way === 'whole' ? completions.create(asked) : completions.stream(counted).finalChatCompletion());
      ({ message, finish_reason: end } = completion.choices[0]);
      usage = completion.usage;
    }
    this.#messages.push(message);
    return {
      text: message.content ?? '',
      end: ChatTalk.ENDS[end],
      calls: (message.tool_calls ?? []).map(({ function: { name, arguments: json } }) => [name, JSON.parse(json)]),
      input: usage?.prompt_tokens ?? 0,
      output: usage?.completion_tokens ?? 0,
      cached: usage?.prompt_tokens_details?.cached_tokens ?? 0,
    };
  }
}

/** A streamed message put together by hand. */
async function gathered(stream) {
  const message = { role: 'assistant', content: '' };
  let end, usage;
  for await (const chunk of stream) {
    usage = chunk.usage ?? usage;
    for (const { delta, finish_reason } of chunk.choices) {
      message.content += delta.content ?? '';
      end = finish_reason ?? end;
      for (const { index, id, function: { name, arguments: piece } } of delta.tool_calls ?? []) {
        message.tool_calls ??= [];
        message.tool_calls[index] ??= { id, type: 'function', function: { name, arguments: '' } };
        message.tool_calls[index].function.arguments += piece ?? '';
      }
    }
  }
  if (!end) throw new Error('quiet end: no finish reason');
  return { message, end, usage };
}
