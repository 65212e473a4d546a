import { messageOf } from '../../api/errors.ts';
import {
  type GitStatus,
  shortCommit,
  type SourceFailure,
  type SourceFailureReason,
} from '../../api/source-status.ts';
import type { Checkout, Checkouts } from './checkouts.ts';
import type { Reach } from './contents.ts';
import { UnreachableError } from './git.ts';
import { judge } from './judge.ts';
import type { Repository } from './repository.ts';
import type { GitSettings } from './settings.ts';
import { type Verdict, verifyCommit } from './verify.ts';

/** What is applied, and what is told of it. */
export interface Applied {
  readonly checkout: Checkout;
  readonly signer?: string;
}

export interface Follower {
  readonly repository: Repository;
  readonly checkouts: Checkouts;
  readonly settings: GitSettings;
}

/** Thrown when a commit is not applied. */
export class RefusedError extends Error {
  readonly reason: SourceFailureReason;
  readonly commit: string | undefined;

  constructor(reason: SourceFailureReason, message: string, commit?: string) {
    super(message);
    this.reason = reason;
    this.commit = commit;
  }
}

/** Does one step and gives its failure a reason; what another host kept from us is always that. */
async function step<T>(reason: SourceFailureReason, work: () => Promise<T>, commit?: string): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const why = error instanceof UnreachableError ? 'FetchFailed' : reason;
    throw new RefusedError(why, messageOf(error), commit);
  }
}

export const fetchHead = ({ repository }: Follower): Promise<string> =>
  step('FetchFailed', () => repository.fetch());

/** What an earlier run applied, if it still may be. */
export async function resume(follower: Follower): Promise<Applied | undefined> {
  const { repository } = follower;
  const id = await step('CheckoutFailed', () => repository.accepted());
  if (id === undefined) return undefined;
  const verdict = await verdictOf(follower, id);
  if (verdict?.verified === false)
    throw new RefusedError('Unverified', `commit ${shortCommit(id)}: ${verdict.message}`, id);
  return appliedOf(follower, { id, verdict, reach: 'Local' });
}

/**
 * Gets everything of `head` here, when it may be applied at all: nothing that an unsigned commit names is asked.
 * @throws RefusedError
 */
export async function gather(follower: Follower, head: string, mayRewrite: boolean): Promise<Applied> {
  const { repository } = follower;
  const accepted = await step('CheckoutFailed', () => repository.accepted(), head);
  const [isDescendant, verdict] = await Promise.all([
    accepted === undefined || step('CheckoutFailed', () => repository.descends(head, accepted), head),
    verdictOf(follower, head),
  ]);
  const judgement = judge({
    id: head,
    accepted,
    isDescendant,
    mayRewrite: mayRewrite || follower.settings.allowNonFastForward,
    ...(verdict && { verdict }),
  });
  if (!judgement.accept) throw new RefusedError(judgement.reason, judgement.message, head);
  return appliedOf(follower, { id: head, verdict, reach: 'Remote' });
}

/** What the next run goes on with. Its files are whole before anything says that it is applied. */
export async function accept({ repository }: Follower, { checkout }: Applied): Promise<void> {
  const { id } = checkout.commit;
  await step('CheckoutFailed', () => repository.accept(id), id);
}

const verdictOf = async (
  { repository, settings: { verify } }: Follower,
  id: string,
): Promise<Verdict | undefined> =>
  verify && step('Unverified', () => verifyCommit(repository, id, verify), id);

interface Allowed {
  readonly id: string;
  readonly verdict: Verdict | undefined;
  readonly reach: Reach;
}

async function appliedOf({ checkouts }: Follower, { id, verdict, reach }: Allowed): Promise<Applied> {
  const checkout = await step('CheckoutFailed', () => checkouts.of(id, reach), id);
  return { checkout, ...(verdict?.verified && { signer: verdict.signer }) };
}

/** A failure that goes on keeps the time at which it began. */
export function failureOf(error: unknown, before: GitStatus, nowMs: number): SourceFailure {
  const { reason, commit } =
    error instanceof RefusedError ? error : { reason: 'CheckoutFailed' as const, commit: undefined };
  const goesOn = before.failure?.reason === reason && before.failure.commit === commit;
  return {
    reason,
    message: messageOf(error),
    since: (goesOn && before.failure?.since) || new Date(nowMs).toISOString(),
    ...(commit !== undefined && { commit }),
  };
}
