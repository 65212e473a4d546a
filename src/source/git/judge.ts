import { type SourceFailureReason, shortCommit } from '../../api/source-status.ts';
import type { Verdict } from './verify.ts';

/** What is known of the newest commit of the remote before anything is done with it. */
export interface Candidate {
  readonly id: string;
  /** What is applied now. */
  readonly accepted: string | undefined;
  /** The applied commit is in its history. */
  readonly isDescendant: boolean;
  /** Somebody agreed to follow a rewritten history. */
  readonly mayRewrite: boolean;
  /** Absent when nobody asked for signatures. */
  readonly verdict?: Verdict;
}

export type Judgement =
  | { readonly accept: true }
  | { readonly accept: false; readonly reason: SourceFailureReason; readonly message: string };

/** The head alone must be signed: it names the whole tree, and nothing between is ever applied (ADR 9). */
export function judge({ id, accepted, isDescendant, mayRewrite, verdict }: Candidate): Judgement {
  const name = shortCommit(id);
  if (verdict?.verified === false)
    return { accept: false, reason: 'Unverified', message: `commit ${name}: ${verdict.message}` };
  if (accepted === undefined || isDescendant || mayRewrite) return { accept: true };
  return {
    accept: false,
    reason: 'HistoryRewritten',
    message: `commit ${name} does not have the applied ${shortCommit(accepted)} in its history; agree to the rewritten one: rookery sync --allow-non-fast-forward`,
  };
}
