import { absentIsDone } from './absence.ts';
import type { Dial, DialRequest, Reply } from './dial.ts';
import type { Podman } from './podman.ts';
import { isRefusal } from './refusal.ts';

type SecretCalls = Pick<Podman, 'listSecrets' | 'createSecret' | 'removeSecret'>;

/** Said where one of Podman's own files is empty. */
const TORN = /unexpected end of JSON input/;

/** Mends what a service that was killed left of the secrets; `false` when there is nothing to mend. */
export type MendSecrets = () => Promise<boolean>;

export function secretCalls(dial: Dial, mend: MendSecrets): SecretCalls {
  const insist = <T>(request: DialRequest): Promise<Reply<T>> =>
    dial.call<T>(request).catch(async (error: unknown) => {
      if (!isRefusal(error) || !TORN.test(error.message) || !(await mend())) throw error;
      return dial.call<T>(request);
    });

  return {
    async listSecrets(prefix) {
      const reply = await insist<WireSecret[]>({
        method: 'GET',
        path: '/secrets/json',
        what: 'list secrets',
      });
      const names = (reply.body ?? []).map((secret) => secret.Spec?.Name ?? '');
      return names.filter((name) => name !== '' && name.startsWith(prefix));
    },

    async createSecret(name, value) {
      const upload = { data: Buffer.from(value), contentType: 'application/octet-stream' };
      const what = `create secret ${name}`;
      await insist({ method: 'POST', path: '/secrets/create', query: { name }, upload, what });
    },

    async removeSecret(name) {
      const path = `/secrets/${encodeURIComponent(name)}`;
      await absentIsDone(insist({ method: 'DELETE', path, what: `remove secret ${name}` }));
    },
  };
}

interface WireSecret {
  readonly Spec?: { readonly Name?: string };
}
