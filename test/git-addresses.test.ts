import { describe, expect, test } from 'vitest';
import { parseGitUrl } from '../src/api/git-url.ts';
import { submoduleUrl } from '../src/source/git/elsewhere-url.ts';

describe('addresses that a repository names', () => {
  const resolve = (text: string, parent: string, main = parent): string =>
    submoduleUrl({ text, parent: parseGitUrl(parent), main: parseGitUrl(main) }).text;

  test.each([
    ['../lib.git', 'https://h/me/fleet.git', 'https://h/me/lib.git'],
    ['./lib', 'https://h/me/fleet.git/', 'https://h/me/fleet.git/lib'],
    ['../../you/lib', 'https://h/me/fleet.git', 'https://h/you/lib'],
    ['../lib.git', 'git@h:me/fleet.git', 'git@h:me/lib.git'],
    ['../lib.git', 'git@h:fleet.git', 'git@h:lib.git'],
    ['../lib.git', '/srv/fleet.git', '/srv/lib.git'],
    ['git@other:lib.git', 'https://h/fleet.git', 'git@other:lib.git'],
    ['https://other/lib.git', 'git@h:fleet.git', 'https://other/lib.git'],
    ['/srv/lib.git', 'file:///srv/fleet.git', '/srv/lib.git'],
  ])('%s of %s is %s', (text, parent, url) => expect(resolve(text, parent)).toBe(url));

  test.each([
    ['/srv/lib.git', 'https://h/fleet.git', /file is not followed/],
    ['file:///srv/lib.git', 'git@h:fleet.git', /file is not followed/],
    ['http://169.254.169.254/x', 'https://h/fleet.git', /http is not followed/],
    ['ext::sh -c id', '/srv/fleet.git', /./],
    ['ext::id', '/srv/fleet.git', /must be an https/],
    ['fd::17', '/srv/fleet.git', /must be an https/],
    ['--upload-pack=id', '/srv/fleet.git', /must be an https/],
    ['-oProxyCommand=id:x', '/srv/fleet.git', /./],
    ['https://me:secret@h/lib.git', 'https://h/fleet.git', /password or a token/],
    ['../../../x/lib.git', 'https://h/me/fleet.git', /leads out of the host/],
    ['../../lib.git', 'git@h:fleet.git', /leads out of the host|must be an https/],
  ])('%s of %s is refused', (text, parent, said) => expect(() => resolve(text, parent)).toThrow(said));
});
