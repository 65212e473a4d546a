import type { ReplicaRef } from '../state/replica.ts';
import type { Revision } from '../state/record.ts';
import type { HolderTemplate } from '../state/template.ts';

/** What should run of one agent: policy writes it, `planAgent` turns it into calls. It knows no states. */
export interface AgentAim {
  readonly image?: ImageAim;
  readonly containers: readonly ContainerAim[];
  /** Containers of the agent that `containers` does not name. */
  readonly others: 'Leave' | { readonly remove: string; readonly graceSeconds: number };
  /** Absent: the name is the container's own, and a holder goes with the `others`. */
  readonly holder?: HolderAim;
}

/** The container that has the agent's name, stable address and published ports in place of its replicas. */
export interface HolderAim {
  readonly template: HolderTemplate;
  /** Who is to answer; while none of them has an address, traffic stays where it goes now. Empty: nobody. */
  readonly route: readonly ReplicaRef[];
  readonly cause: string;
}

export interface ContainerAim {
  readonly revision: Revision;
  readonly attempt: number;
  readonly ordinal: number;
  readonly want: 'Running' | 'Created' | 'Stopped' | 'Absent' | 'Untouched';
  readonly cause: string;
  /** How long a stop may take; a failed candidate gets less than its template says. */
  readonly graceSeconds: number;
  /** Networks, name and limits are put right in place. */
  readonly correctDrift: boolean;
  readonly signal?: string;
  readonly captureLogs?: boolean;
}

export type ImageAim =
  | {
      readonly type: 'Pull';
      readonly reference: string;
      /** A tag that says that the image came by us. */
      readonly mark?: string;
      readonly cause: string;
    }
  | {
      readonly type: 'Build';
      readonly tags: readonly string[];
      readonly contextDir: string;
      readonly containerfile: string;
      readonly args: Readonly<Record<string, string>>;
      readonly target?: string;
      readonly inputHash: string;
      readonly cause: string;
    };

/** Whose containers they are: what every label of a new one says. */
export interface Ownership {
  readonly ownerLabels: Readonly<Record<string, string>>;
  readonly key: { readonly kind: string; readonly namespace: string; readonly name: string };
}
