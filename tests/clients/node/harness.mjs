// Starts the real binary for the Node clients: rehearsal providers, a gateway and a key.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import OpenAI from 'openai';

const BINARY = process.env.ROUNDELAY_BINARY;
if (!BINARY) throw new Error('ROUNDELAY_BINARY is not set: run ./test, or name a built roundelay');

/** A loopback port that nobody listens on; it is not reserved, so use it soon. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Waits for a fact with a deadline; returns its first true value. */
export async function until(fact, withinMs, what) {
  const deadline = Date.now() + withinMs;
  let last;
  while (Date.now() < deadline) {
    try {
      last = await fact();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await pause(20);
  }
  throw new Error(`${what}: not within ${withinMs} ms, last: ${last}`);
}

/** Everything one test starts; `close` ends it and removes its folder. */
export class Stage {
  #folder = mkdtempSync(join(tmpdir(), 'roundelay-node-'));
  #children = [];

  /** Starts a command with its output in a log file of the stage. */
  run(name, command, args, env = process.env) {
    const log = openSync(join(this.#folder, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log], env });
    // A program that cannot be started is noticed by who waits for its port.
    child.on('error', () => {});
    this.#children.push(child);
    return child;
  }

  log(name) {
    return readFileSync(join(this.#folder, `${name}.log`), 'utf8').split('\n').slice(-30).join('\n');
  }

  /** An upstream that misbehaves on request. */
  async rehearsal(name) {
    const origin = `http://127.0.0.1:${await freePort()}`;
    this.run(name, BINARY, ['rehearse', '--listen', origin.slice('http://'.length)]);
    await until(async () => (await fetch(`${origin}/control`)).ok, 10_000, `rehearsal provider ${name} listens`);
    return new Rehearsal(origin);
  }

  /** A gateway with this configuration (without `[server]`), and a client that knows its base URL and a key. */
  async gateway(configuration, basePath = '/v1') {
    const [port, adminPort] = [await freePort(), await freePort()];
    const [config, data] = [join(this.#folder, 'roundelay.toml'), join(this.#folder, 'data')];
    writeFileSync(config, `[server]\nlisten = "127.0.0.1:${port}"\nadmin = "127.0.0.1:${adminPort}"\n${configuration}`);
    // Vendor keys of the machine must not become providers of the test.
    const env = { PATH: process.env.PATH, HOME: this.#folder };
    const places = ['--config', config, '--data', data];
    const child = this.run('gateway', BINARY, ['serve', ...places], env);
    const isReady = async () => child.exitCode !== null || (await fetch(`http://127.0.0.1:${adminPort}/readyz`)).ok;
    await until(isReady, 20_000, 'gateway is ready');
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}:\n${this.log('gateway')}`);
    const create = ['keys', 'create', '--json', '--account', 'default', '--name', 't', ...places];
    const { key } = JSON.parse(execFileSync(BINARY, create, { encoding: 'utf8', timeout: 30_000, env }));
    const origin = `http://127.0.0.1:${port}`;
    return { origin, key, client: new OpenAI({ baseURL: `${origin}${basePath}`, apiKey: key }) };
  }

  async close() {
    for (const child of this.#children) child.kill('SIGKILL');
    await until(() => this.#children.every((c) => c.pid === undefined || c.exitCode !== null || c.signalCode !== null), 10_000, 'all ended');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The control endpoint of one rehearsal provider. */
class Rehearsal {
  constructor(origin) {
    this.baseURL = `${origin}/v1`;
    this.control = `${origin}/control`;
  }

  async misbehave(scenario, times = null, more = {}) {
    const reply = await fetch(this.control, { method: 'PUT', body: JSON.stringify({ scenario, times, ...more }) });
    if (!reply.ok) throw new Error(`${scenario}: ${reply.status} ${await reply.text()}`);
  }

  async behave() {
    await fetch(this.control, { method: 'DELETE' });
  }

  /** How many attempts reached it. */
  async seen() {
    return (await (await fetch(this.control)).json()).counts.requests;
  }
}

/** Reads a streamed answer to its end. */
export async function streamed(client, model, { prompt = 'Tell me of the sea.', ...fields } = {}) {
  const messages = [{ role: 'user', content: prompt }];
  const answer = { text: '', finish: null, usage: null };
  const { data, response } = await client.chat.completions.create({ model, messages, stream: true, ...fields }).withResponse();
  answer.deployment = response.headers.get('x-roundelay-deployment');
  answer.attempts = Number(response.headers.get('x-roundelay-attempts'));
  for await (const chunk of data) {
    answer.usage = chunk.usage ?? answer.usage;
    answer.text += chunk.choices[0]?.delta?.content ?? '';
    answer.finish = chunk.choices[0]?.finish_reason ?? answer.finish;
  }
  return answer;
}
