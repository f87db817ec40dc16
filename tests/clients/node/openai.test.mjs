// The official OpenAI client for Node: only key and base URL are set.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

import { Stage, streamed, until } from './harness.mjs';

const CONFIGURATION = (alpha, beta) => `
[routing.breaker]
open = "1s"

[providers.alpha]
protocol = "openai"
base_url = "${alpha.baseURL}"
api_keys = ["alpha-secret"]
timeouts = { connect = "1s", headers = "2s", first_content = "2s", idle = "2s", total = "30s" }

[providers.beta]
protocol = "openai"
base_url = "${beta.baseURL}"
api_keys = ["beta-secret"]

[models.alpha-model]
deployments = ["alpha/rehearsal"]

[models.beta-model]
deployments = ["beta/rehearsal"]

[pools.team]
members = { alpha-model = 2, beta-model = 1 }
strategy = "priority"
`;

describe('openai for Node', { timeout: 120_000 }, () => {
  const stage = new Stage();
  let alpha, beta, origin, key, client;

  before(async () => {
    [alpha, beta] = [await stage.rehearsal('alpha'), await stage.rehearsal('beta')];
    ({ origin, key, client } = await stage.gateway(CONFIGURATION(alpha, beta)));
  });
  after(() => stage.close());

  // What a test broke is whole again before the next begins, and the next healthy call works.
  afterEach(async () => {
    await alpha.behave();
    assert.ok((await streamed(client, 'team')).text);
    await until(async () => (await streamed(client, 'team')).deployment.startsWith('alpha/'), 40_000, 'alpha answers again');
  });

  test('answers, whole and streamed, agree', async () => {
    const messages = [{ role: 'user', content: 'Agree.' }];
    const whole = await client.chat.completions.create({ model: 'team', messages });
    const stream = await streamed(client, 'team', { prompt: 'Agree.', stream_options: { include_usage: true } });
    assert.equal(whole.choices[0].message.content, stream.text);
    assert.equal(whole.choices[0].finish_reason, 'stop');
    assert.equal(stream.finish, 'stop');
    assert.equal(stream.usage.completion_tokens, whole.usage.completion_tokens);
  });

  for (const base of ['/v1', '/api', '/api/v1', '/v1/v1']) {
    test(`base path ${base}`, async () => {
      const there = new OpenAI({ baseURL: `${origin}${base}`, apiKey: key });
      assert.equal((await streamed(there, 'team')).finish, 'stop');
      const ids = (await there.models.list()).data.map((model) => model.id);
      assert.ok(ids.includes('team') && ids.includes('alpha-model'), `${ids}`);
    });
  }

  test('models for the Anthropic client', async () => {
    const theirs = new Anthropic({ baseURL: origin, apiKey: key });
    const ids = (await theirs.models.list()).data.map((model) => model.id);
    assert.ok(ids.includes('team'), `${ids}`);
    assert.equal((await theirs.models.retrieve('alpha-model')).id, 'alpha-model');
  });

  for (const how of ['503', 'reset-before-headers', 'silence', 'html-502', '429-retry-after-2']) {
    test(`${how} of one provider is not noticed`, async () => {
      await alpha.misbehave(how);
      const answer = await streamed(client, 'team');
      assert.equal(answer.finish, 'stop');
      assert.ok(answer.deployment.startsWith('beta/'), answer.deployment);
    });
  }

  test('500 once is tried again', async () => {
    await alpha.misbehave('500', 1);
    const answer = await streamed(client, 'team');
    // In the same place while the budget for retries lasts, which the tests before have drawn on; else in another.
    assert.ok(answer.finish === 'stop' && answer.attempts === 2, JSON.stringify(answer));
  });

  for (const how of ['cut-after-40', 'end-after-40', 'stall-after-40-30s', 'error-after-40']) {
    test(`${how} is an error and never a success`, async () => {
      // At a pace, so that content is shown before the fault comes.
      await alpha.misbehave(how, null, { word_ms: 5 });
      await assert.rejects(streamed(client, 'team'), OpenAI.APIError);
    });
  }

  test('a missing [DONE] is a whole answer', async () => {
    await alpha.misbehave('missing-done');
    assert.equal((await streamed(client, 'team')).finish, 'stop');
  });

  test('too long is said once', async () => {
    const before = await alpha.seen();
    await alpha.misbehave('context-length-exceeded');
    await assert.rejects(streamed(client, 'alpha-model'), (error) => error.code === 'context_length_exceeded');
    assert.equal(await alpha.seen(), before + 1);
  });

  test('a wrong key and an unknown model have errors of their own', async () => {
    const stranger = new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'sk-wrong' });
    await assert.rejects(streamed(stranger, 'team'), OpenAI.AuthenticationError);
    await assert.rejects(streamed(client, 'no-such-model'), OpenAI.NotFoundError);
  });
});
