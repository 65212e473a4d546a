import { ApiError, createApiClient } from './api-client.ts';
import { type Context, wait } from './context.ts';

export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
}

export interface LogLine {
  /** RFC 3339, when asked for and known. */
  readonly at?: string;
  readonly text: string;
}

const RETRY_AFTER_MS = 1_000;
const BAD_REQUEST = 400;

/** What one agent writes; followed beyond a restart or an update, into the next container. */
export async function* agentLines(context: Context, name: string, query: LogQuery): AsyncIterable<LogLine> {
  const { config, services } = context;
  const api = createApiClient(config.apiSocketPath);
  const base = `/api/v1/namespaces/${config.namespace}/pods/${encodeURIComponent(name)}/log`;
  let search = searchOf(query);
  for (;;) {
    let lastAt = new Date(services.nowMs()).toISOString();
    try {
      for await (const raw of api.lines(`${base}?${search.toString()}`)) {
        const line = query.timestamps ? splitTime(raw) : { text: raw };
        lastAt = line.at ?? lastAt;
        yield line;
      }
    } catch (error) {
      const isBetweenContainers = error instanceof ApiError && error.code === BAD_REQUEST;
      if (!query.follow || !isBetweenContainers) throw error;
    }
    if (!query.follow || query.previous) return;
    search = searchOf({ ...query, sinceTime: justAfter(lastAt) });
    await wait(context, RETRY_AFTER_MS);
  }
}

/** `sinceTime` stands for what `tail` and `since` asked for the first time. */
function searchOf(query: LogQuery & { readonly sinceTime?: string }): URLSearchParams {
  const { sinceTime, tailLines, sinceSeconds } = query;
  return new URLSearchParams({
    follow: String(query.follow),
    previous: String(query.previous),
    timestamps: String(query.timestamps),
    ...(sinceTime !== undefined && { sinceTime }),
    ...(sinceTime === undefined && tailLines !== undefined && { tailLines: String(tailLines) }),
    ...(sinceTime === undefined && sinceSeconds !== undefined && { sinceSeconds: String(sinceSeconds) }),
  });
}

const justAfter = (at: string): string => new Date(Date.parse(at) + 1).toISOString();

function splitTime(raw: string): LogLine {
  const [, at, text] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/s.exec(raw) ?? [];
  return at !== undefined && text !== undefined ? { at, text } : { text: raw };
}
