// True answers of a real model from a pool of two servers and one dead provider, where the machine has such a model.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

import { Stage, freePort, streamed, until } from './harness.mjs';

const PROGRAM = process.env.ROUNDELAY_LOCAL_MODEL;
const PROMPT = 'What is the capital of France?';
const SHORT = { max_tokens: 12, temperature: 0 };

class LocalModel {
  constructor(stage, name, port) {
    Object.assign(this, { stage, name, port, key: `${name}-secret`, baseURL: `http://127.0.0.1:${port}/v1` });
  }

  /** Starts it; the first start on a machine may install it. */
  async start() {
    this.child = this.stage.run(this.name, PROGRAM, [`${this.port}`, this.key]);
    const headers = { authorization: `Bearer ${this.key}` };
    await until(async () => (await fetch(`${this.baseURL}/models`, { headers })).ok, 300_000, `local model ${this.name}`);
  }

  stop() {
    // A polite end waits for its open streams, which then stand still for minutes.
    this.child.kill('SIGKILL');
  }
}

const provider = (name, baseURL, key) => `
[providers.${name}]
protocol = "openai"
base_url = "${baseURL}"
api_keys = ["${key}"]
timeouts = { connect = "1s" }

[models.${name}-small]
deployments = ["${name}/gemma"]
`;

const POOL = `
[pools.assistant]
members = { one-small = 0.5, two-small = 0.4, dead-small = 0.1 }
strategy = "weighted"

[routing.breaker]
open = "2s"
slow_start = "10s"
`;

describe('a real model', { skip: PROGRAM ? false : 'no local model: see ROUNDELAY_LOCAL_MODEL in ./test --help', timeout: 600_000 }, () => {
  const stage = new Stage();
  let one, two, client;

  before(async () => {
    one = new LocalModel(stage, 'one', await freePort());
    two = new LocalModel(stage, 'two', await freePort());
    // One after the other, because the first may have to install the model.
    await one.start();
    await two.start();
    const dead = provider('dead', `http://127.0.0.1:${await freePort()}/v1`, 'dead-secret');
    const servers = [one, two].map(({ name, baseURL, key }) => provider(name, baseURL, key));
    ({ client } = await stage.gateway([...servers, dead, POOL].join('\n'), '/api'));
  });
  after(() => stage.close());

  test('answers are its own, streamed and not', async () => {
    const messages = [{ role: 'user', content: PROMPT }];
    const direct = new OpenAI({ baseURL: one.baseURL, apiKey: one.key });
    const expected = (await direct.chat.completions.create({ model: 'gemma', messages, ...SHORT })).choices[0].message.content;
    for (let turn = 0; turn < 5; turn++) {
      const whole = await client.chat.completions.create({ model: 'assistant', messages, ...SHORT });
      assert.equal(whole.choices[0].message.content, expected);
      assert.equal((await streamed(client, 'assistant', { prompt: PROMPT, ...SHORT })).text, expected);
    }
  });

  test("every vendor's client is told the same", async () => {
    const [{ baseURL, apiKey }, model] = [client, 'one-small'];
    const origin = new URL(baseURL).origin;
    const { choices } = await client.chat.completions.create({ model, messages: [{ role: 'user', content: PROMPT }], ...SHORT });
    const expected = choices[0].message.content;
    const asked = { model, input: PROMPT, max_output_tokens: SHORT.max_tokens, temperature: 0 };
    assert.equal((await client.responses.create(asked)).output_text, expected);
    assert.equal((await client.responses.stream(asked).finalResponse()).output_text, expected);
    // The newer version knows no temperature.
    const theirs = new Anthropic({ baseURL: origin, apiKey, defaultHeaders: { 'anthropic-version': '2023-06-01' } });
    const messages = { model, messages: [{ role: 'user', content: PROMPT }], ...SHORT };
    assert.equal((await theirs.messages.create(messages)).content[0].text, expected);
    assert.equal(await theirs.messages.stream(messages).finalText(), expected);
    const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: origin } });
    const contents = { model, contents: PROMPT, config: { maxOutputTokens: SHORT.max_tokens, temperature: 0 } };
    assert.equal((await google.models.generateContent(contents)).text, expected);
    const chunks = await Array.fromAsync(await google.models.generateContentStream(contents));
    assert.equal(chunks.map(({ text }) => text ?? '').join(''), expected);
  });

  test('a server is ended and started again under load and no call fails', async () => {
    const messages = [{ role: 'user', content: PROMPT }];
    const served = [];
    let isOver = false;
    // Whole answers only: a stream that has shown content cannot be replaced (the Python suite streams here too).
    const caller = async () => {
      while (!isOver) {
        const { data, response } = await client.chat.completions.create({ model: 'assistant', messages, ...SHORT }).withResponse();
        assert.ok(data.choices[0].message.content);
        served.push(response.headers.get('x-roundelay-deployment').split('/')[0]);
      }
    };
    const more = (count) => {
      const target = served.length + count;
      return until(() => served.length >= target, 120_000, `${count} more answers`);
    };
    const load = Promise.all([caller(), caller(), caller()]);
    const story = async () => {
      await more(10);
      one.stop();
      await more(10);
      await one.start();
      const returned = served.length;
      await until(() => served.slice(returned).includes('one'), 60_000, 'server one is asked again');
    };
    try {
      // A failing call ends the story at once.
      await Promise.race([story(), load]);
    } finally {
      isOver = true;
    }
    await load;
  });
});
