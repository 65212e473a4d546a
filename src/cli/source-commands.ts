import type { CommandDefinition } from './command-definition.ts';
import { approvePrune, output } from './common-options.ts';

/** About where the manifests come from, and what follows from that. */
export const sourceCommands: readonly CommandDefinition[] = [
  {
    name: 'status',
    summary: 'Show where the manifests come from, what is applied, and how far it is',
    options: [output(['text', 'json'])],
    examples: [
      ['rookery status', 'the commit that is applied, when the remote last answered, what is missing'],
    ],
    exitCodes: '0 when everything is applied and healthy, 1 when not',
  },
  {
    name: 'sync',
    summary: 'Let the controller look for something newer now',
    options: [
      {
        flags: '--allow-non-fast-forward',
        description: 'agree to a rewritten history, this once',
      },
      { flags: '--now', description: 'apply at once what waits for a sync window, this once' },
      approvePrune,
    ],
    examples: [
      ['rookery sync', 'do not wait for the next interval'],
      ['rookery sync --now', 'do not wait for the sync window either'],
    ],
    exitCodes:
      '0 when the newest manifests are applied, 1 when one of them is refused, waits for consent or for a sync window, or the remote does not answer',
  },
  {
    name: 'prune',
    summary: 'Show the removals that wait for consent, and agree to them',
    arguments: [
      { name: '<action>', description: 'list, or approve' },
      {
        name: '[object...]',
        description: 'approve: KIND/NAME or KIND/NAMESPACE/NAME of what may be removed',
      },
    ],
    options: [{ flags: '--all', description: 'approve: everything that waits' }, output(['table', 'json'])],
    examples: [
      ['rookery prune list', 'what the guard against many removals at once holds back'],
      ['rookery prune approve agent/old volume/old', 'these may go'],
    ],
    exitCodes: 'of list 0 when nothing waits, 2 when something does; else 0, or 1 on errors',
  },
  {
    name: 'volume',
    summary: 'Show what was saved of removed volumes, and put it back',
    arguments: [
      { name: '<action>', description: 'exports, or restore' },
      { name: '[name]', description: 'restore: the Volume to put it into, which must be empty and unused' },
    ],
    options: [
      { flags: '--from <file>', description: 'restore: this export, by its file name (default: the newest)' },
      output(['table', 'json']),
    ],
    examples: [
      ['rookery volume exports', 'what there is to go back to'],
      ['rookery volume restore data -n ai-system', 'put the newest export into it'],
    ],
  },
  {
    name: 'secrets',
    summary: 'Make keys, and encrypt, edit or re-encrypt the Secrets of manifests',
    arguments: [
      { name: '<action>', description: 'keygen, encrypt, edit or rotate' },
      { name: '[file...]', description: 'manifests; encrypt without one takes a value from standard input' },
    ],
    options: [
      {
        flags: '--recipient <key>',
        repeatable: true,
        description: 'whom to encrypt for, age1…; may be repeated (default: our own keys)',
      },
    ],
    examples: [
      ['rookery secrets keygen', 'make a key; prints the public half, which others encrypt for'],
      ['rookery secrets encrypt secret.yaml', 'encrypt every value of the Secrets in a manifest'],
      ['rookery secrets edit secret.yaml', 'edit them in $EDITOR; no disk sees them'],
      [
        'rookery secrets rotate secret.yaml --recipient age1… --recipient age1…',
        'encrypt them for others from now on',
      ],
    ],
  },
];
