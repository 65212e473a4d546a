import { carryOut, factsOf, type SystemdHost } from '../../systemd/host.ts';
import {
  type InstallationFacts,
  installSteps,
  lingerWarning,
  type Place,
  systemctl,
  uninstallSteps,
} from '../../systemd/installation.ts';
import { UNIT, unitText } from '../../systemd/unit.ts';
import { printable } from '../../terminal.ts';
import type { Action, Input } from '../action.ts';
import { carriedOptions } from '../carried-options.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';

/** `rookery service install|uninstall|status`. */
export const service: Action = async (context, input) => {
  const [verb = ''] = input.args;
  const { self, host } = await context.services.systemd();
  const request: Request = { context, input, host, place: placeOf(context, input, self) };
  if (verb === 'install') return install(request, [...self.command, 'run'], self.cwd);
  if (verb === 'uninstall') return uninstall(request);
  if (verb === 'status') return status(request);
  throw new CliError(`service ${verb}: say install, uninstall or status`);
};

interface Request {
  readonly context: Context;
  readonly input: Input;
  readonly host: SystemdHost;
  readonly place: Place;
}

function placeOf(
  { config }: Context,
  { options }: Input,
  { user, uid }: { readonly user: string; readonly uid: number },
): Place {
  if (options['user'] === true && options['system'] === true)
    throw new CliError('--user and --system exclude each other');
  const isSystem = options['system'] === true || (uid === 0 && options['user'] !== true);
  if (isSystem && uid !== 0)
    throw new CliError("only root installs a service of the system's; use sudo, or leave out --system");
  const directory = isSystem ? '/etc/systemd/system' : config.userUnitDir;
  return { scope: isSystem ? 'system' : 'user', user, unitPath: `${directory}/${UNIT}` };
}

async function install(
  { context, input, host, place }: Request,
  command: readonly string[],
  cwd: string,
): Promise<number> {
  const { terminal, config } = context;
  const { words, leftOut, ...carried } = carriedOptions(config, input.options, cwd);
  const options = { command: [...command, ...words], ...carried, writes: [config.stateDir] };
  for (const name of leftOut) terminal.err(`rookery: ${passwordIn(name, place)}\n`);
  if (input.options['dryRun'] === true) {
    terminal.out(unitText({ ...options, scope: place.scope, enabled: [] }));
    return 0;
  }
  await carryOut(host, installSteps(place, await factsOf(host, place), options), teller(context));
  const ofUser = place.scope === 'user' ? '--user ' : '';
  terminal.out(`look at it: rookery service status; its log: journalctl ${ofUser}-u ${UNIT}\n`);
  return 0;
}

const passwordIn = (name: string, { scope }: Place): string =>
  `${name} holds a password and is not written into the unit, which everybody may read; set it with: systemctl ${scope === 'user' ? '--user ' : ''}edit ${UNIT}`;

async function uninstall({ context, input, host, place }: Request): Promise<number> {
  const steps = uninstallSteps(place, await factsOf(host, place));
  if (input.options['dryRun'] === true)
    for (const { says } of steps) context.terminal.out(`to do: ${says}\n`);
  else await carryOut(host, steps, teller(context));
  return 0;
}

const teller = ({ terminal }: Context) => ({
  done: (text: string) => terminal.out(`${text}\n`),
  warning: (text: string) => terminal.err(`rookery: ${text}\n`),
});

const SHOWN = [
  'ActiveState',
  'SubState',
  'StatusText',
  'MainPID',
  'NRestarts',
  'MemoryCurrent',
  'CPUUsageNSec',
];

/** Exit code 0 when it runs, 1 when not. */
async function status({ context: { terminal }, host, place }: Request): Promise<number> {
  const { scope, unitPath } = place;
  const facts = await factsOf(host, place);
  if (facts.unit === undefined)
    throw new CliError(`${unitPath} is not there; make it with: rookery service install`);
  const { stdout } = await host.run(systemctl(scope, 'show', UNIT, `--property=${SHOWN.join(',')}`));
  const values = Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s, 2)));
  for (const [title, text] of rowsOf(values, facts)) terminal.out(`${title.padEnd(9)} ${printable(text)}\n`);
  const warning = lingerWarning(place, facts);
  if (warning !== undefined) terminal.err(`rookery: ${warning}\n`);
  return facts.service.active ? 0 : 1;
}

type Values = Readonly<Record<string, string>>;

function rowsOf(values: Values, { service: { enabled }, socket }: InstallationFacts): [string, string][] {
  const { ActiveState = '', SubState = '', StatusText = '', MainPID = '0', NRestarts = '0' } = values;
  return [
    ['Service', `${ActiveState} (${SubState}), ${enabled ? 'starts at boot' : 'does not start at boot'}`],
    ['Status', StatusText],
    ['Process', `${MainPID}, started again ${NRestarts} times`],
    ['Use', `${megabytes(values['MemoryCurrent'])} of memory, ${seconds(values['CPUUsageNSec'])} of CPU`],
    ['Socket', `podman.socket is ${socket.active ? 'active' : 'not active'}`],
  ];
}

const megabytes = (bytes: string | undefined): string => scaled(bytes, 1e6, 'MB');
const seconds = (nanoseconds: string | undefined): string => scaled(nanoseconds, 1e9, 's');

/** systemd says `[not set]` where the host does not account for it. */
function scaled(text: string | undefined, unit: number, name: string): string {
  const value = Number(text);
  return Number.isFinite(value) ? `${(value / unit).toFixed(1)} ${name}` : `an unknown amount`;
}
