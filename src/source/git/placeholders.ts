import type { Elsewhere } from './contents.ts';

const MOST_NAMED = 3;

/** What to say of a commit that is applied without all that it names. */
export function placeholdersOf(elsewhere: readonly Elsewhere[]): string[] {
  return [
    ...sentence('Submodule', elsewhere, 'left as empty directories; to check them out: --git-submodules'),
    ...sentence('LfsFile', elsewhere, 'left as pointers; to fetch them: --git-lfs'),
  ];
}

function sentence(type: Elsewhere['type'], elsewhere: readonly Elsewhere[], what: string): string[] {
  const paths = elsewhere.filter((one) => one.type === type && !one.isHere).map(({ path }) => path);
  if (paths.length === 0) return [];
  const more = paths.length > MOST_NAMED ? ` and ${paths.length - MOST_NAMED} more` : '';
  const kind = type === 'Submodule' ? 'submodules' : 'LFS files';
  return [`${kind} ${paths.slice(0, MOST_NAMED).join(', ')}${more} are ${what}`];
}

/** A container that was given a pointer for its model would start, and be wrong. */
export const placeholderMounted = (path: string, { path: missing, type }: Elsewhere): string => {
  const where = path === missing ? 'it is' : `it holds "${missing}",`;
  return type === 'Submodule'
    ? `${where} a submodule that is not checked out; run with --git-submodules`
    : `${where} only a pointer to a file in git LFS; run with --git-lfs`;
};
