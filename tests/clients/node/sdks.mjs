// The official clients for Node, each asked in every way it has, with what it told in one value.
// A talk keeps the conversation as the client's documentation says: what came is sent back as it came.

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const SCHEMAS = { weather: 'city', clock: 'zone' };

/** Strict, because the helpers that parse accept no others. */
const schema = (argument) => ({
  type: 'object',
  properties: { [argument]: { type: 'string' } },
  required: [argument],
  additionalProperties: false,
});

/** `openai`, chat completions. */
class ChatTalk {
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

/** `@anthropic-ai/sdk`, Messages. */
class MessagesTalk {
  static ways = ['whole', 'events', 'helper'];
  static ENDS = { end_turn: 'stop', tool_use: 'calls', max_tokens: 'length', refusal: 'filtered' };
  #messages = [];

  constructor(origin, key, model) {
    this.client = new Anthropic({ baseURL: origin, apiKey: key, maxRetries: 0 });
    this.model = model;
  }

  says(way, prompt) {
    this.#messages.push({ role: 'user', content: prompt });
    return this.#ask(way);
  }

  answers(way, results) {
    const calls = this.#messages.at(-1).content.filter(({ type }) => type === 'tool_use');
    const content = calls.map(({ id, name }) => ({ type: 'tool_result', tool_use_id: id, content: results[name] }));
    this.#messages.push({ role: 'user', content });
    return this.#ask(way);
  }

  async #ask(way) {
    const tools = Object.entries(SCHEMAS).map(([name, argument]) => ({ name, input_schema: schema(argument) }));
    const asked = { model: this.model, messages: this.#messages, tools, max_tokens: 500, system: 'Be brief.' };
    const messages = this.client.messages;
    const message = await {
      whole: () => messages.create(asked),
      helper: () => messages.stream(asked).finalMessage(),
      events: async () => message_of(await messages.create({ ...asked, stream: true })),
    }[way]();
    this.#messages.push({ role: 'assistant', content: message.content });
    const { input_tokens, output_tokens, cache_read_input_tokens: cached, cache_creation_input_tokens: written } = message.usage;
    const texts = (kind, field) => message.content.filter(({ type }) => type === kind).map((block) => block[field]);
    return {
      text: texts('text', 'text').join(''),
      thought: texts('thinking', 'thinking').join(''),
      end: MessagesTalk.ENDS[message.stop_reason],
      calls: message.content.filter(({ type }) => type === 'tool_use').map(({ name, input }) => [name, input]),
      input: input_tokens + (cached ?? 0) + (written ?? 0),
      output: output_tokens,
      cached: cached ?? 0,
    };
  }
}

/** A streamed message put together by hand, in the order that the protocol promises. */
async function message_of(stream) {
  let message, json, isEnded;
  for await (const event of stream) {
    if (isEnded) throw new Error(`${event.type} after the end`);
    const block = message?.content[event.index];
    const { delta } = event;
    if (event.type === 'message_start') message = structuredClone(event.message);
    else if (event.type === 'content_block_start') [message.content[event.index], json] = [structuredClone(event.content_block), ''];
    else if (delta?.type === 'text_delta') block.text += delta.text;
    else if (delta?.type === 'thinking_delta') block.thinking += delta.thinking;
    else if (delta?.type === 'signature_delta') block.signature = delta.signature;
    else if (delta?.type === 'input_json_delta') json += delta.partial_json;
    else if (event.type === 'content_block_stop' && block.type === 'tool_use') block.input = JSON.parse(json || '{}');
    else if (event.type === 'message_delta') {
      message.stop_reason = delta.stop_reason;
      Object.assign(message.usage, Object.fromEntries(Object.entries(event.usage).filter(([, count]) => count !== null)));
    } else if (event.type === 'message_stop') isEnded = true;
  }
  if (!isEnded) throw new Error('quiet end: no message_stop');
  return message;
}

export const TALKS = { chat: ChatTalk, messages: MessagesTalk };
export const WAYS = Object.entries(TALKS).flatMap(([name, talk]) => talk.ways.map((way) => [name, way]));
/** How a client tells that an answer is not whole. */
export const isFailure = (error) => error instanceof OpenAI.OpenAIError || error instanceof Anthropic.AnthropicError;
