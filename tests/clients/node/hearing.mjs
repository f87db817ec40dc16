// What an official client hears of one streamed answer, event by event, so that what came before an error is kept.

import Anthropic from '@anthropic-ai/sdk';
import { ApiError, GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

/** The client hands on an error inside a stream as an event. */
class Failed extends Error {}

const FAILURES = [OpenAI.OpenAIError, Anthropic.AnthropicError, ApiError, Failed];
/** How a client tells that an answer is not whole; a torn connection comes through as `fetch` tells it. */
export const isFailure = (error) => FAILURES.some((kind) => error instanceof kind) || error.message === 'terminated';

/** A call with the text of its arguments so far. */
const call = (id, name, json = '') => ({ id, name, json });

const CALLERS = {
  async chat({ openai }, heard, model, prompt) {
    const asked = { model, messages: [{ role: 'user', content: prompt }], stream: true };
    const calls = new Map();
    for await (const { choices } of await openai.chat.completions.create(asked)) {
      for (const { delta, finish_reason } of choices) {
        heard.text += delta.content ?? '';
        heard.end = finish_reason ?? heard.end;
        for (const { index, id, function: { name, arguments: json } } of delta.tool_calls ?? []) {
          if (!calls.has(index)) heard.calls.push(calls.set(index, call(id, name)).get(index));
          calls.get(index).json += json ?? '';
        }
      }
    }
  },

  async responses({ openai }, heard, model, prompt) {
    const calls = new Map();
    for await (const event of await openai.responses.create({ model, input: prompt, store: false, stream: true })) {
      const { type, item, output_index: index, delta, response } = event;
      if (type === 'error') throw new Failed(event.message);
      if (type === 'response.failed') throw new Failed(response.error.message);
      if (type === 'response.output_item.added' && item.type.endsWith('_call') && item.name) {
        heard.calls.push(calls.set(index, call(item.call_id, item.name)).get(index));
      } else if (type === 'response.function_call_arguments.delta') calls.get(index).json += delta;
      else if (type === 'response.output_text.delta' || type === 'response.refusal.delta') heard.text += delta;
      else if (type === 'response.completed' || type === 'response.incomplete') heard.end = response.status;
    }
  },

  async messages({ anthropic }, heard, model, prompt) {
    const asked = { model, messages: [{ role: 'user', content: prompt }], max_tokens: 500, stream: true };
    const calls = new Map();
    let stop;
    const begin = (index, { type, id, name, input }) => {
      const json = Object.keys(input ?? {}).length ? JSON.stringify(input) : '';
      if (type.endsWith('tool_use')) heard.calls.push(calls.set(index, call(id, name, json)).get(index));
    };
    for await (const event of await anthropic.messages.create(asked)) {
      const { type, delta, index } = event;
      if (type === 'message_start') {
        event.message.content.forEach((block, index) => begin(index, block));
        stop = event.message.stop_reason;
      } else if (type === 'content_block_start') begin(index, event.content_block);
      else if (delta?.type === 'text_delta') heard.text += delta.text;
      else if (delta?.type === 'input_json_delta') calls.get(index).json += delta.partial_json;
      else if (type === 'message_delta') stop = delta.stop_reason ?? stop;
      else if (type === 'message_stop') heard.end = stop;
    }
  },

  async gemini({ google }, heard, model, prompt) {
    for await (const { candidates } of await google.models.generateContentStream({ model, contents: prompt })) {
      for (const { content, finishReason } of candidates ?? []) {
        for (const { text, thought, functionCall } of content?.parts ?? []) {
          if (text && !thought) heard.text += text;
          if (functionCall) heard.calls.push(call(functionCall.id, functionCall.name, JSON.stringify(functionCall)));
        }
        heard.end = finishReason ?? heard.end;
      }
    }
  },
};
export const CALLER_NAMES = Object.keys(CALLERS);

/** The clients of one gateway. */
export class Hearing {
  constructor(origin, key) {
    this.openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
    this.anthropic = new Anthropic({ baseURL: origin, apiKey: key, maxRetries: 0 });
    this.google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin, retryOptions: { attempts: 1 } } });
  }

  /** `end` is the dialect's own typed end; an answer with an `error` is not whole, whatever came before. */
  async hear(caller, model, prompt) {
    const heard = { text: '', calls: [], end: undefined, error: undefined };
    try {
      await CALLERS[caller](this, heard, model, prompt);
    } catch (error) {
      heard.error = error;
    }
    return heard;
  }
}

/** Whether one is the beginning of the other, with no word and no call that is not there. */
export function begins(heard, whole) {
  const isPart = ({ id, name, json }, of) => id === of?.id && name === of.name && of.json.startsWith(json);
  return whole.text.startsWith(heard.text) && heard.calls.every((call, place) => isPart(call, whole.calls[place]));
}
