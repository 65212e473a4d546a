import { join } from 'node:path';
import type { Services } from './context.ts';
import { runCli } from './program.ts';
import { createTerminal } from './process-terminal.ts';

const services: Services = {
  loadConfig: async (flags) => (await import('../config.ts')).loadConfig(flags),
  variables: async () => (await import('../config.ts')).readVariable,
  createLog: async (choice) => (await import('../log.ts')).createLog(choice),
  findHolder: async ({ stateDir }) => (await import('../store/lock.ts')).findHolder(join(stateDir, 'lock')),
  startController: async (config, options) => (await import('../main.ts')).startController(config, options),
  planOffline: async (config, options) => (await import('../main.ts')).planOffline(config, options),
  createNotify: async (onError) => (await import('../systemd/notify.ts')).createNotify(onError),
  examine: async (config) => (await import('../examine-host.ts')).examine(config),
  systemd: async () => {
    const [{ childEnvironment }, { createSystemdHost, selfOf }] = await Promise.all([
      import('../config.ts'),
      import('../systemd/host.ts'),
    ]);
    return { host: createSystemdHost(childEnvironment()), self: selfOf(process) };
  },
  diffOffline: async (config, options) => (await import('../main.ts')).diffOffline(config, options),
  nowMs: () => Date.now(),
  setTimer: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

const exitCode = await runCli(process.argv.slice(2), createTerminal(), services);
// What a command leaves open (a keep-alive, a helper process) must not hold the prompt back.
process.exit(exitCode);
