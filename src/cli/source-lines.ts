import { type GitStatus, shortCommit, type SourceStatus } from '../api/source-status.ts';
import { ageOf } from './duration.ts';

/** Name and value of what there is to say about a source. */
export function sourceLines(source: SourceStatus, nowMs: number): [string, string][] {
  if (source.type === 'Directory') return [['Source', source.origin]];
  const { origin, branch, paths, commit, failure } = source;
  const where = paths.filter((path) => path !== '').join(', ');
  return [
    ['Source', `${origin}, branch ${branch}${where === '' ? '' : `, ${where}`}`],
    [
      'Commit',
      commit
        ? `${shortCommit(commit.id)} "${commit.subject}" by ${commit.author}, ${ageOf(commit.committedAt, nowMs)} ago`
        : 'none yet',
    ],
    ['Fetched', source.fetchedAt === undefined ? 'never' : `${ageOf(source.fetchedAt, nowMs)} ago`],
    ['Signature', signature(source)],
    ...((source.plaintextSecrets ?? []).length > 0
      ? ([['Warning', `Secrets in plain text: ${source.plaintextSecrets?.join(', ')}`]] as [string, string][])
      : []),
    ...(source.placeholders ?? []).map((sentence): [string, string] => ['Warning', sentence]),
    ...(failure
      ? ([['Problem', `${failure.reason} for ${ageOf(failure.since, nowMs)}: ${failure.message}`]] as [
          string,
          string,
        ][])
      : []),
  ];
}

function signature({ verification, commit }: GitStatus): string {
  if (!verification) return 'not asked for';
  const { type, signer } = verification;
  return commit ? `good (${type}), by ${signer ?? 'a trusted key'}` : `${type}, nothing verified yet`;
}
