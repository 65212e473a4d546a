import { keyString } from '../../src/api/key.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { wishHash } from '../../src/state/revision.ts';
import { findRevision, type Gating, type Wish } from './facts.ts';
import { HAS_FAILED } from './machine.ts';

export interface ChangeInput {
  readonly record: AgentRecord | undefined;
  readonly wish: Wish | undefined;
  /** Of the manifests as they are now; asked for only by an agent that is about to follow them. */
  readonly digest: () => string;
}

/**
 * Which change an agent follows, or is about to: agents that were sent off by one edit, or run from one image that was
 * made anew, are of one change. In the record, so that a restart of the controller does not split it.
 */
export function changeOf({ record, wish, digest }: ChangeInput): string | undefined {
  if (!record || !wish) return record?.change;
  if (wishHash(wish.template) !== record.wishHash) return `files-${digest()}`;
  const target = findRevision(record, record.targetRevision);
  const isSameImage = !target || !wish.imageKnown || target.template.image.id === wish.template.image.id;
  return isSameImage ? record.change : `image-${wish.template.image.id.slice(0, 12)}`;
}

/** The first failed update of a change stops what has not begun of it: the next would most likely fail the same way. */
export function changeGate(
  change: string | undefined,
  own: AgentRecord,
  records: readonly AgentRecord[],
): Gating {
  if (change === undefined) return { open: true };
  const failed = records
    .filter((record) => record.change === change && record.currentRevision !== undefined)
    .filter(({ state, key }) => HAS_FAILED.has(state) && keyString(key) !== keyString(own.key))
    .sort((left, right) => left.stateEnteredAtMs - right.stateEnteredAtMs)[0];
  if (!failed) return { open: true };
  const { key, reason, message } = failed;
  return {
    open: false,
    reason: 'ChangeStopped',
    message: `stopped with the change that it is part of: ${key.name} failed: ${reason} (${message}); edit the manifests, or have ${key.name} tried again`,
  };
}
