import type {
  ContainerTemplate,
  HolderTemplate,
  PodTemplate,
  PublishedPort,
  ResourceLimits,
} from '../state/template.ts';

type Texts = Readonly<Record<string, string>>;

interface ContainerRef {
  readonly id: string;
  readonly name: string;
}

/** One call each; an executor needs no decision of its own to carry one out. */
export type Call =
  | { readonly type: 'PullImage'; readonly reference: string }
  | {
      readonly type: 'BuildImage';
      readonly tags: readonly string[];
      readonly contextDir: string;
      readonly containerfile: string;
      readonly args: Texts;
      readonly target?: string;
      readonly labels: Texts;
    }
  | {
      readonly type: 'ImportImage';
      readonly tarFile: string;
      readonly reference: string;
      readonly changes: readonly string[];
    }
  | { readonly type: 'TagImage'; readonly id: string; readonly reference: string }
  | { readonly type: 'RemoveImage'; readonly reference: string }
  | {
      readonly type: 'CheckPort';
      readonly port: PublishedPort;
      /** Ids of ours that do not run: one whose start was cut off may listen there all the same. */
      readonly mayListen: readonly string[];
    }
  | {
      readonly type: 'CreateContainer';
      readonly name: string;
      readonly template: ContainerTemplate;
      readonly labels: Texts;
      readonly annotations: Texts;
    }
  | {
      readonly type: 'StartContainer';
      readonly name: string;
      /** All paths of the host that it mounts; absent where only Podman knows them. */
      readonly binds?: readonly string[];
    }
  | ({ readonly type: 'StopContainer'; readonly graceSeconds: number } & ContainerRef)
  | ({ readonly type: 'SignalContainer'; readonly signal: string } & ContainerRef)
  | ({ readonly type: 'RemoveContainer' } & ContainerRef)
  | ({ readonly type: 'RenameContainer'; readonly to: string } & ContainerRef)
  | ({ readonly type: 'UpdateContainer'; readonly limits: ResourceLimits } & ContainerRef)
  | ({
      readonly type: 'ConnectNetwork';
      readonly network: string;
      readonly ip?: string;
      readonly aliases: readonly string[];
    } & ContainerRef)
  | ({ readonly type: 'DisconnectNetwork'; readonly network: string } & ContainerRef)
  | ({ readonly type: 'CaptureLogs'; readonly tailLines: number } & ContainerRef)
  | {
      readonly type: 'CreateHolder';
      readonly name: string;
      readonly template: HolderTemplate;
      readonly labels: Texts;
      readonly annotations: Texts;
    }
  /** New connections go there from now on, established ones stay where they are. */
  | ({ readonly type: 'RouteTraffic'; readonly to: readonly string[] } & ContainerRef)
  | {
      readonly type: 'CreatePod';
      readonly name: string;
      readonly template: PodTemplate;
      readonly labels: Texts;
    }
  | { readonly type: 'RemovePod'; readonly id: string; readonly name: string }
  | {
      readonly type: 'CreateNetwork';
      readonly name: string;
      readonly driver: string;
      readonly subnets: readonly string[];
      readonly internal: boolean;
      readonly dns: boolean;
      readonly options: Texts;
      readonly labels: Texts;
    }
  | { readonly type: 'RemoveNetwork'; readonly name: string }
  | {
      readonly type: 'CreateVolume';
      readonly name: string;
      readonly driver: string;
      readonly options: Texts;
      readonly labels: Texts;
    }
  | { readonly type: 'ExportVolume'; readonly name: string; readonly toFile: string }
  | { readonly type: 'RestoreVolume'; readonly name: string; readonly fromFile: string }
  | { readonly type: 'RemoveVolume'; readonly name: string }
  /** The value is never part of an operation: plans are printed and journalled. */
  | { readonly type: 'CreateSecret'; readonly name: string }
  | { readonly type: 'RemoveSecret'; readonly name: string };

export type CallType = Call['type'];
export type CallOf<T extends CallType> = Extract<Call, { type: T }>;

/** A call and why it is made: logs, dry runs and tests explain themselves. */
export type Operation = Call & { readonly cause: string };

export interface Plan {
  readonly operations: readonly Operation[];
}

export const EMPTY_PLAN: Plan = { operations: [] };

/** What a call is about, as a person names it. */
export function subjectOf(call: Call): string {
  switch (call.type) {
    case 'PullImage':
    case 'ImportImage':
    case 'RemoveImage':
    case 'TagImage':
      return call.reference;
    case 'BuildImage':
      return call.tags[0] ?? call.contextDir;
    case 'CheckPort':
      return `${call.port.hostIP}:${call.port.hostPort}/${call.port.protocol}`;
    case 'RouteTraffic':
      return `${call.name} to ${call.to.join(' and ') || 'nobody'}`;
    default:
      return call.name;
  }
}

/** `create container ai-system.coordinator-3f9c21ab-1-0`: a call as one readable phrase. */
export const phraseOf = (call: Call): string =>
  `${call.type.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()} ${subjectOf(call)}`;

/** One line an operation, the cause behind it. */
export const formatPlan = (plan: Plan): string =>
  plan.operations.map((operation) => `${phraseOf(operation)} (${operation.cause})`).join('\n');
