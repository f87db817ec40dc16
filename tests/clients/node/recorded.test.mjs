// Recorded streams that break off after some of their events: the official clients see all of it or an error.
// The Python suite does so after every event; here are a few of each kind.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Stage, freePort, until } from './harness.mjs';
import { CALLER_NAMES, Hearing, begins, isFailure } from './hearing.mjs';

const DATA = process.env.ROUNDELAY_TEST_DATA;
/** The provider that plays recordings: tests/clients/python/harness/player.py. */
const PLAYER = process.env.ROUNDELAY_PLAYER;

const PATIENT = `
[routing.breaker]
consecutive = 10000
endpoint_consecutive = 10000
outcomes_min = 10000
`;
const PROVIDERS = {
  chat: (origin) => `protocol = "openai"\nbase_url = "${origin}/v1"`,
  responses: (origin) => `protocol = "responses"\nbase_url = "${origin}/v1"`,
  messages: (origin) => `protocol = "anthropic"\nbase_url = "${origin}"`,
  gemini: (origin) => `protocol = "gemini"\nbase_url = "${origin}/v1beta"`,
  bedrock: (origin) => `protocol = "bedrock"\nregion = "us-east-1"\nbase_url = "${origin}"`,
};
const configured = (name, origin) => `
[providers.${name}]
${PROVIDERS[name](origin)}
api_keys = ["${name}-secret"]

[models.${name}]
deployments = ["${name}/recorded"]
attempts = 1
context_window = 1000000
price = { input = 1.0, output = 2.0 }
`;
const FAULTS = ['closed', 'error', 'quiet'];
const SHORT = 60;
const OF_A_KIND = 6;

const skip = !DATA || !PLAYER ? 'no recordings: see ROUNDELAY_TEST_DATA in ./test --help' : false;

describe('recorded streams that break off', { timeout: 180_000, skip }, () => {
  const stage = new Stage();
  let recordings, hearing;

  before(async () => {
    const port = await freePort();
    const player = `http://127.0.0.1:${port}`;
    stage.run('player', 'python3', [PLAYER, String(port), `${DATA}/fixtures`]);
    await until(async () => (await fetch(player)).ok, 10_000, 'the player listens');
    recordings = (await (await fetch(player)).json()).recordings.map((one, number) => ({ ...one, number }));
    const providers = Object.keys(PROVIDERS).map((name) => configured(name, player));
    const { origin, key } = await stage.gateway(PATIENT + providers.join(''));
    hearing = new Hearing(origin, key);
  });
  after(() => stage.close());

  for (const upstream of Object.keys(PROVIDERS)) {
    for (const caller of CALLER_NAMES) {
      test(`${caller} at ${upstream}`, async () => {
        const all = recordings.filter(({ dialect, events }) => dialect === upstream && events <= SHORT);
        const some = all.filter((_, place) => place % Math.ceil(all.length / OF_A_KIND) === 0);
        assert.ok(some.length > 2);
        for (const { name, number, events } of some) {
          const whole = await hearing.hear(caller, upstream, `play ${number}`);
          assert.ok(!whole.error && whole.end, `${name}: ${JSON.stringify(whole)} ${whole.error}`);
          const places = [0, 1, Math.floor(events / 2), events - 3, events - 2, events - 1, events];
          for (const cut of new Set(places.filter((place) => place >= 0))) {
            const prompt = `play ${number} until ${cut} by ${FAULTS[(cut + number) % FAULTS.length]}`;
            const heard = await hearing.hear(caller, upstream, prompt);
            const told = `${name}, ${prompt}: ${JSON.stringify(heard)} ${heard.error} of ${JSON.stringify(whole)}`;
            assert.ok(heard.error || heard.end, `quiet end: ${told}`);
            assert.ok(!heard.error || isFailure(heard.error), told);
            assert.ok(begins(heard, whole), `not its beginning: ${told}`);
            if (!heard.error) assert.deepEqual(heard, whole, `less than the whole: ${told}`);
          }
        }
      });
    }
  }
});
