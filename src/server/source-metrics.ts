import { Gauge, type Metric } from 'prom-client';
import type { GitStatus, SourceStatus } from '../api/source-status.ts';

/** What is read of a git source when somebody asks; a directory has nothing to tell. */
export function createSourceMetrics(status: () => SourceStatus): Metric[] {
  const git = (): GitStatus | undefined => {
    const now = status();
    return now.type === 'Git' ? now : undefined;
  };
  const commit = new Gauge({
    name: 'rookery_source_commit_info',
    help: 'Always 1; its label is the commit that is applied.',
    labelNames: ['commit'],
    registers: [],
    collect() {
      this.reset();
      const id = git()?.commit?.id;
      if (id !== undefined) this.set({ commit: id }, 1);
    },
  });
  const fetched = new Gauge({
    name: 'rookery_source_last_fetch_timestamp_seconds',
    help: 'When the remote last answered.',
    registers: [],
    collect() {
      this.reset();
      const at = git()?.fetchedAt;
      if (at !== undefined) this.set(Date.parse(at) / 1_000);
    },
  });
  const failing = new Gauge({
    name: 'rookery_source_failing_since_timestamp_seconds',
    help: 'Why nothing newer is applied, and since when.',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset();
      const failure = git()?.failure;
      if (failure) this.set({ reason: failure.reason }, Date.parse(failure.since) / 1_000);
    },
  });
  return [commit, fetched, failing];
}
