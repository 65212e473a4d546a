import { kindNames } from '../../api/kind-names.ts';
import type { AgentStatus, ApiObject } from '../../api/status.ts';
import type { Action } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import { describeAgent, describeObject } from '../description.ts';
import { CliError } from '../errors.ts';
import type { EventList } from '../event-table.ts';
import { findObject, type ObjectList } from '../find-object.ts';
import { eventsPath, objectsPath } from '../paths.ts';
import { parseTarget } from '../targets.ts';

export const describe: Action = async ({ terminal, services, config }, { args }) => {
  const { kinds: named, names } = parseTarget(args);
  const [kind] = named;
  const [name] = names;
  if (!kind || named.length > 1 || name === undefined)
    throw new CliError('describe takes one kind and one name, such as: rookery describe agent coordinator');
  const { namespace } = config;
  const api = createApiClient(config.apiSocketPath);
  const object = await findObject(api, { kind, namespace, name });
  const { items } = await api.get<EventList>(eventsPath(namespace));
  const events = items.filter(
    ({ involvedObject }) => involvedObject.kind === kind.kind && involvedObject.name === name,
  );
  const surroundings = { events, nowMs: services.nowMs() };
  if (kind.kind !== 'Agent') {
    terminal.out(describeObject(object, surroundings));
    return 0;
  }
  const agents = await api.get<ObjectList>(objectsPath(kindNames.Agent, namespace));
  terminal.out(
    describeAgent(object as AgentObject, { ...surroundings, agents: agents.items as AgentObject[] }),
  );
  return 0;
};

type AgentObject = ApiObject & { readonly status?: AgentStatus };
