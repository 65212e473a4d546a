export type ConditionStatus = 'True' | 'False' | 'Unknown';

export type ConditionType =
  | 'Ready'
  | 'Reconciling'
  | 'Stalled'
  | 'Synced'
  | 'Available'
  | 'Progressing'
  | 'Degraded'
  | 'DependenciesReady';

/** Kubernetes' `metav1.Condition`; `lastTransitionTime` is RFC 3339. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration: number;
}

export type ConditionClaim = Omit<Condition, 'lastTransitionTime'>;

/** Stamps `lastTransitionTime` only where `status` changed, as the Kubernetes API conventions ask. */
export function mergeConditions(
  previous: readonly Condition[],
  claims: readonly ConditionClaim[],
  nowMs: number,
): Condition[] {
  return claims.map((claim) => {
    const before = previous.find((condition) => condition.type === claim.type);
    const lastTransitionTime =
      before?.status === claim.status ? before.lastTransitionTime : new Date(nowMs).toISOString();
    return { ...claim, lastTransitionTime };
  });
}
