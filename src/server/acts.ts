import type * as z from 'zod';
import { type ActRequest, resumeRequest, rolloutRequest, suspendRequest } from '../api/act-request.ts';
import { ApiError, badRequest } from './errors.ts';
import type { Subresource } from './route.ts';

type AgentAct = Extract<Subresource, { resource: 'Agent' }>['subresource'];

const REQUESTS: Readonly<Record<AgentAct, z.ZodType<ActRequest>>> = {
  rollout: rolloutRequest,
  suspend: suspendRequest,
  resume: resumeRequest,
};

const EXAMPLES: Readonly<Record<AgentAct, string>> = {
  rollout: '{"action":"undo|pause|resume|approve|abort|retry|restart","toRevision":"with undo, optional"}',
  suspend: '{"forSeconds":7200,"reason":"both optional"}',
  resume: '{}',
};

/** Throws BadRequest for what is no JSON, and Invalid (422) for what it says. */
export function readAct(subresource: AgentAct, body: string): ActRequest {
  const parsed = REQUESTS[subresource].safeParse(jsonOf(subresource, body));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`,
  );
  throw new ApiError(422, 'Invalid', `${problems.join('; ')}; the body is ${EXAMPLES[subresource]}`);
}

function jsonOf(subresource: AgentAct, body: string): unknown {
  if (body.trim() === '') return {};
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest(`the body is no JSON; it is ${EXAMPLES[subresource]}`);
  }
}
