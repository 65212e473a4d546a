import { describe, expect, test } from 'vitest';
import { closedPort, probeOnce, saying, timed } from './fakes/probing.ts';

describe('tcp probe', () => {
  test('an open port is success, whatever it says or keeps to itself', async () => {
    const port = await saying('\u0000garbage', 'hangs');
    expect(await probeOnce({ tcpSocket: { port } })).toEqual({
      verdict: 'Success',
      message: `127.0.0.1:${port} accepts connections`,
    });
  });

  test('a closed port is a failure', async () => {
    const port = await closedPort();
    expect(await probeOnce({ tcpSocket: { port } })).toEqual({
      verdict: 'Failure',
      message: `tcp 127.0.0.1:${port}: connection refused: nothing listens there`,
    });
  });
});

describe('exec probe', () => {
  const exec = { exec: { command: ['check', '--deep'] } };
  const exiting = (exitCode: number, output: string) => () => Promise.resolve({ exitCode, output });

  test('exit code 0 is success, with what it said', async () => {
    expect(await probeOnce(exec, { exec: exiting(0, 'fine\n') })).toEqual({
      verdict: 'Success',
      message: 'exit code 0: fine',
    });
  });

  test('any other code is a failure; output is cut, on one line and without control characters', async () => {
    const { verdict, message } = await probeOnce(exec, {
      exec: exiting(3, `\u001b[2J${'bad\n'.repeat(1_000_000)}`),
    });
    expect(verdict).toBe('Failure');
    expect(message).toMatch(/^check exited with code 3: \\u\{1b\}\[2Jbad bad .*…$/);
    expect(message).toHaveLength(256);
  });

  test('a command that the container does not have is its failure', async () => {
    const cannotRun = Object.assign(new Error('not found in $PATH'), { kind: 'CannotRun' });
    expect(await probeOnce(exec, { exec: () => Promise.reject(cannotRun) })).toEqual({
      verdict: 'Failure',
      message: 'check cannot run: not found in $PATH',
    });
  });

  test('Podman that cannot be asked says nothing about the container', async () => {
    const down = Object.assign(new Error('connect ECONNREFUSED /run/podman.sock'), { code: 'ECONNREFUSED' });
    expect(await probeOnce(exec, { exec: () => Promise.reject(down) })).toMatchObject({
      verdict: 'Unknown',
      message: expect.stringContaining('/run/podman.sock'),
    });
  });

  test('a command that hangs times out, also when the call does not heed its signal', async () => {
    const { result, elapsedMs } = await timed(() =>
      probeOnce(exec, { exec: () => new Promise(() => undefined) }),
    );
    expect(result).toEqual({ verdict: 'Failure', message: 'exec check: no answer within 1 s' });
    expect(elapsedMs).toBeLessThan(1_600);
  });
});
