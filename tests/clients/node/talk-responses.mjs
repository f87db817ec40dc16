// `openai`, Responses.

import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { SCHEMAS, schema } from './talk-tools.mjs';

/** The client hands on an error inside a stream as an event. */
export class Failed extends Error {}

const ENDS = ['response.completed', 'response.incomplete', 'response.failed'];

/** What came is part of the next input; `stored` names the response before it instead. */
export class ResponsesTalk {
  static ways = ['whole', 'events', 'helper', 'stored'];
  #input = [];
  #calls = [];
  #last;

  constructor(origin, key, model) {
    this.client = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
    this.model = model;
  }

  says(way, prompt) {
    this.#input.push({ role: 'user', content: prompt });
    return this.#ask(way);
  }

  answers(way, results) {
    const outputs = this.#calls.map(({ call_id, name }) => ({ type: 'function_call_output', call_id, output: results[name] }));
    this.#input = way === 'stored' ? outputs : [...this.#input, ...outputs];
    return this.#ask(way);
  }

  async #ask(way) {
    const tools = Object.entries(SCHEMAS).map(([name, argument]) => ({
      type: 'function', name, strict: true, parameters: schema(argument),
    }));
    const stored = way === 'stored' ? { store: true, previous_response_id: this.#last } : { store: false };
    const asked = { model: this.model, input: this.#input, tools, max_output_tokens: 500, instructions: 'Be brief.', ...stored };
    const { responses } = this.client;
    const response = await {
      whole: () => responses.create(asked),
      stored: () => responses.create(asked),
      helper: () => responses.stream(asked).finalResponse(),
      events: async () => gathered(await responses.create({ ...asked, stream: true })),
    }[way]();
    if (response.error) throw new Failed(response.error.message);
    this.#input = [...this.#input, ...response.output];
    this.#last = response.id;
    this.#calls = response.output.filter(({ type }) => type === 'function_call');
    const { incomplete_details: cut, usage, output } = response;
    const ends = { max_output_tokens: 'length', content_filter: 'filtered' };
    const texts = output.filter(({ type }) => type === 'message').flatMap(({ content }) => content.map(({ text }) => text));
    return {
      text: texts.join(''),
      thought: output.filter(({ type }) => type === 'reasoning').flatMap(({ summary }) => summary.map(({ text }) => text)).join(''),
      end: ends[cut?.reason] ?? (this.#calls.length ? 'calls' : 'stop'),
      calls: this.#calls.map(({ name, arguments: json }) => [name, JSON.parse(json)]),
      input: usage?.input_tokens ?? 0,
      output: usage?.output_tokens ?? 0,
      cached: usage?.input_tokens_details?.cached_tokens ?? 0,
    };
  }
}

/** A streamed response, with every promise that its order makes. */
async function gathered(stream) {
  const items = [];
  let response, number = 0;
  for await (const event of stream) {
    assert.ok(!response, `${event.type} after the end`);
    assert.equal(event.sequence_number, number++);
    const { type, output_index: index, delta } = event;
    if (type === 'error') throw new Failed(event.message);
    if (type === 'response.output_item.added') assert.equal(items.push(''), index + 1);
    else if (type === 'response.output_text.delta' || type === 'response.function_call_arguments.delta') items[index] += delta;
    else if (type === 'response.output_text.done') assert.equal(items[index], event.text);
    else if (type === 'response.function_call_arguments.done') assert.equal(items[index], event.arguments);
    else if (ENDS.includes(type)) ({ response } = event);
  }
  assert.ok(response, 'quiet end: no last event');
  return response;
}
