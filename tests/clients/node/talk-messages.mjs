// `@anthropic-ai/sdk`, Messages.

import Anthropic from '@anthropic-ai/sdk';

import { SCHEMAS, schema } from './talk-tools.mjs';

export class MessagesTalk {
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
