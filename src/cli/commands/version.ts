import type { Action } from '../action.ts';
import packageJson from '../../../package.json' with { type: 'json' };

export const version: Action = ({ terminal }, { options }) => {
  const facts = {
    version: packageJson.version,
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  };
  const text = `rookery ${facts.version} (Node.js ${facts.node}, ${facts.platform})`;
  terminal.out(`${options['output'] === 'json' ? JSON.stringify(facts, null, 2) : text}\n`);
  return Promise.resolve(0);
};
