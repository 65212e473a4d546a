import { SystemdError } from './error.ts';
import { type Enabled, enabledBy, isOurs, type Scope, UNIT, type UnitOptions, unitText } from './unit.ts';

/** What the host says before anything is done. */
export interface InstallationFacts {
  /** The unit as it is on disk. */
  readonly unit?: string;
  readonly socket: { readonly enabled: boolean; readonly active: boolean };
  readonly service: { readonly enabled: boolean; readonly active: boolean };
  /** Whether the user's services outlive the last session; the machine's own always do. */
  readonly linger: boolean;
}

export interface Place {
  readonly scope: Scope;
  readonly unitPath: string;
  readonly user: string;
}

/** One thing to do, with what a person is told of it. */
export type Step =
  | { readonly type: 'Write'; readonly says: string; readonly path: string; readonly text: string }
  | { readonly type: 'Remove'; readonly says: string; readonly path: string }
  | { readonly type: 'Run'; readonly says: string; readonly command: readonly string[] }
  /** May be refused by the host: then a person is told what is missing and how to mend it. */
  | {
      readonly type: 'Try';
      readonly says: string;
      readonly command: readonly string[];
      readonly otherwise: string;
    }
  | { readonly type: 'Nothing'; readonly says: string };

/** Throws when a unit is there that an administrator wrote. */
export function installSteps(
  place: Place,
  facts: InstallationFacts,
  options: Omit<UnitOptions, 'scope' | 'enabled'>,
): Step[] {
  const { scope, unitPath } = place;
  const enabled = enabledFor(place, facts);
  const text = unitText({ ...options, scope, enabled });
  if (facts.unit !== undefined) refuseForeign(facts.unit, unitPath);
  const isNew = facts.unit !== text;
  return [
    isNew
      ? {
          type: 'Write',
          says: `${facts.unit === undefined ? 'wrote' : 'changed'} ${unitPath}`,
          path: unitPath,
          text,
        }
      : { type: 'Nothing', says: `${unitPath} is as it should be` },
    ...(isNew
      ? [{ type: 'Run', says: 'systemd has read it', command: systemctl(scope, 'daemon-reload') } as const]
      : []),
    facts.socket.enabled && facts.socket.active
      ? { type: 'Nothing', says: 'podman.socket was enabled already' }
      : {
          type: 'Run',
          says: 'enabled podman.socket',
          command: systemctl(scope, 'enable', '--now', 'podman.socket'),
        },
    ...lingerSteps(place, facts),
    ...serviceSteps(scope, facts.service, isNew),
  ];
}

function lingerSteps({ scope, user }: Place, { linger }: InstallationFacts): Step[] {
  if (scope === 'system') return [];
  if (linger) return [{ type: 'Nothing', says: `${user} lingers already: services go on without a session` }];
  return [
    {
      type: 'Try',
      says: `enabled lingering for ${user}: services go on without a session`,
      command: ['loginctl', 'enable-linger', user],
      otherwise: notLingering(user),
    },
  ];
}

const notLingering = (user: string): string =>
  `${user} does not linger: at the last logout systemd ends this service and all agents, and at boot nothing starts; run: sudo loginctl enable-linger ${user}`;

export const lingerWarning = ({ user }: Place, { linger }: InstallationFacts): string | undefined =>
  linger ? undefined : notLingering(user);

function serviceSteps(scope: Scope, service: InstallationFacts['service'], isNew: boolean): Step[] {
  const steps: Step[] = service.enabled
    ? []
    : [
        {
          type: 'Run',
          says: `enabled ${UNIT}: it starts at boot`,
          command: systemctl(scope, 'enable', UNIT),
        },
      ];
  if (service.active && !isNew) return [...steps, { type: 'Nothing', says: `${UNIT} runs already` }];
  const verb = service.active ? 'restart' : 'start';
  return [
    ...steps,
    { type: 'Run', says: `${verb}ed ${UNIT}, and it is ready`, command: systemctl(scope, verb, UNIT) },
  ];
}

/** What is switched on now, with what an earlier installation switched on. */
function enabledFor({ scope }: Place, { unit, socket, linger }: InstallationFacts): Enabled[] {
  const before = unit === undefined ? [] : enabledBy(unit);
  const now: Enabled[] = [
    ...(socket.enabled ? [] : (['podman.socket'] as const)),
    ...(scope === 'system' || linger ? [] : (['linger'] as const)),
  ];
  return [...new Set([...before, ...now])];
}

/** Takes away what was installed; the agents and the state directory stay. */
export function uninstallSteps(
  { scope, unitPath, user }: Place,
  { unit, linger }: InstallationFacts,
): Step[] {
  if (unit === undefined) return [{ type: 'Nothing', says: `${unitPath} is not there; nothing to remove` }];
  refuseForeign(unit, unitPath);
  const ours = new Set(enabledBy(unit));
  return [
    {
      type: 'Run',
      says: `stopped and disabled ${UNIT}; the agents keep running`,
      command: systemctl(scope, 'disable', '--now', UNIT),
    },
    { type: 'Remove', says: `removed ${unitPath}`, path: unitPath },
    { type: 'Run', says: 'systemd has forgotten it', command: systemctl(scope, 'daemon-reload') },
    ...(ours.has('podman.socket')
      ? [
          {
            type: 'Run',
            says: 'disabled podman.socket, which the installation had enabled',
            command: systemctl(scope, 'disable', '--now', 'podman.socket'),
          } as const,
        ]
      : []),
    ...(ours.has('linger') && linger
      ? [
          {
            type: 'Try',
            says: `disabled lingering for ${user}, which the installation had enabled`,
            command: ['loginctl', 'disable-linger', user],
            otherwise: `${user} still lingers; run: sudo loginctl disable-linger ${user}`,
          } as const,
        ]
      : []),
  ];
}

function refuseForeign(unit: string, path: string): void {
  if (!isOurs(unit))
    throw new SystemdError(`${path} was not written by rookery service install; move it away first`);
}

export const systemctl = (scope: Scope, ...words: readonly string[]): string[] => [
  'systemctl',
  ...(scope === 'user' ? ['--user'] : []),
  ...words,
];
