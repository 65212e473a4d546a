import { absentIsDone } from './absence.ts';
import type { Dial } from './dial.ts';
import type { Podman } from './podman.ts';

type SecretCalls = Pick<Podman, 'listSecrets' | 'createSecret' | 'removeSecret'>;

export function secretCalls(dial: Dial): SecretCalls {
  return {
    async listSecrets(prefix) {
      const reply = await dial.call<WireSecret[]>({
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
      await dial.call({ method: 'POST', path: '/secrets/create', query: { name }, upload, what });
    },

    async removeSecret(name) {
      const path = `/secrets/${encodeURIComponent(name)}`;
      await absentIsDone(dial.call({ method: 'DELETE', path, what: `remove secret ${name}` }));
    },
  };
}

interface WireSecret {
  readonly Spec?: { readonly Name?: string };
}
