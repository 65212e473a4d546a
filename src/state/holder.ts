import type { AgentSpec } from '../api/agent.ts';
import { HOLDER_ANNOTATION } from '../api/labels.ts';
import type { ObservedContainer } from './observed.ts';
import type { ContainerTemplate, HolderTemplate } from './template.ts';

/** Old and new run side by side, or several of one kind: then the name cannot be a container's own. */
export const hasHolder = ({ rollout, replicas, hostNetwork, podGroup }: AgentSpec): boolean =>
  !hostNetwork && podGroup === undefined && (rollout.strategy !== 'Recreate' || replicas > 1);

export interface Share {
  readonly template: ContainerTemplate;
  readonly holder?: HolderTemplate;
}

/**
 * What a container would have alone goes to a holder: its names, its stable addresses, its published ports. The host
 * name too, for in the hosts file it is the holder's: who binds to it would find no such address.
 */
export function splitHolder(whole: ContainerTemplate): Share {
  if (whole.network.mode !== 'bridge') return { template: whole };
  const { hostname: _, ...template } = whole;
  const { networks } = whole.network;
  const nameless = networks.map(({ name }) => ({ name, aliases: [] }));
  return {
    template: { ...template, network: { mode: 'bridge', networks: nameless }, ports: [] },
    holder: { networks, ports: whole.ports },
  };
}

/** Its address is Podman's choice, and goes with no name: a replica's. */
export const isNameless = ({ network }: ContainerTemplate): boolean =>
  network.mode === 'bridge' && network.networks.every(({ ip }) => ip === undefined);

/** The agent's name leads to its own address: there can be one such container. */
export const hasNameItself = (template: ContainerTemplate): boolean =>
  template.network.mode === 'bridge' && !isNameless(template);

/** What a holder was made from, as it says itself: for as long as its manifest does not say. */
export function holderTemplateOf({ annotations }: ObservedContainer): HolderTemplate | undefined {
  try {
    const { networks, ports = [] } = JSON.parse(
      annotations[HOLDER_ANNOTATION] ?? '{}',
    ) as Partial<HolderTemplate>;
    // The canonical form drops what is empty: here it comes back.
    return networks && { networks: networks.map((one) => ({ ...one, aliases: one.aliases ?? [] })), ports };
  } catch {
    return undefined;
  }
}
