// Every official client for Node, in every way it asks, at a provider of every dialect: no field it needs is missing,
// and a stream that ends too early is never a quiet end.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

import { Stage } from './harness.mjs';
import { TALKS, WAYS, isFailure } from './sdks.mjs';

/** What a provider of each dialect is configured with. */
const PROVIDERS = {
  chat: (origin) => `protocol = "openai"\nbase_url = "${origin}/v1"`,
  messages: (origin) => `protocol = "anthropic"\nbase_url = "${origin}"`,
  gemini: (origin) => `protocol = "gemini"\nbase_url = "${origin}/v1beta"`,
};
const UPSTREAMS = Object.keys(PROVIDERS);
// Asked by callers of the same dialect alone: for others there are chats at the same provider.
PROVIDERS.responses = (origin) => `protocol = "openai"\nresponses = true\nbase_url = "${origin}/v1"`;

// Faults follow each other here, and each is to reach the provider: none of them sets it aside.
const PATIENT = `
[routing.breaker]
consecutive = 10000
endpoint_consecutive = 10000
outcomes_min = 10000
`;

const provider = (name, origin) => `
[providers.${name}]
${PROVIDERS[name](origin)}
api_keys = ["${name}-secret"]

[models.${name}]
deployments = ["${name}/rehearsal"]
attempts = 1
context_window = 1000000
price = { input = 1.0, output = 2.0 }
`;

const PROMPT = 'How is it in Zürich, and how late in Shanghai?';
const TEXT = 'I ask «Zürich» first:\n\t"both" \\ at  once.';
const END = 'Rain in Zürich, and it is 09:30.';
const RESULTS = { weather: 'rain, 12 °C\n\t"soon" \\ over', clock: '09:30' };
const CALLS = [['weather', { city: 'Zü"rich\\ \n' }], ['clock', { zone: 'Asia/Shanghai' }]];
const SCRIPT = [
  { says: TEXT, calls: CALLS.map(([name, args]) => ({ name, arguments: args })) },
  { expects: Object.values(RESULTS), says: END },
];
const STREAMS = { gemini: ['events', 'helper-events'] };
const EVENTS_MAX = 100;
/** Without usage: a chat stream that ends between its finish reason and its usage is whole, and not counted. */
const said = ({ text, thought, calls, end }) => ({ text, thought, calls, end });

describe('every client at every dialect', { timeout: 180_000 }, () => {
  const stage = new Stage();
  let rehearsal, origin, key;

  before(async () => {
    rehearsal = await stage.rehearsal('rehearsal');
    const upstream = new URL(rehearsal.baseURL).origin;
    ({ origin, key } = await stage.gateway(PATIENT + Object.keys(PROVIDERS).map((name) => provider(name, upstream)).join('')));
  });
  after(() => stage.close());
  beforeEach(() => rehearsal.behave());

  for (const upstream of Object.keys(PROVIDERS)) {
    for (const [caller, way] of WAYS) {
      if (upstream === 'responses' && caller !== upstream) continue;
      const of = `${caller} ${way} at ${upstream}`;
      const talk = () => new TALKS[caller](origin, key, upstream);

      test(`${of}: a task with tools`, async () => {
        await rehearsal.misbehave('cached-2', null, { script: SCRIPT });
        const begun = talk();
        const first = await begun.says(way, PROMPT);
        assert.deepEqual([first.text, first.end, first.calls], [TEXT, 'calls', CALLS]);
        const last = await begun.answers(way, RESULTS);
        assert.deepEqual([last.text, last.end, last.calls], [END, 'stop', []]);
        assert.deepEqual([first.cached, last.cached], [2, 2]);
        assert.ok(first.input > 2 && last.input > first.input);
        assert.equal(last.output, END.split(' ').length);
      });

      test(`${of}: an answer that is cut by its limit says so`, async () => {
        await rehearsal.misbehave('words-600');
        // Where tools are strict, this helper takes no answer that ended early.
        if (caller === 'chat' && way === 'helper') return assert.rejects(talk().says(way, PROMPT), OpenAI.LengthFinishReasonError);
        const told = await talk().says(way, PROMPT);
        assert.deepEqual([told.end, told.output, told.text.split(' ').length], ['length', 500, 500]);
      });

      test(`${of}: thoughts are kept apart`, async () => {
        await rehearsal.misbehave('reasoning-5-words-6');
        const told = await talk().says(way, PROMPT);
        assert.deepEqual([told.text.split(' ').length, told.output], [6, 11]);
        if (caller !== 'chat') assert.equal(told.thought.split(' ').length, 5);
      });

      if (!(STREAMS[caller] ?? ['events', 'helper']).includes(way)) continue;
      for (const fault of ['cut', 'error']) {
        test(`${of}: ${fault} after every event`, async () => {
          const ask = async (scenario) => {
            await rehearsal.misbehave(scenario, null, { script: SCRIPT });
            try {
              return await talk().says(way, PROMPT);
            } catch (error) {
              if (!isFailure(error)) throw error;
              return null;
            }
          };
          const whole = await ask('reasoning-2');
          const seen = await rehearsal.seen();
          let failed = 0;
          for (let event = 0; event < EVENTS_MAX; event++) {
            const told = await ask(`reasoning-2-${fault}-after-event-${event}`);
            if (told) assert.deepEqual(said(told), said(whole), `after event ${event}`);
            else assert.equal(failed++, event, 'broken until its end has come, and whole after');
            // Past the last event the fault finds nothing to break.
            if (event === failed + 2) break;
          }
          assert.ok(failed > 10 && failed < EVENTS_MAX, `${failed}`);
          assert.equal(await rehearsal.seen(), seen + failed + 3, 'each was really asked');
        });
      }
    }

    if (!UPSTREAMS.includes(upstream)) continue;
    test(`helpers that run tools themselves at ${upstream}`, async () => {
      await rehearsal.misbehave('honest', null, { script: SCRIPT });
      const heard = [];
      const run = (name) => (input) => {
        heard.push(Object.values(typeof input === 'string' ? JSON.parse(input) : input)[0]);
        return RESULTS[name];
      };
      const parameters = (argument) => ({ type: 'object', properties: { [argument]: { type: 'string' } } });
      const openai = new OpenAI({ baseURL: `${origin}/v1`, apiKey: key, maxRetries: 0 });
      const tools = [['weather', 'city'], ['clock', 'zone']];
      for (const stream of [false, true]) {
        const runner = openai.chat.completions.runTools({
          model: upstream,
          stream,
          messages: [{ role: 'user', content: PROMPT }],
          tools: tools.map(([name, argument]) => ({
            type: 'function',
            function: { name, function: run(name), parse: JSON.parse, parameters: parameters(argument) },
          })),
        });
        assert.equal(await runner.finalContent(), END);
      }
      const anthropic = new Anthropic({ baseURL: origin, apiKey: key, maxRetries: 0 });
      for (const stream of [false, true]) {
        const runner = anthropic.beta.messages.toolRunner({
          model: upstream,
          stream,
          max_tokens: 500,
          messages: [{ role: 'user', content: PROMPT }],
          tools: tools.map(([name, argument]) => ({ name, input_schema: parameters(argument), run: run(name), parse: (input) => input })),
        });
        const last = await runner.runUntilDone();
        assert.equal(last.content[0].text, END);
      }
      assert.deepEqual(heard, Array(4).fill(CALLS.map(([, input]) => Object.values(input)[0])).flat());
    });
  }
});
