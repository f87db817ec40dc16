// `@google/genai`, `generateContent`.

import { GoogleGenAI } from '@google/genai';

import { SCHEMAS, schema } from './talk-tools.mjs';

/** Contents in turns, and a chat of the client's own that keeps them. */
export class GeminiTalk {
  static ways = ['whole', 'events', 'helper', 'helper-events'];
  static ENDS = { STOP: 'stop', MAX_TOKENS: 'length', SAFETY: 'filtered' };
  #contents = [];
  #calls = [];

  constructor(origin, key, model) {
    const ai = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: origin, retryOptions: { attempts: 1 } } });
    const functionDeclarations = Object.entries(SCHEMAS).map(([name, argument]) => ({ name, parametersJsonSchema: schema(argument) }));
    this.asked = {
      model,
      config: { tools: [{ functionDeclarations }], maxOutputTokens: 500, systemInstruction: 'Be brief.' },
    };
    this.models = ai.models;
    this.chat = ai.chats.create(this.asked);
  }

  says(way, prompt) {
    return this.#ask(way, [{ text: prompt }]);
  }

  answers(way, results) {
    return this.#ask(way, this.#calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: results[name] } } })));
  }

  async #ask(way, message) {
    this.#contents.push({ role: 'user', parts: message });
    const asked = { ...this.asked, contents: this.#contents };
    const chunks = await {
      whole: async () => [await this.models.generateContent(asked)],
      events: async () => Array.fromAsync(await this.models.generateContentStream(asked)),
      helper: async () => [await this.chat.sendMessage({ message })],
      'helper-events': async () => Array.fromAsync(await this.chat.sendMessageStream({ message })),
    }[way]();
    const candidates = chunks.flatMap((chunk) => chunk.candidates ?? []);
    const parts = candidates.flatMap(({ content }) => content?.parts ?? []);
    this.#contents.push({ role: 'model', parts });
    this.#calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    const end = candidates.findLast(({ finishReason }) => finishReason)?.finishReason;
    if (!end) throw new Error('quiet end: no finish reason');
    const usage = chunks.findLast(({ usageMetadata }) => usageMetadata)?.usageMetadata;
    const texts = (isThought) => parts.filter(({ text, thought }) => text && !!thought === isThought).map(({ text }) => text).join('');
    return {
      text: texts(false),
      thought: texts(true),
      end: this.#calls.length ? 'calls' : GeminiTalk.ENDS[end],
      calls: this.#calls.map(({ name, args }) => [name, args]),
      input: usage?.promptTokenCount ?? 0,
      output: (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0),
      cached: usage?.cachedContentTokenCount ?? 0,
    };
  }
}
