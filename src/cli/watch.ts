import type { ApiObject, EventObject } from '../api/status.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { CliError } from './errors.ts';

export interface Change<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
}

/** Changes of one collection since `resourceVersion`, until the controller ends. */
export async function* watchChanges<T extends ApiObject | EventObject>(
  api: ApiClient,
  path: string,
  resourceVersion: string,
): AsyncIterable<Change<T>> {
  const query = new URLSearchParams({ watch: 'true', resourceVersion });
  for await (const line of api.lines(`${path}?${query.toString()}`)) {
    if (line.trim() === '') continue;
    const change = JSON.parse(line) as Change<T> | { type: 'ERROR'; object: StatusLike };
    if (change.type === 'ERROR')
      throw new ApiError(
        change.object.code ?? 500,
        change.object.reason ?? '',
        change.object.message ?? line,
      );
    if (change.type === 'ADDED' || change.type === 'MODIFIED' || change.type === 'DELETED') yield change;
  }
  throw new CliError('the controller ended; start it again with: rookery run');
}

interface StatusLike {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}
